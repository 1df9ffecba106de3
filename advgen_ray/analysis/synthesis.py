"""Catalogue D3 and D9: how like the data the images are that models make, each distance with what it rests on."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
import torch
from torch import Tensor

from advgen_ray.analysis.proportion import proportion
from advgen_ray.rng import Stream
from advgen_ray.synthesis.frechet import Moments, frechet_distance, moments
from advgen_ray.synthesis.inception_score import inception_score


@dataclass(frozen=True)
class ReadImages:
    """What one network reads in images, in their order: features ``[N, D]`` and logits ``[N, K]``."""

    features: Tensor
    logits: Tensor

    def first(self, count: int) -> "ReadImages":
        """The first of them."""
        return ReadImages(self.features[:count], self.logits[:count])

    def mixed(self) -> "ReadImages":
        """All of them in an order fixed for good: a user's images may lie by class, and each part has an own score."""
        order = torch.from_numpy(Stream(0, "real_images").permutation(len(self.features)))
        return ReadImages(self.features[order], self.logits[order])


@dataclass(frozen=True)
class SampleSet:
    """The images of one model by one ascent; ``rows`` are stored ones of kind ``synthesis``, without pictures."""

    model: str
    ascent: str
    rows: pd.DataFrame
    read: ReadImages
    seconds: float  # of the pool of actors that made them


def quality_table(sets: Sequence[SampleSet], train: ReadImages, test: ReadImages, start: ReadImages) -> pd.DataFrame:
    """One row a set, after rows of model "" for real images ("test images") and for the ``starts`` themselves.

    Columns: model, ascent, frechet (distance to ``train`` of all samples), frechet_at_floor (of as many of the first as
    there are test images, so that it compares with theirs), score and score_deviation (Inception Score of all),
    score_at_floor and score_deviation_at_floor (of as many as frechet_at_floor), count, floor_count. Of the sets also
    Proportions: recognized (the model sees the class asked for), judged_start and judged (the judge does; of no image
    without a judge, or where none was asked for; judged of the starts too); means start_logit, logit, distance; rate in
    samples a second. Raises ValueError for sets of different size.
    """
    counts = {len(one.rows) for one in sets} | {len(start.features)}
    if len(counts) != 1:
        raise ValueError(
            f"Frechet distances of {sorted(counts)} samples do not compare: the bias falls with their number"
        )
    count = counts.pop()
    floor_count = min(count, len(test.features))
    reference = moments(train.features)
    table = [
        _measured("test images", test.first(floor_count).mixed(), reference, floor_count),
        _measured("starts", start, reference, floor_count),
    ]
    for one in sets:
        rows = one.rows
        judged = rows[(rows["judge_predicted"] >= 0) & (rows["class_asked"] >= 0)]
        table.append(
            _measured(one.ascent, one.read, reference, floor_count)
            | {
                "model": one.model,
                "recognized": proportion(rows["predicted"] == rows["y_target"]),
                "judged_start": proportion(judged["judge_start_predicted"] == judged["class_asked"]),
                "judged": proportion(judged["judge_predicted"] == judged["class_asked"]),
                **{name: float(rows[name].mean()) for name in ("start_logit", "logit", "distance")},
                "rate": count / one.seconds if one.seconds > 0 else float("nan"),
            }
        )
    judged_starts = [row["judged_start"] for row in table[2:] if row["judged_start"].count]
    if judged_starts:
        table[1]["judged"] = judged_starts[0]
    return pd.DataFrame(table)


def _measured(ascent: str, images: ReadImages, reference: Moments, floor_count: int) -> dict[str, Any]:
    found = _quality(images, reference)
    count = len(images.features)
    at_floor = found if count == floor_count else _quality(images.first(floor_count), reference)
    return {
        "model": "",
        "ascent": ascent,
        **found,
        **{f"{name}_at_floor": value for name, value in at_floor.items()},
        "count": count,
        "floor_count": floor_count,
    }


def _quality(images: ReadImages, reference: Moments) -> dict[str, float]:
    """Both measures: either one's bias falls with the number of images."""
    score, deviation = inception_score(images.logits)
    distance = frechet_distance(moments(images.features), reference)
    return {"frechet": distance, "score": score, "score_deviation": deviation}
