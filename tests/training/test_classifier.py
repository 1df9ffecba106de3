"""Accuracy: clean and attacked, the same however the images are shared out."""

import pytest
import torch
from torch import Tensor

from advgen_ray.attacks.pgd import PGD
from advgen_ray.data.datasets import LabelledImages
from advgen_ray.rng import StartNoise
from advgen_ray.training.classifier import accuracy, train_classifier
from advgen_ray.training.worker import Worker
from tests.training.conftest import new_classifier, pgd_at


def test_accuracy_counts_and_falls_under_attack(few_digits: LabelledImages) -> None:
    trainee = new_classifier(few_digits, dropout=0.0)
    train_classifier(
        trainee, few_digits, None, num_epochs=5, batch_size=13, seed=0, worker=Worker(), report=lambda *_: None
    )
    model = trainee.model
    assert model.training  # a network that a training leaves behind
    clean = accuracy(model, few_digits, None, batch_size=7, seed=0, worker=Worker())
    expected = (model.eval()(few_digits.tensor()).argmax(1) == few_digits.targets()).float().mean().item()
    assert clean == pytest.approx(expected)
    assert clean > 0.5
    attacked = accuracy(model, few_digits, pgd_at, batch_size=7, seed=0, worker=Worker())
    assert attacked < clean


def test_shares_of_workers_add_up_to_the_whole(few_digits: LabelledImages, monkeypatch: pytest.MonkeyPatch) -> None:
    model = new_classifier(few_digits).model
    totals: list[float] = []
    monkeypatch.setattr(Worker, "total", lambda self, values: values)
    for worker in (Worker(), *(Worker(rank, 3) for rank in range(3))):
        totals.append(accuracy(model, few_digits, pgd_at, batch_size=8, seed=0, worker=worker))
    assert sum(totals[1:]) == pytest.approx(totals[0])
    assert 0 < totals[0] < 1


def test_the_seed_decides_everything(few_digits: LabelledImages) -> None:
    weights = []
    for seed, scramble in ((1, 5), (1, 6), (2, 5)):
        trainee = new_classifier(few_digits)
        torch.manual_seed(scramble)
        train_classifier(
            trainee, few_digits, pgd_at, num_epochs=1, batch_size=25, seed=seed, worker=Worker(), report=lambda *_: None
        )
        weights.append(trainee.model.get_parameter("head.weight").detach())
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])


def test_the_attack_grows_over_the_warmup_and_starts_anew_at_every_step(few_digits: LabelledImages) -> None:
    shares: list[float] = []
    starts: set[bytes] = set()

    def watched(share: float, start_noise: StartNoise) -> PGD:
        def watched_noise(x: Tensor) -> Tensor:
            noise = start_noise(x)
            starts.update(row.numpy().tobytes() for row in noise)
            return noise

        shares.append(share)
        return pgd_at(share, watched_noise)

    fit = {"num_epochs": 4, "batch_size": 25, "eps_warmup_epochs": 2, "seed": 0}
    train_classifier(new_classifier(few_digits), few_digits, watched, **fit, worker=Worker(), report=lambda *_: None)
    assert shares == [0.25, 0.5, 0.75, 1, 1, 1, 1, 1]
    assert len(starts) == 4 * 50  # no image meets the same start twice, and no two share one
