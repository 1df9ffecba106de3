"""Pictures of what training does: energy drift by epoch (S001 figures D, E), left-out images (figure F), TRADES."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from advgen_ray.report import numbers
from advgen_ray.report.blocks import Panel
from advgen_ray.report.style import (
    ATTACKED,
    DASHES,
    INK,
    NATURAL,
    SERIES,
    SMALL,
    WIDE,
    draw,
    in_percent,
    legend_above,
)

# Tol (2021), "muted" and ink: ten classes that colour-blind readers tell apart; further classes are grey.
CLASS_COLORS = (
    "#332288", "#88CCEE", "#44AA99", "#117733", "#999933", "#DDCC77", "#CC6677", "#882255", "#AA4499", INK,
)  # fmt: skip
OTHER_CLASS = "#b8bbbf"
SUBSET_NAMES = {
    "I": "I\nno incorrect",
    "C": "C\nfewer correct",
    "H": "H\nno correct of\nhigh energy",
    "L": "L\nno low energy",
}


def scatter_panels(rows: pd.DataFrame) -> list[Panel]:
    """S001 figure D: one panel a recorded epoch, natural and attacked images on common axes; rows as in B7."""
    limits = _limits(rows)
    return [_scatter(int(str(epoch)), images, limits) for epoch, images in rows.groupby("epoch", sort=True)]


def _scatter(epoch: int, images: pd.DataFrame, limits: dict[str, tuple[float, float]]) -> Panel:
    def paint(axes: Axes) -> None:
        for kind, color, marker in (("natural", NATURAL, "o"), ("attacked", ATTACKED, "x")):
            axes.scatter(
                images[f"{kind}_energy_x"], images[f"{kind}_energy_xy"], s=9, color=color, marker=marker, alpha=0.45,
                linewidths=0.7, rasterized=len(images) > 1000, label=kind,
            )  # fmt: skip
        _plane(axes, epoch, limits, pad=21)
        legend_above(axes, num_columns=2, handlelength=0.8)

    return draw(f"energies-epoch-{epoch}", f"Epoch {epoch}: E(x, y) against E(x). {_means(images)}", SMALL, paint)


def drift_by_class(arrows: pd.DataFrame, class_names: Sequence[str]) -> Panel:
    """S001 figure E, top: from each natural image to the attacked one, colored by label (``energy_dynamics.arrows``).

    Of more than ten classes, those after the tenth share one grey.
    """
    colors = [CLASS_COLORS[label] if label < len(CLASS_COLORS) else OTHER_CLASS for label in arrows["label"]]
    shown = list(zip(class_names, CLASS_COLORS, strict=False))
    if len(class_names) > len(shown):
        shown.append(("other", OTHER_CLASS))

    def paint(axes: Axes) -> None:
        _quiver(axes, arrows, color=colors)
        handles = [Line2D([], [], color=color, linewidth=3, label=name) for name, color in shown]
        axes.legend(handles=handles, loc="center left", bbox_to_anchor=(1.0, 0.5), handlelength=0.9)

    return _drift("class", arrows, WIDE, paint)


def drift_by_length(arrows: pd.DataFrame) -> Panel:
    """S001 figure E, bottom: the same arrows, colored by their length: the darker, the farther."""

    def paint(axes: Axes) -> None:
        quiver = _quiver(axes, arrows, arrows["drift"].to_numpy(float), cmap="cividis_r")
        axes.figure.colorbar(quiver, ax=axes, label="length of the drift", shrink=0.9)

    return _drift("length", arrows, WIDE, paint)


def _drift(name: str, arrows: pd.DataFrame, size: tuple[float, float], paint: Any) -> Panel:
    epoch = int(arrows["epoch"].iloc[0])
    alt = (
        f"Epoch {epoch}: drift of E(x) and E(x, y) under attack by {name}, {len(arrows)} images. {_means(arrows)} "
        f"Mean length {numbers.decimal(float(arrows['drift'].mean()))}."
    )

    def paint_plane(axes: Axes) -> None:
        paint(axes)
        _plane(axes, epoch, _limits(arrows))

    return draw(f"drift-{name}-epoch-{epoch}", alt, size, paint_plane)


def _quiver(axes: Axes, arrows: pd.DataFrame, *values: np.ndarray, **look: Any) -> Any:
    columns = ("natural_energy_x", "natural_energy_xy", "drift_x", "drift_xy")
    return axes.quiver(
        *(arrows[column].to_numpy(float) for column in columns), *values, **look,
        angles="xy", scale_units="xy", scale=1, width=0.004, alpha=0.75, rasterized=len(arrows) > 1000,
    )  # fmt: skip


def _plane(axes: Axes, epoch: int, limits: dict[str, tuple[float, float]], pad: float = 6) -> None:
    low, high = min(limits["xlim"][0], limits["ylim"][0]), max(limits["xlim"][1], limits["ylim"][1])
    axes.plot([low, high], [low, high], color="black", linestyle="--", linewidth=1.0, label="_cross-entropy 0")
    axes.set(**limits, xlabel="E(x)", ylabel="E(x, y), y the true class")
    axes.set_title(f"epoch {epoch}", pad=pad)


def _limits(rows: pd.DataFrame) -> dict[str, tuple[float, float]]:
    spans = {}
    for name, energy in (("xlim", "energy_x"), ("ylim", "energy_xy")):
        values = rows[[f"natural_{energy}", f"attacked_{energy}"]].to_numpy(float)
        margin = 0.04 * float(np.ptp(values)) or 0.5
        spans[name] = (float(values.min()) - margin, float(values.max()) + margin)
    return spans


def _means(images: pd.DataFrame) -> str:
    told = [
        f"{kind} images lie at ({numbers.decimal(float(images[f'{kind}_energy_x'].mean()))}, "
        f"{numbers.decimal(float(images[f'{kind}_energy_xy'].mean()))})"
        for kind in ("natural", "attacked")
    ]
    return f"On average {' and '.join(told)}."


def error_rate_panel(table: pd.DataFrame) -> Panel:
    """S001 figure F3, F4: test errors of models trained without each set; bars of one seed have no whisker.

    ``table`` is that of ``training_subsets.error_rates``; a subset called ``full`` is drawn as a line to compare with.
    """
    bars = table[table["subset"] != "full"]
    places = np.arange(len(bars))

    def paint(axes: Axes) -> None:
        kinds = (("clean", "clean", NATURAL, None), ("adversarial", "attacked", ATTACKED, "////"))
        for index, (kind, label, color, hatch) in enumerate(kinds):
            axes.bar(
                places + 0.38 * (index - 0.5), bars[f"{kind}_error"], 0.36, yerr=bars[f"{kind}_std"].fillna(0.0),
                color=color, alpha=0.85, hatch=hatch, edgecolor="white", capsize=3, label=label,
            )  # fmt: skip
            for error in table.loc[table["subset"] == "full", f"{kind}_error"]:
                axes.axhline(float(error), color=color, linestyle=":", label=f"{label}, all images")
        axes.set_xticks(places, [SUBSET_NAMES.get(name, name) for name in bars["subset"]])
        axes.set(ylabel="error rate on test images")
        in_percent(axes.yaxis)
        legend_above(axes, num_columns=2)

    told = "; ".join(
        f"{row['subset']}: clean {numbers.percent(row['clean_error'])}, attacked "
        f"{numbers.percent(row['adversarial_error'])}"
        for _, row in table.iterrows()
    )
    return draw("subset-errors", f"Test error rates by training set. {told}.", WIDE, paint)


def loss_terms_panel(history: Sequence[Mapping[str, Any]], terms: Mapping[str, str], title: str) -> Panel:
    """Terms of one loss by epoch, such as TRADES as energies (S001 section A.5): ``terms`` maps metric to label."""

    def paint(axes: Axes) -> None:
        for index, (metric, label) in enumerate(terms.items()):
            points = [(row["epoch"], row[metric]) for row in history if metric in row]
            axes.plot(
                *zip(*points, strict=True), color=SERIES[index % len(SERIES)], linestyle=DASHES[index % len(DASHES)],
                marker="o" if len(points) == 1 else None, label=label,
            )  # fmt: skip
        axes.axhline(0.0, color=INK, linewidth=0.8)
        axes.set(xlabel="epoch", ylabel=title)
        legend_above(axes, num_columns=2)

    last = history[-1]
    ends = ", ".join(f"{label} {numbers.decimal(float(last[metric]), 3)}" for metric, label in terms.items())
    return draw("loss-terms", f"{title} by epoch; at the end: {ends}.", WIDE, paint)
