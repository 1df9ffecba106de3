"""How far counterfactuals lie from real images, by what the judge makes of both: a proxy of FID, and named so.

Features are the judge's logits, which the energies of a study hold: there are as few of them as classes, so that some
two hundred counterfactuals determine a covariance, as they would not in a hidden layer. Classes are balanced, for
otherwise the distance would tell first that counterfactuals have all targets alike and that the data has not.
"""

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch

from advgen_ray.analysis.inputs import CounterfactualSet
from advgen_ray.synthesis.frechet import Moments, frechet_distance, moments, moments_without

REAL = "real images held out"


@dataclass(frozen=True)
class Realism:
    """Frechet distance to the training images, its jackknife standard error over sources, and of how many it is."""

    distance: float
    error: float
    count: int


@dataclass(frozen=True)
class _Sample:
    """Logits ``[N, K]``, the class that each image is to show and the source that it is of, both ``[N]``."""

    logits: torch.Tensor
    classes: np.ndarray
    groups: np.ndarray

    def first(self, count: int) -> "_Sample":
        return _Sample(self.logits[:count], self.classes[:count], self.groups[:count])


def realism(judge_logits: pd.DataFrame, sets: tuple[CounterfactualSet, ...]) -> dict[str, Realism]:
    """By name of the set, and of as many test images of the same classes under ``REAL``: what no distance looks like.

    Of each source and target the first replicate, other classes alone; of each set as many as all of them have, for the
    distance falls with their number. Training images weigh as much as the set has targets of their class. Sets that the
    judge did not score are left out, and so is ``REAL`` where a class has too few test images. ``judge_logits`` are
    image_set, image_id, label and logits, of clean images (under the name of their split) and of counterfactuals.
    """
    by_set = {str(name): own.set_index("image_id") for name, own in judge_logits.groupby("image_set")}
    if "train" not in by_set:
        return {}
    samples: dict[str, _Sample] = {}
    for one in sets:
        rows = one.rows[one.different_class & (one.rows["replicate"] == 0)]
        if one.name in by_set and rows["item_id"].isin(by_set[one.name].index).all() and len(rows):
            logits = _stacked(by_set[one.name].loc[rows["item_id"], "logits"])
            samples[one.name] = _Sample(logits, rows["y_target"].to_numpy(), rows["source_id"].to_numpy())
    if not samples:
        return {}
    count = min(len(one.logits) for one in samples.values())
    samples = {name: one.first(count) for name, one in samples.items()}
    real = _alike(next(iter(samples.values())), by_set["test"]) if "test" in by_set else None
    train = by_set["train"]
    logits, labels = _stacked(train["logits"]), train["label"].to_numpy()
    return {
        name: _realism(one, weighted_moments(logits, class_weights(labels, one.classes)))
        for name, one in (samples if real is None else samples | {REAL: real}).items()
    }


def class_weights(labels: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Weights of mean 1 that give ``labels [N]`` the class proportions of ``targets [M]``, as far as they hold them."""
    classes, places, counts = np.unique(labels, return_inverse=True, return_counts=True)
    weights: np.ndarray = (np.array([(targets == one).sum() for one in classes]) / counts)[places]
    return weights / weights.mean()


def weighted_moments(features: torch.Tensor, weights: np.ndarray) -> Moments:
    """Of features ``[N, D]`` with weights ``[N]`` of mean 1; those of ``moments`` where all are alike."""
    values, share = features.double(), torch.from_numpy(weights)[:, None]
    centered = values - (share * values).mean(dim=0)
    covariance = (share * centered).T @ centered / (len(values) - 1)
    return Moments((share * values).mean(dim=0), covariance, len(values))


def _alike(sample: _Sample, real: pd.DataFrame) -> _Sample | None:
    """For each image of ``sample`` the next real one of its class; None where these run out."""
    images_of = {label: iter(own) for label, own in real.groupby("label")["logits"]}
    logits = [next(images_of.get(label, iter(())), None) for label in sample.classes]
    if any(one is None for one in logits):
        return None
    return _Sample(_stacked(pd.Series(logits)), sample.classes, sample.groups)


def _realism(sample: _Sample, train: Moments) -> Realism:
    """Leaving out one source at a time; a set of a single source has no standard error."""
    count = len(sample.logits)
    if count < 2:
        return Realism(math.nan, math.nan, count)
    whole = moments(sample.logits)
    _, places, sizes = np.unique(sample.groups, return_inverse=True, return_counts=True)
    by_source = sample.logits[torch.from_numpy(np.argsort(places, kind="stable"))].split(sizes.tolist())
    without = [frechet_distance(moments_without(whole, own), train) for own in by_source if count - len(own) > 1]
    spread = float(np.sum((np.array(without) - np.mean(without)) ** 2)) if without else math.nan
    error = math.sqrt((len(without) - 1) / len(without) * spread) if len(without) > 1 else math.nan
    return Realism(frechet_distance(whole, train), error, count)


def _stacked(logits: pd.Series) -> torch.Tensor:
    return torch.from_numpy(np.stack(list(logits)).astype(np.float64))
