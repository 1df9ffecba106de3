"""Pictures of least distortion: how far, for how many, and what images look like there (S004 figure 3.3)."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from numpy.typing import ArrayLike

from advgen_ray.report import numbers
from advgen_ray.report.blocks import Panel
from advgen_ray.report.plots_distances import bin_edges
from advgen_ray.report.plots_generation import picture_rows
from advgen_ray.report.style import DASHES, SERIES, WIDE, draw, in_percent, legend_above

DISTANCE = "L2 distance to the image (pixels in [0, 1])"


def distance_panel(distances: Mapping[str, pd.Series]) -> Panel:
    """Distribution of the distances found, one outline for each method of detection."""
    found = {method: _finite(values) for method, values in distances.items()}

    def paint(axes: Axes) -> None:
        edges = bin_edges(np.concatenate(list(found.values())))
        for place, (method, values) in enumerate(found.items()):
            color, dash = SERIES[place % len(SERIES)], DASHES[place % len(DASHES)]
            share = np.histogram(values, edges)[0] / max(len(distances[method]), 1)
            axes.stairs(share, edges, color=color, linestyle=dash, linewidth=1.7, label=method)
            if len(values):
                axes.axvline(float(values.mean()), color=color, linestyle=dash, linewidth=1.0, alpha=0.7)
        axes.set(xlabel=DISTANCE, ylabel="share of images per bin")
        in_percent(axes.yaxis)
        axes.set_ylim(bottom=0.0)
        legend_above(axes, num_columns=2)

    means = "; ".join(
        f"{method} {numbers.decimal(float(values.mean())) if len(values) else numbers.MISSING}"
        for method, values in found.items()
    )
    return draw("distortion-histogram", f"Distributions of the least L2 distortion found. Means: {means}.", WIDE, paint)


def reached_panel(distances: Mapping[str, pd.Series]) -> Panel:
    """Share of images that pass within a distance: the false positive rate over the size of the change."""

    def paint(axes: Axes) -> None:
        for place, (method, values) in enumerate(distances.items()):
            reached = np.sort(_finite(values))
            share = np.arange(1, len(reached) + 1) / len(values)
            axes.step(
                np.concatenate([[0.0], reached]),
                np.concatenate([[0.0], share]),
                where="post",
                color=SERIES[place % len(SERIES)],
                linestyle=DASHES[place % len(DASHES)],
                label=method,
            )
        axes.set(xlabel=DISTANCE, ylabel="images that pass within it", xlim=(0, None), ylim=(0, 1.02))
        in_percent(axes.yaxis)
        legend_above(axes, num_columns=2)

    told = "; ".join(f"{method} {numbers.percent(len(_finite(v)) / len(v))}" for method, v in distances.items())
    return draw("distortion-reached", f"Share of images found to pass, by distance. At any: {told}.", WIDE, paint)


def distortion_pictures(originals: ArrayLike, attacked: Mapping[str, ArrayLike], became: Sequence[str]) -> Panel:
    """Originals ``[N, C, H, W]`` above what they become at the least distortion found past each method."""
    alt = f"Images and the nearest found to pass: {', '.join(became)}; rows: original, {', '.join(attacked)}."
    return picture_rows("distortion-pictures", alt, {"original": originals, **attacked}, became)


def _finite(values: pd.Series) -> np.ndarray:
    array = values.to_numpy(dtype=float)
    return array[np.isfinite(array)]
