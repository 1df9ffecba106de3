"""Catalogue B8 (S001 section A.4, figure F, tables A and B): which training images robustness rests on.

Four sets of images, each left out of a training of its own: I the incorrectly classified, C as many random correct
ones, H correct ones of the highest energy, L those of the lowest energy.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from advgen_ray.analysis.over_seeds import spread
from advgen_ray.rng import Stream

ENERGY_SHARE = 6500 / 50000  # S001: 13% of the training images are left out by energy, for H and for L each


@dataclass(frozen=True)
class TrainingSubsets:
    """The ids to leave out, by S001's letter, and the energies at which H and L end.

    High energy is ``E(x) > high``, low energy ``E(x) <= low``: as many correct ones are high as H leaves out.
    """

    left_out: dict[str, tuple[str, ...]]
    high: float
    low: float


def select_subsets(training: pd.DataFrame, stream: Stream, energy_share: float = ENERGY_SHARE) -> TrainingSubsets:
    """Choose the four sets from item_id, energy_x and correct of all training images under a robust model.

    Equal energies are ordered by id. C is drawn by each image's own key of ``stream``. Raises ValueError where there
    are fewer correct images than C or H take, or a share outside (0, 1).
    """
    if not 0 < energy_share < 1:
        raise ValueError(f"energy_share is a share in (0, 1), got {energy_share}")
    rising = training.sort_values(["energy_x", "item_id"])
    correct = rising[rising["correct"].astype(bool)]
    incorrect = rising[~rising["correct"].astype(bool)]
    num_by_energy = max(1, round(energy_share * len(rising)))
    if max(len(incorrect), num_by_energy + 1) > len(correct):
        raise ValueError(
            f"only {len(correct)} of {len(rising)} training images are correct: too few to leave out "
            f"{len(incorrect)} at random or {num_by_energy} of high energy"
        )
    keys = np.array([stream.generator(item).random() for item in correct["item_id"]])
    drawn = correct.iloc[np.argsort(keys, kind="stable")[: len(incorrect)]]
    lowest, highest, rest = rising[:num_by_energy], correct[-num_by_energy:], correct[:-num_by_energy]
    chosen = {"I": incorrect, "C": drawn, "H": highest, "L": lowest}
    return TrainingSubsets(
        {letter: tuple(sorted(images["item_id"])) for letter, images in chosen.items()},
        high=float(rest["energy_x"].iloc[-1]),
        low=float(lowest["energy_x"].iloc[-1]),
    )


def energy_strata(training: pd.DataFrame, subsets: TrainingSubsets) -> pd.DataFrame:
    """S001 table A: of the images of high, low and middle energy, how many are correct and incorrect.

    Columns: stratum (high, low, middle), num_correct, num_incorrect.
    """
    high, low = training["energy_x"] > subsets.high, training["energy_x"] <= subsets.low
    strata = {"high": high, "low": low, "middle": ~high & ~low}
    return pd.DataFrame([{"stratum": name} | _counts(training[chosen]) for name, chosen in strata.items()])


def composition(training: pd.DataFrame, subsets: TrainingSubsets) -> pd.DataFrame:
    """S001 table B: correct and incorrect images of what is trained on without each set.

    Columns: subset (I, C, H, L), num_left_out, num_correct, num_incorrect.
    """
    rows = []
    for letter, ids in subsets.left_out.items():
        remaining = training[~training["item_id"].isin(ids)]
        rows.append({"subset": letter, "num_left_out": len(ids)} | _counts(remaining))
    return pd.DataFrame(rows)


def error_rates(trainings: pd.DataFrame) -> pd.DataFrame:
    """S001 figure F3 and F4: test errors of the models trained without each set, over seeds.

    Args:
        trainings: one row a trained model: subset, seed, clean_error, adversarial_error (fractions).

    Returns:
        ``over_seeds.spread`` of both, under the names that stored summaries have: subset, num_seeds; for clean and
        adversarial each ``_error`` (mean) and ``_std``.
    """
    stored = {f"{kind}_error_mean": f"{kind}_error" for kind in ("clean", "adversarial")}
    stored |= {f"{kind}_error_std": f"{kind}_std" for kind in ("clean", "adversarial")}
    return spread(trainings, "subset", ["clean_error", "adversarial_error"]).rename(columns=stored)


def _counts(images: pd.DataFrame) -> dict[str, int]:
    num_correct = int(images["correct"].astype(bool).sum())
    return {"num_correct": num_correct, "num_incorrect": len(images) - num_correct}
