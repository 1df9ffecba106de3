"""What every loss on pairs promises, whichever it is: one forward, finite numbers, gradients, logs."""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch

from advgen_ray.losses import LossTerms
from advgen_ray.losses.mail import mail_trades_loss
from advgen_ray.losses.mart import mart_loss
from advgen_ray.losses.trades import trades_loss
from advgen_ray.losses.weat import weat_adv_loss, weat_nat_loss
from tests.losses.conftest import Counted, Setting

LOSSES: dict[str, Callable[..., Any]] = {
    "trades": partial(trades_loss, beta=6.0),
    "mart": partial(mart_loss, beta=6.0),
    "mart_released": partial(mart_loss, beta=6.0, constants="released"),
    "mail": partial(mail_trades_loss, beta=5.0),
    "mail_released": partial(mail_trades_loss, beta=5.0, slope=1.0, bias=-1.5, scale="times_three"),
    "weat_adv": partial(weat_adv_loss, beta=6.0),
    "weat_nat": partial(weat_nat_loss, beta=6.0),
}
every_loss = pytest.mark.parametrize("name", LOSSES)


@every_loss
def test_one_forward_of_the_wrapped_model_and_one_move_of_the_statistics(name: str, setting: Setting) -> None:
    """Two forwards through DDP with batch norm before one backward raise."""
    counted = Counted(setting.model)
    LOSSES[name](counted, setting.x, setting.y, setting.attack)
    assert counted.sizes == [64]
    assert setting.model.get_buffer("norm.num_batches_tracked") == 1
    assert all(module.training for module in setting.model.modules())


@every_loss
def test_metrics_are_detached_scalars_of_both_kinds_of_images(name: str, setting: Setting) -> None:
    terms = LOSSES[name](setting.model, setting.x, setting.y, setting.attack)
    assert all(value.shape == () and not value.requires_grad for value in terms.metrics.values())
    both = Setting()
    x_adv = both.attack(both.x, lambda logits: logits.sum(dim=1))
    natural, adversarial = both.model(torch.cat([both.x, x_adv])).argmax(dim=1).chunk(2)
    assert terms.metrics["train_clean_accuracy"] == (natural == both.y).float().mean()
    assert terms.metrics["train_accuracy"] == (adversarial == both.y).float().mean()


@every_loss
@pytest.mark.parametrize("scale", [0.0, 3.0, 1e4])
def test_loss_and_gradients_stay_finite(name: str, scale: float, given: Callable[[float], Any]) -> None:
    model, x, y, attack = given(scale)
    terms = LOSSES[name](model, x, y, attack)
    terms.loss.backward()
    assert terms.loss.isfinite()
    assert all(value.isfinite() for value in terms.metrics.values())
    assert model.both.grad.isfinite().all()


@every_loss
def test_natural_and_attacked_logits_both_learn(name: str, given: Callable[[float], Any]) -> None:
    model, x, y, attack = given(2.0)
    LOSSES[name](model, x, y, attack).loss.backward()
    assert model.both.grad[:16].any()
    assert model.both.grad[16:].any()


@pytest.mark.parametrize("name", [name for name in LOSSES if not name.startswith("mart")])
def test_the_identity_is_logged_and_holds(name: str, setting: Setting) -> None:
    metrics = LOSSES[name](setting.model, setting.x, setting.y, setting.attack).metrics
    assert metrics["trades_identity_error"] < 1e-5
    assert metrics["kl_conditional"] + metrics["kl_marginal"] == pytest.approx(metrics["kl"].item(), rel=1e-4)
    assert metrics["energy_xy"] > metrics["energy_x"]


@every_loss
def test_the_attack_ascends_what_the_method_says(name: str, setting: Setting) -> None:
    """MART attacks the label, all others the natural prediction of the model in evaluation mode."""
    clean = setting.attack.logits(setting.x)
    LOSSES[name](setting.model, setting.x, setting.y, setting.attack)
    (objective,) = setting.attack.objectives
    moved = clean + torch.linspace(-1, 1, 10)
    log_p, log_q = clean.log_softmax(dim=1), moved.log_softmax(dim=1)
    divergence = (log_p.exp() * (log_p - log_q)).sum(dim=1)
    label = -log_q.gather(1, setting.y[:, None]).squeeze(1)
    torch.testing.assert_close(objective(moved), label if name.startswith("mart") else divergence, rtol=1e-4, atol=1e-6)


LOGGED = {"train_accuracy", "train_clean_accuracy"}
OF_TRADES = LOGGED | {"natural_loss", "kl"}


@pytest.mark.parametrize(
    ("loss", "logged"),
    [
        (partial(trades_loss, beta=6.0), OF_TRADES),
        (partial(mail_trades_loss, beta=5.0), OF_TRADES | {"probabilistic_margin"}),
        (partial(weat_adv_loss, beta=6.0), OF_TRADES | {"energy_weight"}),
        (partial(weat_nat_loss, beta=6.0), OF_TRADES | {"energy_weight"}),
        (partial(mart_loss, beta=5.0), LOGGED | {"boosted_loss", "weighted_kl"}),
    ],
)
def test_what_is_logged_has_the_names_that_docstrings_give(
    loss: Callable[..., LossTerms], logged: set[str], given: Callable[[float], Any]
) -> None:
    model, x, y, attack = given(2.0)
    assert loss(model, x, y, attack).metrics.keys() >= logged
