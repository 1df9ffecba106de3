"""Pictures of what raters saw: how often the target, by class and set, and counterfactuals that showed another."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from advgen_ray.report import numbers
from advgen_ray.report.blocks import Panel
from advgen_ray.report.plots_changes import changed_panel
from advgen_ray.report.plots_confusion import MAX_DRAWN_CLASSES
from advgen_ray.report.plots_detectors import HATCHES
from advgen_ray.report.style import SERIES, WIDE, draw, in_percent, legend_above

PICTURES_A_PANEL = 6


def least_seen(classes: pd.DataFrame) -> pd.DataFrame:
    """The rows of the classes in which raters see the target least, as many as can be drawn."""
    rate = classes.groupby("y_target")["target"].mean().sort_values(kind="stable")
    return classes[classes["y_target"].isin(rate.index[:MAX_DRAWN_CLASSES])]


def target_panel(classes: pd.DataFrame, class_names: Sequence[str]) -> Panel:
    """Bars: how often raters saw the class aimed at, by that class, one color a set; whiskers are 95% intervals.

    ``classes`` is that of ``analysis.ratings.RatingTables``, or some rows of it.
    """
    drawn, sets = sorted(classes["y_target"].unique()), list(dict.fromkeys(classes["set"]))
    width = 0.8 / len(sets)

    def paint(axes: Axes) -> None:
        for index, name in enumerate(sets):
            rows = classes[classes["set"] == name]
            places = np.array([drawn.index(target) for target in rows["y_target"]]) - 0.4 + width * (index + 0.5)
            value = rows["target"].to_numpy(float)
            whiskers = [value - rows["target_low"].to_numpy(float), rows["target_high"].to_numpy(float) - value]
            axes.bar(
                places, value, 0.9 * width, color=SERIES[index % len(SERIES)], hatch=HATCHES[index % len(HATCHES)],
                alpha=0.85, edgecolor="white", yerr=np.clip(whiskers, 0, None), capsize=2, label=name,
                error_kw={"elinewidth": 0.9},
            )  # fmt: skip
        names = [class_names[target] for target in drawn]
        axes.set_xticks(range(len(drawn)), names, rotation=0 if max(map(len, names)) <= 3 else 60)
        axes.set(xlabel="class aimed at", ylabel="raters see it", ylim=(0, 1.04))
        axes.grid(visible=False, axis="x")
        in_percent(axes.yaxis)
        legend_above(axes, num_columns=3, handlelength=1.4)

    told = "; ".join(
        f"{class_names[int(row['y_target'])]} in {row['set']} {numbers.percent(row['target'])}"
        for _, row in classes.iterrows()
    )
    return draw("target-seen-by-class", f"How often raters see the class aimed at: {told}.", WIDE, paint)


def misread_panels(
    pairs: pd.DataFrame, original: np.ndarray, changed: np.ndarray, class_names: Sequence[str]
) -> list[Panel]:
    """The pairs of ``analysis.ratings.misread``, six a panel: original, changed image and difference.

    ``original`` and ``changed`` are their pictures ``[N, C, H, W]`` in [0, 1].
    """
    names = [
        f"{class_names[row['source_label']]} → {class_names[row['y_target']]}\nseen {class_names[row['seen']]}"
        for row in pairs[["source_label", "y_target", "seen"]].to_dict("records")
    ]
    panels = []
    for begin in range(0, len(pairs), PICTURES_A_PANEL):
        part = slice(begin, begin + PICTURES_A_PANEL)
        alt = f"Counterfactuals that show raters another class than the target: {', '.join(names[part])}."
        name = f"seen-otherwise-{begin // PICTURES_A_PANEL + 1}"
        panels.append(changed_panel(name, alt, original[part], changed[part], ("source", "changed"), names[part]))
    return panels
