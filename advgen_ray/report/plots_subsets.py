"""Pictures of which training images are left out (S001 figure F1, F2): by energy and correctness, and set by set."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from advgen_ray.report import numbers
from advgen_ray.report.blocks import Panel
from advgen_ray.report.plots_energy import AXIS_NAMES
from advgen_ray.report.style import ATTACKED, INK, NATURAL, WIDE, draw, legend_above

NUM_BINS = 40


def strata_panel(training: pd.DataFrame, low: float, high: float) -> Panel:
    """Figure F1: energies of correct and incorrect training images, stacked, with the thresholds of low and high.

    ``training``: energy_x and correct, one row an image.
    """
    energy, correct = training["energy_x"].to_numpy(float), training["correct"].to_numpy(bool)

    def paint(axes: Axes) -> None:
        axes.hist(
            [energy[~correct], energy[correct]], bins=NUM_BINS, stacked=True, color=[ATTACKED, NATURAL],
            label=["incorrect", "correct"], alpha=0.85,
        )  # fmt: skip
        for threshold, style in ((low, ":"), (high, "--")):
            axes.axvline(threshold, color=INK, linestyle=style, linewidth=1.1)
        axes.set(xlabel=AXIS_NAMES["energy_x"], ylabel="training images")
        legend_above(axes, num_columns=2)

    means = [float(energy[chosen].mean()) if chosen.any() else np.nan for chosen in (correct, ~correct)]
    alt = (
        f"Histogram of E(x): {correct.sum()} correct images, mean {numbers.decimal(means[0])}, and {(~correct).sum()} "
        f"incorrect ones, mean {numbers.decimal(means[1])}; low up to {numbers.decimal(low)}, high above "
        f"{numbers.decimal(high)}."
    )
    return draw("training-energies", alt, WIDE, paint)


def left_out_panel(training: pd.DataFrame, left_out: Mapping[str, Sequence[str]]) -> Panel:
    """Figure F2: one row a set, a tick for the energy of each image that it leaves out, colored by correctness."""
    rows = {letter: training[training["item_id"].isin(ids)] for letter, ids in left_out.items()}

    def paint(axes: Axes) -> None:
        for place, images in enumerate(rows.values()):
            correct = images["correct"].to_numpy(bool)
            for chosen, color in ((correct, NATURAL), (~correct, ATTACKED)):
                axes.scatter(
                    images["energy_x"].to_numpy(float)[chosen], np.full(int(chosen.sum()), place), s=150, color=color,
                    marker="|", linewidths=0.9, alpha=0.6, rasterized=len(images) > 1000,
                )  # fmt: skip
        axes.set_xlim(training["energy_x"].min(), training["energy_x"].max())
        axes.set_yticks(range(len(rows)), [f"{letter} ({numbers.count(len(rows[letter]))})" for letter in rows])
        axes.set_ylim(len(rows) - 0.5, -0.5)
        axes.grid(visible=False, axis="y")
        axes.set(xlabel=AXIS_NAMES["energy_x"])

    told = ", ".join(f"{letter} leaves out {len(images)}" for letter, images in rows.items())
    return draw("left-out", f"Energies of the images that each set leaves out: {told}.", WIDE, paint)
