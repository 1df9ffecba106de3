"""The loop: what it records, and that a run stopped at a checkpoint goes on bit for bit."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from advgen_ray.data.datasets import LabelledImages
from advgen_ray.errors import UserError
from advgen_ray.losses import LossTerms
from advgen_ray.training.loop import Report, Trainee, _Means
from advgen_ray.training.worker import Worker
from tests.same_weights import same_weights
from tests.training.conftest import (
    Keeper,
    fit_classifier,
    fit_score_model,
    new_classifier,
    new_score_model,
    without_time,
)

New = Callable[[LabelledImages], Trainee]
Fit = Callable[[Trainee, LabelledImages, Report], None]


@pytest.mark.parametrize(
    ("new", "fit", "stop_after"),
    [(new_classifier, fit_classifier, 2), (new_score_model, fit_score_model, 1), (new_score_model, fit_score_model, 2)],
)
def test_a_resumed_run_equals_an_unbroken_one_bitwise(
    new: New, fit: Fit, stop_after: int, few_digits: LabelledImages, tmp_path: Path
) -> None:
    unbroken = new(few_digits)
    fit(unbroken, few_digits, Keeper(tmp_path / "unbroken"))

    stopped = Keeper(tmp_path / "stopped", stop_after)
    with pytest.raises(InterruptedError):
        fit(new(few_digits), few_digits, stopped)
    torch.manual_seed(99)  # whatever another process's generator holds
    resumed = new(few_digits)
    resumed.model.apply(_scramble)
    resumed.resume(stopped.checkpoints[-1])
    assert 0 < resumed.step < unbroken.step
    fit(resumed, few_digits, Keeper(tmp_path / "resumed"))

    assert same_weights(resumed.model.state_dict(), unbroken.model.state_dict())
    assert without_time(resumed.history) == without_time(unbroken.history)
    assert _optimizer_tensors(resumed) == _optimizer_tensors(unbroken)
    if unbroken.ema:
        assert resumed.ema is not None
        assert resumed.ema.num_updates == unbroken.ema.num_updates
        assert same_weights(resumed.ema.shadow, unbroken.ema.shadow)
        assert not same_weights(unbroken.ema.shadow, unbroken.model.state_dict())


def _scramble(module: torch.nn.Module) -> None:
    for tensor in [*module.parameters(recurse=False), *module.buffers(recurse=False)]:
        tensor.data.fill_(7)


def _optimizer_tensors(trainee: Trainee) -> dict[tuple[int, str], list[float]]:
    states = trainee.optimizer.state_dict()["state"]
    return {(i, name): value.flatten().tolist() for i, state in states.items() for name, value in state.items()}


def test_records_and_checkpoints_come_when_due(few_digits: LabelledImages, tmp_path: Path) -> None:
    keeper = Keeper(tmp_path)
    trainee = new_score_model(few_digits)
    fit_score_model(trainee, few_digits, keeper)
    assert [directory.name for directory in keeper.checkpoints] == ["step-4", "step-8", "step-10"]
    assert [record["step"] for record in keeper.records] == list(range(1, 11))
    assert keeper.records == trainee.history
    assert [record["learning_rate"] for record in keeper.records][:6] == pytest.approx(
        [2e-4, 4e-4, 6e-4, 8e-4, 1e-3, 1e-3]
    )


def test_a_run_already_at_its_end_does_nothing(few_digits: LabelledImages, tmp_path: Path) -> None:
    keeper = Keeper(tmp_path)
    trainee = new_classifier(few_digits)
    trainee.step = 20
    fit_classifier(trainee, few_digits, keeper)
    assert keeper.records == []


def test_training_moves_what_attacks_must_not(few_digits: LabelledImages, tmp_path: Path) -> None:
    """Batch-norm statistics move once a step, though the attack makes three more passes; gradients do not pile up."""
    trainee = new_classifier(few_digits)
    fit_classifier(trainee, few_digits, Keeper(tmp_path))
    assert trainee.model.get_buffer("norm.num_batches_tracked").item() == 20
    assert all(parameter.grad is None for parameter in trainee.model.parameters())


def test_a_loss_that_is_not_finite_ends_the_run_with_advice(few_digits: LabelledImages, tmp_path: Path) -> None:
    trainee = new_score_model(few_digits)
    trainee.schedule = lambda step: 1e30
    with pytest.raises(UserError, match=r"lower optimizer\.learning_rate"):
        fit_score_model(trainee, few_digits, Keeper(tmp_path))


def test_what_is_recorded_is_a_mean_of_items_not_of_batches() -> None:
    means = _Means()
    for loss, count in ((1.0, 30), (5.0, 10)):
        means.add(LossTerms(torch.tensor(loss), {"twice": torch.tensor(2 * loss)}), count)
    assert means.reduce(Worker()) == {"loss": 2.0, "twice": 4.0}
