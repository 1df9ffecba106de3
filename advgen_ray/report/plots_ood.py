"""Pictures of OOD detection: scores of each side, AUROC clean and at worst, images that were taken for data."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from advgen_ray.analysis.ood import IN
from advgen_ray.report import numbers
from advgen_ray.report.blocks import Panel
from advgen_ray.report.plots_generation import colored
from advgen_ray.report.style import ATTACKED, GREEN, INK, NATURAL, WIDE, draw, file_name, legend_above

NUM_BINS = 40
TAIL = 0.005  # of all scores at either end, drawn in the outermost bin
DECADES_FOR_LOG = 4.0
PICTURE_INCHES = 0.62
GAP = 0.12  # between pictures, of their side


@dataclass(frozen=True)
class Picture:
    """An image ``[C, H, W]`` in [0, 1], the set it is from and its score."""

    image: np.ndarray
    image_set: str
    score: float


def score_panel(rows: pd.DataFrame, detector: str) -> Panel:
    """Scores of a detector: images in distribution, OOD images clean and at their worst, of all sets together."""
    own = rows[rows["detector"] == detector]
    inside = own["image_set"] == IN
    sides = [
        ("in distribution", own.loc[inside, "clean_score"].to_numpy(dtype=float), NATURAL, "-"),
        ("OOD", own.loc[~inside, "clean_score"].to_numpy(dtype=float), GREEN, "--"),
        ("OOD at worst", own.loc[~inside, "worst_score"].to_numpy(dtype=float), ATTACKED, "-"),
    ]
    edges = _edges(np.concatenate([values for _, values, *_ in sides]))

    def paint(axes: Axes) -> None:
        for name, values, colour, dashes in sides:
            counts = np.histogram(values.clip(edges[0], edges[-1]), edges)[0] / len(values)
            axes.stairs(counts, edges, color=colour, linestyle=dashes, label=name, linewidth=1.4)
            axes.stairs(counts, edges, color=colour, alpha=0.12, fill=True)
        if edges[0] > 0 and edges[-1] / edges[0] > 10**DECADES_FOR_LOG:
            axes.set_xscale("log")
        axes.set_title(detector, pad=21)
        axes.set(xlabel="detection score, higher is further out", ylabel="share of images", ylim=(0, None))
        axes.set_xlim(edges[0], edges[-1])
        legend_above(axes, num_columns=3, handlelength=1.6)

    told = ", ".join(f"{name} {np.median(values):.3g}" for name, values, *_ in sides)
    return draw(f"ood-scores-{file_name(detector)}", f"Scores of {detector}; medians: {told}.", WIDE, paint)


def auroc_panel(table: pd.DataFrame, detectors: Sequence[str], sets: Sequence[str], case: str, title: str) -> Panel:
    """AUROC of every detector on every set, by colour and in figures: one look at which hold."""
    of_case = table[table["case"] == case].set_index(["detector", "image_set"])["auroc"]
    values = np.array([[of_case[detector, name] for name in sets] for detector in detectors])

    def paint(axes: Axes) -> None:
        axes.imshow(values, vmin=0, vmax=1, cmap="cividis", aspect="auto")
        for (i, j), value in np.ndenumerate(values):
            colour = "white" if value < 0.55 else INK
            axes.text(j, i, f"{value:.2f}", ha="center", va="center", fontsize=8, color=colour)
        axes.set_xticks(range(len(sets)), sets, rotation=40, ha="right", rotation_mode="anchor")
        axes.set_yticks(range(len(detectors)), detectors)
        axes.set_title(title)
        axes.tick_params(length=0)
        axes.grid(visible=False)

    told = "; ".join(f"{one} {row.min():.2f} to {row.max():.2f}" for one, row in zip(detectors, values, strict=True))
    size = (2.0 + 0.5 * len(sets), 1.3 + 0.3 * len(detectors))
    return draw(f"ood-auroc-{case}", f"{title}, positive class out of distribution: {told}.", size, paint)


def harmless_panel(pictures: Mapping[str, Sequence[Picture]]) -> Panel:
    """Attacked OOD images of lowest score, one row a detector; below each its set and score."""
    num_columns = max(map(len, pictures.values()))

    def paint(axes: Axes) -> None:
        for i, row in enumerate(pictures.values()):
            for j, one in enumerate(row):
                extent = (j, j + 1 - GAP, 1.5 * i + 1 - GAP, 1.5 * i)
                axes.imshow(colored(one.image[None])[0], extent=extent, interpolation="none")
                told = f"{one.image_set}\n{_short(one.score)}"
                middle = j + (1 - GAP) / 2
                axes.text(middle, 1.5 * i + 0.93, told, ha="center", va="top", fontsize=5, color=INK)
        axes.set(xlim=(0, num_columns - GAP), ylim=(1.5 * len(pictures) - 0.1, 0), aspect="equal")
        axes.set_yticks(1.5 * np.arange(len(pictures)) + (1 - GAP) / 2, list(pictures))
        axes.set_xticks([])
        axes.tick_params(length=0, labelsize=8, labelcolor=INK)
        axes.grid(visible=False)
        for spine in axes.spines.values():
            spine.set_visible(False)

    alt = "; ".join(
        f"{name}: {', '.join(dict.fromkeys(one.image_set for one in row))}" for name, row in pictures.items()
    )
    size = (PICTURE_INCHES * num_columns + 1.4, PICTURE_INCHES * 1.5 * len(pictures) + 0.2)
    return draw(
        "ood-harmless", f"Attacked OOD images that look most like data, by detector and set: {alt}.", size, paint
    )


def _edges(values: np.ndarray) -> np.ndarray:
    """Bins over all but the tails; by factors where all scores are positive and spread over decades."""
    low, high = np.quantile(values, [TAIL, 1 - TAIL])
    if low > 0 and high / low > 10**DECADES_FOR_LOG:
        return np.geomspace(low, high, NUM_BINS + 1)
    if low == high:
        low, high = low - 0.5, high + 0.5
    return np.linspace(low, high, NUM_BINS + 1)


def _short(score: float) -> str:
    return numbers.decimal(score) if abs(score) >= 0.01 or score == 0 else f"{score:.0e}".replace("-", "−")
