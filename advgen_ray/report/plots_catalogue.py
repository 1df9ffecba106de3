"""Pictures of a catalogue row: our figures with their spread over seeds, the published ones on a scale of theirs."""

import textwrap
from collections.abc import Sequence

from matplotlib.axes import Axes

from advgen_ray.catalogue.entry import Unit
from advgen_ray.catalogue.results import Spread
from advgen_ray.report import numbers
from advgen_ray.report.blocks import Panel
from advgen_ray.report.style import BLUE, ORANGE, draw, in_percent

NAME_CHARACTERS = 44  # a longer name goes on in the next line: it would leave no room for the dots
INCHES_OF_A_GAP, INCHES_OF_A_LINE = 0.1, 0.16


def written(value: float | None, unit: Unit) -> str:
    """A figure in its unit, "" where it is missing."""
    if value is None:
        return ""
    return numbers.percent(value) if unit == "share" else numbers.decimal(value, 3 if abs(value) < 10 else 1)


def ours_panel(row_id: str, figures: Sequence[Spread], unit: Unit) -> Panel:
    """A dot a figure; where there are several seeds, the range over them as a line."""
    told = "; ".join(f"{one.name} {written(one.mean, unit)}" for one in figures if one.mean is not None)

    def paint(axes: Axes) -> None:
        for place, one in enumerate(figures):
            if one.low is not None and one.high is not None and one.mean is not None:
                axes.plot([one.low, one.high], [place, place], color=BLUE, linewidth=3.0, alpha=0.45)
                axes.plot([one.mean], [place], "o", color=BLUE)
        _label(axes, [one.name for one in figures], unit)

    return draw(f"catalogue-{row_id}-ours", f"Here: {told}.", _size(figures), paint)


def published_panel(row_id: str, figures: Sequence[Spread], unit: Unit) -> Panel | None:
    """The document's figures; None where it prints none."""
    printed = {one.name: one.published for one in figures if one.published is not None}
    told = "; ".join(f"{name} {written(value, unit)}" for name, value in printed.items())

    def paint(axes: Axes) -> None:
        for place, one in enumerate(figures):
            if one.published is not None:
                axes.plot([one.published], [place], "s", color=ORANGE)
        _label(axes, [one.name for one in figures], unit)

    return draw(f"catalogue-{row_id}-published", f"Published: {told}.", _size(figures), paint) if printed else None


def _label(axes: Axes, names: Sequence[str], unit: Unit) -> None:
    axes.set_yticks(range(len(names)), [textwrap.fill(name, NAME_CHARACTERS) for name in names])
    axes.set_ylim(len(names) - 0.4, -0.6)  # the first on top
    axes.margins(x=0.08)
    if unit == "share":  # ours and the published ones side by side: the same place means the same share
        low, high = axes.get_xlim()
        axes.set_xlim(min(0.0, low), max(1.0, high))
        in_percent(axes.xaxis)


def _size(figures: Sequence[Spread]) -> tuple[float, float]:
    lines = max(len(textwrap.wrap(one.name, NAME_CHARACTERS)) for one in figures)
    return 4.9, 0.7 + (INCHES_OF_A_GAP + lines * INCHES_OF_A_LINE) * max(len(figures), 2)
