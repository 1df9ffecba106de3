"""Outliers beside the data: they lose their confidence, the seed decides which come when, workers share them."""

from functools import partial

import numpy as np
import pytest
import torch
from torch import nn

from advgen_ray.data.datasets import LabelledImages
from advgen_ray.losses.outlier_exposure import outlier_exposure_loss
from advgen_ray.training.classifier import AttackAt
from advgen_ray.training.outliers import OutlierExposure
from advgen_ray.training.worker import Worker
from tests.training.conftest import fit_classifier, new_classifier, pgd_at


@pytest.fixture
def noise(few_digits: LabelledImages) -> LabelledImages:
    pixels = np.random.default_rng(0).integers(0, 256, (30, 1, 8, 8), dtype=np.uint8)
    return LabelledImages(pixels, np.zeros(30, dtype=np.int64), few_digits.info, "noise", "train")


def _exposure(
    bare: nn.Module, noise: LabelledImages, attack_at: AttackAt | None, seed: int = 1, worker: Worker | None = None
) -> OutlierExposure:
    return OutlierExposure(
        bare, noise, attack_at, weight=2.0, batch_size=13, augment=None, seed=seed, worker=worker or Worker()
    )


def _keep(records: list[dict[str, float]], record: dict[str, float], save: object) -> None:
    records.append(record)


@pytest.mark.parametrize("attack_at", [None, pgd_at])
def test_outliers_lose_their_confidence(
    few_digits: LabelledImages, noise: LabelledImages, attack_at: AttackAt | None
) -> None:
    confidence = {}
    for exposed in (False, True):
        trainee = new_classifier(few_digits, dropout=0.0)
        exposure = _exposure(trainee.model, noise, attack_at) if exposed else None
        records: list[dict[str, float]] = []
        report = partial(_keep, records)
        fit_classifier(trainee, few_digits, report, augment=None, num_epochs=8, exposure=exposure)
        with torch.no_grad():
            confidence[exposed] = trainee.model.eval()(noise.tensor()).softmax(1).amax(1).mean()
        assert ("outlier_confidence" in records[-1]) == exposed
    assert confidence[True] - 0.1 < (confidence[False] - 0.1) / 2, "half of what is above a tenth of ten classes"


def test_the_seed_decides_which_outliers_a_step_sees(few_digits: LabelledImages, noise: LabelledImages) -> None:
    model = new_classifier(few_digits, dropout=0.0).model.eval()
    x, y = few_digits.tensor(slice(13)), few_digits.targets(slice(13))
    losses = {
        (seed, step): float(_exposure(model, noise, pgd_at, seed)(model, x, y, None, step, 1.0).loss.detach())
        for seed in (1, 2)
        for step in (0, 1)
    }
    assert len(set(losses.values())) == 4
    assert losses[1, 1] == float(_exposure(model, noise, pgd_at, 1)(model, x, y, None, 1, 1.0).loss.detach())


def test_workers_parts_add_up_to_the_whole_batch(few_digits: LabelledImages, noise: LabelledImages) -> None:
    """Unequal parts of the data and of the outliers; each worker's loss weighs as its part of the data does."""
    model = new_classifier(few_digits, dropout=0.0).model.eval()
    x, y = few_digits.tensor(slice(13)), few_digits.targets(slice(13))
    whole = _exposure(model, noise, None)(model, x, y, None, 0, 1.0).loss
    parts = torch.zeros(())
    for rank in range(3):
        exposure, own = _exposure(model, noise, None, worker=Worker(rank, 3)), slice(rank, None, 3)
        share = len(y[own]) / 13
        parts = parts + share * exposure(model, x[own], y[own], None, 0, share).loss
    torch.testing.assert_close(parts, whole)
    order = _exposure(model, noise, None).order.at(0).indices
    expected = outlier_exposure_loss(model, x, y, noise.tensor(order), None, weight=2.0).loss
    torch.testing.assert_close(whole, expected)
