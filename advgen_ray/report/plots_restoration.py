"""Pictures of a restoration: images row by row, and how like the originals they are against the steps."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from advgen_ray.analysis.restoration import DEGRADED
from advgen_ray.report import numbers
from advgen_ray.report.blocks import Panel
from advgen_ray.report.plots_generation import picture_rows
from advgen_ray.report.style import DASHES, INK, MARKERS, SERIES, WIDE, draw

NAMES = {"ssim": "SSIM", "psnr": "PSNR (dB)"}


def rows_panel(name: str, title: str, rows: Mapping[str, np.ndarray]) -> Panel:
    """Rows of pictures ``[N, C, H, W]`` in [0, 1], each with its name; every column is one image."""
    alt = f"{title}: {max(map(len, rows.values()))} images, one a column; rows: {', '.join(rows)}."
    return picture_rows(name, alt, rows, title=title)


def dial_panel(name: str, table: pd.DataFrame, measure: str, models: list[str]) -> Panel:
    """Mean of a measure over test images against the steps, a line a model; level lines are of other methods.

    ``table`` is ``by_strength`` of one degradation and half.
    """

    def paint(axes: Axes) -> None:
        for place, model in enumerate(models):
            own = table[table["method"] == model]
            color = SERIES[place % len(SERIES)]
            axes.fill_between(own["strength"], own[f"{measure}_low"], own[f"{measure}_high"], color=color, alpha=0.15,
                              linewidth=0)  # fmt: skip
            axes.plot(own["strength"], own[measure], color=color, marker=MARKERS[place % len(MARKERS)],
                      linestyle=DASHES[place % len(DASHES)], label=model)  # fmt: skip
        before = table.loc[table["method"] == DEGRADED, measure]
        axes.axhline(float(before.iloc[0]), color=INK, linewidth=0.8, linestyle=":", label="left alone")
        axes.set_xscale("symlog", linthresh=1, linscale=0.5)
        ticks = sorted(table.loc[table["method"].isin(models), "strength"].unique())
        axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks], minor=False)
        axes.minorticks_off()
        axes.set(xlabel="steps up the logit", ylabel=NAMES[measure])
        axes.legend(frameon=False, fontsize=7.5)

    told = "; ".join(
        f"{model} from {numbers.decimal(own[measure].iloc[0])} to {numbers.decimal(own[measure].max())} at best"
        for model in models
        for own in [table[table["method"] == model]]
    )
    return draw(name, f"Mean {NAMES[measure]} against steps: {told}.", WIDE, paint)
