"""Two processes and one, with the same global batches, make the same gradients, records, accuracies and energies."""

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as mp

from advgen_ray.data.datasets import load
from advgen_ray.training.classifier import accuracy
from advgen_ray.training.observers import EnergyRecorder
from advgen_ray.training.outliers import OutlierExposure
from advgen_ray.training.trainee import Trainee
from advgen_ray.training.worker import Worker
from tests.training.conftest import (
    fit_binary,
    fit_classifier,
    fit_mail,
    fit_score_model,
    new_binary,
    new_classifier,
    new_score_model,
    pgd_at,
)

NUM_WORKERS = 2
PROGRAMS = ["classifier", "mail", "exposed", "score_model", "binary"]


class _Gradients:
    """A schedule that also keeps the gradients it is asked to apply: a plain update hides their size under Adam."""

    def __init__(self, trainee: Trainee) -> None:
        self.trainee, self.kept = trainee, []  # type: ignore[var-annotated]

    def __call__(self, step: int) -> float:
        if len(self.kept) <= step < 2:
            self.kept.append([p.grad.clone() for p in self.trainee.model.parameters() if p.grad is not None])
        return 1e-3


def _train(worker: Worker) -> dict[str, Any]:
    """All programs, with dropout; two workers share batches of 12 and 13, and outliers by 7 and 8, unequally."""
    images = load("digits", "", "train").first(50)
    classifier, mail, score_model = new_classifier(images), new_classifier(images), new_score_model(images)
    exposed = new_classifier(images)
    outliers = OutlierExposure(
        exposed.model, images.first(31), pgd_at, weight=1.0, batch_size=10, augment=None, seed=1, worker=worker
    )
    results: dict[str, Any] = {}
    for name, trainee, fit in (
        ("classifier", classifier, fit_classifier),
        ("mail", mail, fit_mail),
        ("exposed", exposed, partial(fit_classifier, exposure=outliers, num_epochs=1)),
        ("score_model", score_model, fit_score_model),
        ("binary", new_binary(images), fit_binary),
    ):
        trainee.schedule = gradients = _Gradients(trainee)
        fit(trainee, images, lambda *_: None, worker)
        results[name] = {
            "gradients": gradients.kept,
            "losses": torch.tensor([record["loss"] for record in trainee.history]),
            "aucs": torch.tensor([record.get("auc", 0.0) for record in trainee.history]),
            "buffers": [b for b in trainee.model.buffers() if b.is_floating_point()],
        }
    for name, trainee in (("energies_before", new_classifier(images, dropout=0.0)), ("energies", mail)):
        EnergyRecorder(images, pgd_at, (1,), 8, 0, worker, lambda _, columns: results.update({name: columns}))(  # noqa: B023
            trainee, 1, False
        )
    results["accuracy"] = accuracy(classifier.model, images, pgd_at, batch_size=8, seed=0, worker=worker)
    return results


def _process(rank: int, folder: str) -> None:
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{folder}/store", rank=rank, world_size=NUM_WORKERS)
    torch.save(_train(Worker(rank, NUM_WORKERS)), f"{folder}/{rank}.pt")
    dist.destroy_process_group()


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """Results of one worker alone, then of each of two."""
    folder = tmp_path_factory.mktemp("workers")
    mp.spawn(_process, (str(folder),), nprocs=NUM_WORKERS)
    return [
        _train(Worker()),
        *(torch.load(Path(folder) / f"{rank}.pt", weights_only=False) for rank in range(NUM_WORKERS)),
    ]


@pytest.mark.parametrize("name", PROGRAMS)
def test_gradients_and_losses_do_not_depend_on_the_workers(name: str, runs: list[dict[str, Any]]) -> None:
    alone, *together = runs
    for other in together:
        for step, (ours, theirs) in enumerate(zip(alone[name]["gradients"], other[name]["gradients"], strict=True)):
            for one, two in zip(ours, theirs, strict=True):
                scale = one.abs().max().item() + 1e-6
                torch.testing.assert_close(two, one, rtol=1e-3, atol=(1e-5 if step == 0 else 1e-3) * scale)
        torch.testing.assert_close(other[name]["losses"], alone[name]["losses"], rtol=2e-2, atol=1e-3)
        torch.testing.assert_close(other[name]["aucs"], alone[name]["aucs"], rtol=0, atol=0.05)
        for one, two in zip(alone[name]["buffers"], other[name]["buffers"], strict=True):
            torch.testing.assert_close(two, one, rtol=5e-2, atol=1e-2)


def test_workers_agree_among_themselves_exactly(runs: list[dict[str, Any]]) -> None:
    _, first, second = runs
    for name in PROGRAMS:
        assert torch.equal(first[name]["losses"], second[name]["losses"])
        for one, two in zip(first[name]["gradients"][1], second[name]["gradients"][1], strict=True):
            assert torch.equal(one, two)
    assert first["accuracy"] == second["accuracy"] == pytest.approx(runs[0]["accuracy"], abs=0.05)


def test_energies_do_not_depend_on_the_workers(runs: list[dict[str, Any]]) -> None:
    alone, first, second = runs
    for name, values in alone["energies_before"].items():  # the same untrained weights
        for other in (first, second):
            if values.dtype.kind == "f":
                np.testing.assert_allclose(other["energies_before"][name], values, rtol=1e-3, atol=1e-4)
            else:
                assert (other["energies_before"][name] == values).all()
    for name, values in first["energies"].items():
        assert (second["energies"][name] == values).all()
