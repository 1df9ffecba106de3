"""The images that the I, C, H, L experiment leaves out: S001 figures F1 and F2, tables A and B beside the published."""

from collections.abc import Mapping

import pandas as pd

from advgen_ray.analysis.training_subsets import TrainingSubsets
from advgen_ray.report import numbers
from advgen_ray.report.blocks import Block, Figure, Section, Table
from advgen_ray.report.plots_subsets import left_out_panel, strata_panel

WITHOUT = {
    "full": "all images",
    "I": "I: without incorrect",
    "C": "C: without as many correct",
    "H": "H: without correct of high energy",
    "L": "L: without low energy",
}
STRATA = {"high": "high", "low": "low", "middle": "in between"}
S001 = "Mirza et al., CIFAR-10, table"
TABLE_A = [["high, E(x) > −3.8744", "6,500", "2,724"], ["low, E(x) ≤ −11.4755", "6,500", "0"],
           ["in between", "33,683", "593"]]  # fmt: skip
TABLE_B = [["I", "3,317", "46,683", "0"], ["C", "3,317", "43,366", "3,317"], ["H", "6,500", "40,183", "3,317"],
           ["L", "6,500", "40,183", "3,317"]]  # fmt: skip


def images_section(
    training: pd.DataFrame,
    subsets: TrainingSubsets,
    by_stratum: pd.DataFrame,
    composition: pd.DataFrame,
    base_metrics: Mapping[str, float],
    energy_share: float,
) -> Section:
    """Tables as in ``analysis.training_subsets``; ``base_metrics`` are of the model that chose the images."""
    strata = {row["stratum"]: (row["num_correct"], row["num_incorrect"]) for _, row in by_stratum.iterrows()}
    num_incorrect, in_high = sum(incorrect for _, incorrect in strata.values()), strata["high"][1]
    says = [
        f"The model that chose them has {numbers.percent(1 - base_metrics['clean_accuracy'])} clean and "
        f"{numbers.percent(1 - base_metrics['pgd_accuracy'])} robust test error. It is wrong on "
        f"{numbers.count(num_incorrect)} of {numbers.count(len(training))} training images "
        f"({numbers.percent(num_incorrect / len(training))}; Mirza et al.: 6.6%), "
        f"{numbers.count(in_high)} of which are of high energy (there: 2,724 of 3,317)."
    ]
    table_a = [[_stratum(name, subsets), *(numbers.count(one) for one in strata[name])] for name in STRATA]
    keys = ("num_left_out", "num_correct", "num_incorrect")
    table_b = [
        [WITHOUT[row["subset"]], *(numbers.count(row[key]) for key in keys)] for _, row in composition.iterrows()
    ]
    blocks: list[Block] = [
        Figure(
            "Energies of the training images",
            f"Left: E(x) of correct and incorrect images, low up to the dotted line ({numbers.decimal(subsets.low)}), "
            f"high beyond the dashed one ({numbers.decimal(subsets.high)}). Right: what each set leaves out.",
            [strata_panel(training, subsets.low, subsets.high), left_out_panel(training, subsets.left_out)],
            size="wide",
        ),
        Table(
            "Images by energy",
            "Counts of training images; theirs are 50,000.",
            ["Energy", "correct", "incorrect"],
            table_a,
            TABLE_A,
            f"{S001} A",
        ),
        Table(
            "What is trained on",
            f"H and L leave out {numbers.percent(energy_share)} of the images.",
            ["Trained on", "left out", "correct", "incorrect"],
            table_b,
            TABLE_B,
            f"{S001} B",
        ),
    ]
    return Section("images", "The images", says, blocks)


def _stratum(name: str, subsets: TrainingSubsets) -> str:
    bounds = {"high": f", E(x) > {numbers.decimal(subsets.high)}", "low": f", E(x) ≤ {numbers.decimal(subsets.low)}"}
    return STRATA[name] + bounds.get(name, "")
