"""AUC of a detector at its worst, where closed forms tell it: a linear logit, attacked on one side and on both."""

import dataclasses

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score
from torch import Tensor, nn

from advgen_ray.attacks.pgd import PGD
from advgen_ray.attacks.threat_model import L2
from advgen_ray.data.catalog import CATALOG
from advgen_ray.data.datasets import LabelledImages
from advgen_ray.training.binary_validation import WorstCaseAUC
from advgen_ray.training.worker import Worker

EPS = 0.05


class _Linear(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.weights = nn.Parameter(torch.linspace(-1, 1, 64), requires_grad=False)

    def forward(self, x: Tensor) -> Tensor:
        return x.flatten(1) @ self.weights[:, None]


def _images(seed: int, shift: float) -> LabelledImages:
    """Greys around the middle, so far from black and white that no step is clipped."""
    greys = np.random.default_rng(seed).integers(100, 156, (40, 1, 8, 8))
    ramp = np.linspace(-shift, shift, 64).reshape(1, 1, 8, 8)
    pictures = (greys + ramp).round().astype(np.uint8)
    return LabelledImages(pictures, np.zeros(40, dtype=np.int64), CATALOG["digits"], f"greys-{seed}", "test")


def _validation(batch_size: int = 16) -> WorstCaseAUC:
    return WorstCaseAUC(
        _images(0, 4.0),
        _images(1, 0.0),
        lambda noise: PGD(L2(EPS), 4, EPS, noise, keep_best=True),
        every_steps=1,
        batch_size=batch_size,
        seed=0,
        worker=Worker(),
    )


def test_each_side_at_its_worst_is_an_eps_of_the_weights_away() -> None:
    validation, model = _validation(), _Linear()
    f_data, f_out = (model(one.tensor())[:, 0].numpy() for one in (validation.data, validation.p0))
    step = EPS * float(model.weights.norm())
    y = np.repeat([1, 0], 40)

    def auc(data: np.ndarray, out: np.ndarray) -> float:
        return float(roc_auc_score(y, np.concatenate([data, out])))

    found = validation.measure(model, attack_data=True)
    assert found["clean_auc"] == pytest.approx(auc(f_data, f_out))
    assert found["worst_case_auc"] == pytest.approx(auc(f_data, f_out + step))
    assert found["attacked_auc"] == pytest.approx(auc(f_data - step, f_out + step))
    assert found["clean_auc"] > found["worst_case_auc"] + 0.02 > found["attacked_auc"] + 0.04
    assert "attacked_auc" not in validation.measure(model)
    assert _validation(batch_size=7).measure(model, attack_data=True) == found


class _Apart(Worker):
    """One of two, whose sum is left to the test."""

    def total(self, values: Tensor) -> Tensor:
        return values


def test_workers_share_the_images_out() -> None:
    def read(x: Tensor, item_ids: list[str]) -> Tensor:
        return x.mean((1, 2, 3))

    alone = _validation()
    parts = [dataclasses.replace(alone, worker=_Apart(rank, num_workers=2))._all(alone.data, read) for rank in range(2)]
    assert [int((part != 0).sum()) for part in parts] == [20, 20]
    assert torch.equal(sum(parts), alone._all(alone.data, read))
