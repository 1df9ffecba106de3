"""How far counterfactuals lie from real images, by what the judge makes of both: a proxy of FID, and named so.

Features are the judge's logits, which the energies of a study hold: there are as few of them as classes, so that some
two hundred counterfactuals determine a covariance, as they would not in a hidden layer.
"""

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch

from advgen_ray.analysis.inputs import CounterfactualSet
from advgen_ray.synthesis.frechet import Moments, frechet_distance, moments

REAL = "real images held out"


@dataclass(frozen=True)
class Realism:
    """Frechet distance to the training images, its jackknife standard error over sources, and of how many it is."""

    distance: float
    error: float
    count: int


def realism(judge_logits: pd.DataFrame, sets: tuple[CounterfactualSet, ...]) -> dict[str, Realism]:
    """By name of the set, and of as many test images under ``REAL``: what a distance of zero would look like.

    Of each source and target the first replicate, other classes alone; of each set as many as all of them have, for the
    distance falls with their number. Sets that the judge did not score are left out. ``judge_logits`` are image_set,
    image_id and logits, of clean images (under the name of their split) and of counterfactuals.
    """
    by_set = {str(name): own.set_index("image_id")["logits"] for name, own in judge_logits.groupby("image_set")}
    if "train" not in by_set:
        return {}
    train = moments(_stacked(by_set["train"]))
    samples: dict[str, tuple[torch.Tensor, np.ndarray]] = {}
    for one in sets:
        rows = one.rows[one.different_class & (one.rows["replicate"] == 0)]
        if one.name in by_set and rows["item_id"].isin(by_set[one.name].index).all() and len(rows):
            samples[one.name] = _stacked(by_set[one.name].loc[rows["item_id"]]), rows["source_id"].to_numpy()
    if not samples:
        return {}
    count = min(len(logits) for logits, _ in samples.values())
    if "test" in by_set and len(by_set["test"]) >= count:
        num_sources = len(np.unique(next(iter(samples.values()))[1]))
        samples[REAL] = _stacked(by_set["test"][:count]), np.arange(count) % num_sources
    return {name: _realism(logits[:count], groups[:count], train) for name, (logits, groups) in samples.items()}


def _realism(logits: torch.Tensor, groups: np.ndarray, train: Moments) -> Realism:
    """Leaving out one source at a time; a set of a single source has no standard error."""
    names = np.unique(groups)
    without = [
        frechet_distance(moments(logits[torch.from_numpy(groups != name)]), train)
        for name in names
        if len(names) > 1 and (groups != name).sum() > 1
    ]
    spread = float(np.sum((np.array(without) - np.mean(without)) ** 2)) if without else math.nan
    error = math.sqrt((len(without) - 1) / len(without) * spread) if len(without) > 1 else math.nan
    return Realism(frechet_distance(moments(logits), train) if len(logits) > 1 else math.nan, error, len(logits))


def _stacked(logits: pd.Series) -> torch.Tensor:
    return torch.from_numpy(np.stack(list(logits)).astype(np.float64))
