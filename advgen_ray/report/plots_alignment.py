"""Pictures of gradients beside counterfactuals: their cosines by training radius and by distance."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from advgen_ray.report import numbers
from advgen_ray.report.blocks import Panel
from advgen_ray.report.style import BLUE, DASHES, INK, MARKERS, SERIES, SMALL, WIDE, draw, legend_above

LABELS = {"alignment": "to the counterfactual", "class_alignment": "to the target's mean image"}


def alignment_by_eps(table: pd.DataFrame) -> Panel:
    """Both mean cosines of each classifier against its training radius."""

    def paint(axes: Axes) -> None:
        for index, (measure, label) in enumerate(LABELS.items()):
            axes.errorbar(
                table["eps"], table[measure], yerr=table[f"{measure}_error"].fillna(0), color=SERIES[index],
                marker=MARKERS[index], linestyle=DASHES[index], capsize=3, elinewidth=1.0, label=label,
            )  # fmt: skip
        axes.set_xticks(table["eps"].unique(), [numbers.eps(eps) for eps in table["eps"].unique()])
        axes.set(xlabel="radius eps of adversarial training", ylabel="mean cosine")
        legend_above(axes, num_columns=2)

    told = "; ".join(
        f"{row['classifier']} {numbers.decimal(row['alignment'])} and {numbers.decimal(row['class_alignment'])}"
        for _, row in table.iterrows()
    )
    return draw("alignment-by-eps", f"Mean cosines to counterfactual and to class mean: {told}.", WIDE, paint)


def alignment_panels(points: pd.DataFrame, table: pd.DataFrame) -> list[Panel]:
    """One panel a classifier: each source's cosine against the mean distance of its CEs, on common axes."""
    margins = {
        f"{axis}lim": (float(points[key].min()) - pad, float(points[key].max()) + pad)
        for axis, key, pad in (("x", "mean_distance", 0.1), ("y", "alignment", 0.03))
    }
    by_name = dict(list(points.groupby("classifier", sort=False)))
    return [_panel(by_name[row["classifier"]], row, margins) for _, row in table.iterrows()]


def _panel(points: pd.DataFrame, row: pd.Series, limits: dict[str, tuple[float, float]]) -> Panel:
    x, y = points["mean_distance"].to_numpy(float), points["alignment"].to_numpy(float)
    r = numbers.decimal(row["alignment_correlation"])

    def paint(axes: Axes) -> None:
        axes.scatter(x, y, s=14, color=BLUE, alpha=0.5, linewidths=0, rasterized=len(x) > 2000)
        if np.isfinite(row["alignment_slope"]):
            ends = np.array([x.min(), x.max()])
            axes.plot(ends, y.mean() + row["alignment_slope"] * (ends - x.mean()), color=INK, linewidth=1.2)
        axes.set(**limits, xlabel="mean L2 to different-class CEs", ylabel="cosine to the CEs")
        axes.set_title(f"{row['classifier']}:  r = {r}")

    alt = f"{row['classifier']}: cosine against distance of {len(x)} sources, correlation {r}."
    return draw(f"alignment-{row['classifier']}", alt, SMALL, paint)
