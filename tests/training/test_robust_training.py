"""Training with a robust loss: every loss on the one loop, in mixed precision too, and its best model."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch

from advgen_ray.data.datasets import LabelledImages
from advgen_ray.losses.mart import mart_loss
from advgen_ray.losses.sat import sat_loss
from advgen_ray.losses.trades import trades_loss
from advgen_ray.losses.weat import weat_adv_loss, weat_nat_loss
from advgen_ray.models.ema import Ema
from advgen_ray.training.classifier import accuracy
from advgen_ray.training.observers import EnergyColumns, EnergyRecorder, Validation
from advgen_ray.training.optim import one_cycle, one_cycle_momentum, sgd
from advgen_ray.training.trainee import Trainee
from advgen_ray.training.worker import Worker
from tests.same_weights import same_weights
from tests.training.conftest import Keeper, fit_classifier, fit_mail, new_classifier, pgd_at, without_time

LOSSES = {
    "sat": sat_loss,
    "trades": partial(trades_loss, beta=6.0),
    "mart": partial(mart_loss, beta=6.0),
    "weat_adv": partial(weat_adv_loss, beta=6.0),
    "weat_nat": partial(weat_nat_loss, beta=6.0),
}
Rows = dict[int, EnergyColumns]


def _everything(images: LabelledImages, autocast: torch.dtype | None = None) -> Trainee:
    """All that a checkpoint may hold: SGD with a cycling momentum, averages, dropout."""
    trainee = new_classifier(images)
    model = trainee.model
    return Trainee(
        model,
        sgd(model.parameters(), 0.9, 5e-4),
        one_cycle(0.1, 20, rise=0.25),
        ema=Ema(model, 0.9),
        momentum=one_cycle_momentum(20, rise=0.25),
        autocast=autocast,
    )


def _fit(trainee: Trainee, images: LabelledImages, report: Any, rows: Rows) -> None:
    train, held_out = images.subset(slice(0, 40)), images.subset(slice(40, 50))
    observers = [
        Validation(held_out, pgd_at, 2, 8, 0, Worker()),
        EnergyRecorder(train, pgd_at, (0, 1, 4), 16, 0, Worker(), rows.__setitem__),
    ]
    fit_classifier(trainee, train, report, loss_at_epoch=lambda _: LOSSES["trades"], observers=observers)


@pytest.mark.parametrize(("stop_after", "autocast"), [(1, None), (3, None), (2, torch.bfloat16)])
def test_a_resumed_run_equals_an_unbroken_one_bitwise(
    stop_after: int, autocast: torch.dtype | None, few_digits: LabelledImages, tmp_path: Path
) -> None:
    """Best metric, best weights, averages, momentum and recorded energies included."""
    unbroken, rows = _everything(few_digits, autocast), {}  # type: ignore[var-annotated]
    _fit(unbroken, few_digits, Keeper(tmp_path / "unbroken"), rows)
    assert sorted(rows) == [0, 1, 4]

    stopped, again = Keeper(tmp_path / "stopped", stop_after), {}  # type: ignore[var-annotated]
    with pytest.raises(InterruptedError):
        _fit(_everything(few_digits, autocast), few_digits, stopped, again)
    torch.manual_seed(99)
    resumed = _everything(few_digits, autocast)
    resumed.resume(stopped.checkpoints[-1])
    _fit(resumed, few_digits, Keeper(tmp_path / "resumed"), again)

    assert same_weights(resumed.model.state_dict(), unbroken.model.state_dict())
    assert without_time(resumed.history) == without_time(unbroken.history)
    assert resumed.ema is not None
    assert unbroken.ema is not None
    assert same_weights(resumed.ema.shadow, unbroken.ema.shadow)
    assert resumed.best is not None
    assert unbroken.best is not None
    assert (resumed.best.value, resumed.best.step, resumed.best.epoch) == (
        unbroken.best.value,
        unbroken.best.step,
        unbroken.best.epoch,
    )
    assert same_weights(resumed.best.weights, unbroken.best.weights)
    for epoch, columns in rows.items():
        assert all((again[epoch][name] == values).all() for name, values in columns.items())


@pytest.mark.parametrize("name", LOSSES)
def test_every_loss_learns_and_moves_the_statistics_once_a_step(name: str, few_digits: LabelledImages) -> None:
    trainee = new_classifier(few_digits, dropout=0.0)
    fit_classifier(trainee, few_digits, lambda *_: None, loss_at_epoch=lambda _: LOSSES[name], eps_warmup_epochs=0)
    losses = [record["loss"] for record in trainee.history]
    assert losses[-1] < losses[0]
    assert trainee.model.get_buffer("norm.num_batches_tracked").item() == 20
    assert all(parameter.grad is None for parameter in trainee.model.parameters())


def test_the_identity_is_in_the_record_of_every_epoch(few_digits: LabelledImages) -> None:
    trainee = new_classifier(few_digits)
    fit_classifier(trainee, few_digits, lambda *_: None, loss_at_epoch=lambda _: LOSSES["trades"])
    for record in trainee.history:
        assert record["trades_identity_error"] < 1e-5
        assert record["kl_conditional"] + record["kl_marginal"] == pytest.approx(record["kl"], rel=1e-3, abs=1e-6)


def test_burn_in_is_of_whole_epochs(few_digits: LabelledImages) -> None:
    """MAIL is TRADES for its burn-in, here the first epoch, and no longer."""
    mail, trades = new_classifier(few_digits), new_classifier(few_digits)
    fit_mail(mail, few_digits, lambda *_: None)
    fit_classifier(trades, few_digits, lambda *_: None, loss_at_epoch=lambda _: partial(trades_loss, beta=2.0))
    assert mail.history[0]["loss"] == trades.history[0]["loss"]
    assert mail.history[1]["loss"] != trades.history[1]["loss"]


def test_mixed_precision_trains_like_full_precision(few_digits: LabelledImages) -> None:
    runs = []
    for autocast in (None, torch.bfloat16):
        trainee = new_classifier(few_digits, dropout=0.0)
        trainee.autocast = autocast
        seen: set[torch.dtype] = set()
        trainee.model.stem.register_forward_hook(lambda module, args, output, seen=seen: seen.add(output.dtype))
        fit_classifier(trainee, few_digits, lambda *_: None, loss_at_epoch=lambda _: LOSSES["trades"])
        assert seen == {autocast or torch.float32}
        assert all(value.dtype != torch.bfloat16 for value in trainee.model.state_dict().values())
        runs.append(trainee)
    full, mixed = ([record["loss"] for record in run.history] for run in runs)
    assert mixed != full
    assert mixed == pytest.approx(full, rel=0.1)


def test_mixed_precision_gives_gradients_to_every_weight(few_digits: LabelledImages) -> None:
    """Autocast keeps casts of weights for a step; those made without a graph must not be among them."""
    trainee = new_classifier(few_digits)
    trainee.autocast = torch.bfloat16
    seen: list[int] = []

    def schedule(step: int) -> float:
        seen.append(sum(bool(p.grad is not None and p.grad.any()) for p in trainee.model.parameters()))
        return 1e-3

    trainee.schedule = schedule
    fit_classifier(trainee, few_digits, lambda *_: None, loss_at_epoch=lambda _: LOSSES["trades"], num_epochs=1)
    assert set(seen[:-1]) == {len(list(trainee.model.parameters()))}  # the last call is for the record


def _validated(few_digits: LabelledImages, trainee: Trainee, every: int = 1) -> Trainee:
    held_out = few_digits.subset(slice(30, 50))
    observers = [Validation(held_out, pgd_at, every, 8, 0, Worker())]
    fit_classifier(trainee, few_digits.subset(slice(0, 30)), lambda *_: None, observers=observers)
    return trainee


def test_the_best_model_is_the_one_that_was_measured(few_digits: LabelledImages) -> None:
    trainee = _validated(few_digits, _everything(few_digits))
    measured = [record["validation_pgd_accuracy"] for record in trainee.history]
    assert trainee.best is not None
    assert trainee.best.value == max(measured)
    assert trainee.best.epoch == 1 + measured.index(max(measured))
    assert trainee.best.step == trainee.history[trainee.best.epoch - 1]["step"]
    trainee.model.load_state_dict(trainee.best.weights)
    again = accuracy(trainee.model, few_digits.subset(slice(30, 50)), pgd_at, batch_size=8, seed=0, worker=Worker())
    assert again == trainee.best.value


def test_validation_comes_when_due_and_at_the_end_and_changes_nothing(few_digits: LabelledImages) -> None:
    watched = _validated(few_digits, _everything(few_digits), every=3)
    assert ["validation_pgd_accuracy" in record for record in watched.history] == [False, False, True, False, True]
    plain = _everything(few_digits)
    fit_classifier(plain, few_digits.subset(slice(0, 30)), lambda *_: None)
    assert same_weights(watched.model.state_dict(), plain.model.state_dict())


def test_averaged_weights_are_measured_and_given_back(few_digits: LabelledImages) -> None:
    trainee = _everything(few_digits)
    assert trainee.ema is not None
    with torch.no_grad():
        for value in trainee.ema.shadow.values():
            value.fill_(3)
        trainee.ema.shadow["head.bias"][7] = 4  # the averages name every image a 7
    measured = Validation(few_digits, None, 1, 8, 0, Worker())(trainee, 1, False)
    assert measured == {"validation_clean_accuracy": pytest.approx((few_digits.labels == 7).mean())}
    own = {name: value.clone() for name, value in trainee.model.state_dict().items()}

    def interrupted() -> None:
        with trainee.to_keep() as model:
            assert same_weights(model.state_dict(), trainee.ema.shadow)
            raise InterruptedError

    with pytest.raises(InterruptedError):
        interrupted()
    assert same_weights(trainee.model.state_dict(), own)


def test_of_equal_validations_the_first_is_kept(few_digits: LabelledImages) -> None:
    trainee = new_classifier(few_digits)
    for epoch, value in enumerate((0.5, 0.7, 0.7, 0.6), start=1):
        trainee.keep_if_best(value, epoch)
    assert trainee.best is not None
    assert (trainee.best.value, trainee.best.epoch) == (0.7, 2)


def _columns(few_digits: LabelledImages, at: int = 0) -> Rows:
    rows: Rows = {}
    recorder = EnergyRecorder(few_digits, pgd_at, (at,), 16, 0, Worker(), rows.__setitem__)
    fit_classifier(new_classifier(few_digits), few_digits, lambda *_: None, observers=[recorder])
    return rows


def test_recorded_energies_are_those_of_the_model(few_digits: LabelledImages) -> None:
    (columns,) = _columns(few_digits).values()
    model = new_classifier(few_digits).model.eval()  # epoch 0: before the first step
    logits = model(few_digits.tensor()).detach()
    assert columns["item_id"].tolist() == few_digits.item_ids(range(50))
    assert columns["label"].tolist() == few_digits.labels.tolist()
    assert columns["natural_energy_x"].tolist() == pytest.approx((-logits.logsumexp(dim=1)).tolist(), abs=1e-4)
    label_logits = logits[torch.arange(50), few_digits.targets()]
    assert columns["natural_energy_xy"].tolist() == pytest.approx((-label_logits).tolist(), abs=1e-4)
    assert columns["natural_predicted"].tolist() == logits.argmax(dim=1).tolist()
    natural_loss = columns["natural_energy_xy"] - columns["natural_energy_x"]
    attacked_loss = columns["attacked_energy_xy"] - columns["attacked_energy_x"]
    assert (natural_loss > 0).all()
    assert attacked_loss.mean() > natural_loss.mean()  # the attack raises cross-entropy


def test_an_image_has_its_energies_whatever_is_recorded_with_it(few_digits: LabelledImages) -> None:
    (whole,) = _columns(few_digits).values()
    rows: Rows = {}
    some = few_digits.subset([3, 17, 40])
    recorder: Callable[..., Any] = EnergyRecorder(some, pgd_at, (0,), 2, 0, Worker(), rows.__setitem__)
    recorder(new_classifier(few_digits), 0, False)
    assert rows[0]["item_id"].tolist() == whole["item_id"][[3, 17, 40]].tolist()
    assert rows[0]["attacked_energy_x"].tolist() == pytest.approx(whole["attacked_energy_x"][[3, 17, 40]], abs=1e-4)
