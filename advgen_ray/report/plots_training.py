"""Pictures of training: how loss and accuracy went, one line a model."""

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes

from advgen_ray.report.blocks import Panel
from advgen_ray.report.style import DASHES, SERIES, SMALL, draw, in_percent, legend_above

History = Sequence[Mapping[str, Any]]


def training_panel(histories: Mapping[str, History], metric: str, title: str, percent: bool = False) -> Panel | None:
    """``metric`` over the course of training for each named model; None if no history holds it."""
    curves = {label: _curve(history, metric) for label, history in histories.items()}
    curves = {label: curve for label, curve in curves.items() if len(curve[0]) > 1}
    if not curves:
        return None
    unit = "epoch" if all("epoch" in row for history in histories.values() for row in history) else "step"

    def paint(axes: Axes) -> None:
        for index, (label, (x, y)) in enumerate(curves.items()):
            axes.plot(x, y, color=SERIES[index % len(SERIES)], linestyle=DASHES[index % len(DASHES)], label=label)
        axes.set(xlabel=unit, ylabel=title)
        if percent:
            in_percent(axes.yaxis)
        if len(curves) > 1:
            legend_above(axes, num_columns=3, handlelength=1.6)

    ends = ", ".join(f"{label} {curve[1][-1]:.3g}" for label, curve in curves.items())
    return draw(
        f"training-{metric.replace('_', '-')}-{len(curves)}", f"{title} by {unit}; at the end: {ends}.", SMALL, paint
    )


def _curve(history: History, metric: str) -> tuple[list[float], list[float]]:
    rows = [row for row in history if isinstance(row.get(metric), (int, float))]
    by = "epoch" if all("epoch" in row for row in history) else "step"
    return [float(row.get(by, index)) for index, row in enumerate(rows)], [float(row[metric]) for row in rows]
