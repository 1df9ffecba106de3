"""MAIL-TRADES: weights that fall with the margin, of mean one, uniform during burn-in."""

from collections.abc import Callable
from typing import Any

import pytest
import torch

from advgen_ray.losses.mail import mail_trades_loss, mail_weights, probabilistic_margin
from advgen_ray.losses.trades import trades_loss


def test_margins_of_known_probabilities() -> None:
    logits = torch.tensor([[0.7, 0.2, 0.1], [0.7, 0.2, 0.1]]).log()
    assert probabilistic_margin(logits, torch.tensor([0, 2])).tolist() == pytest.approx([0.5, -0.6], abs=1e-6)
    assert probabilistic_margin(torch.tensor([[1e4, 0.0], [1e4, 0.0]]), torch.tensor([0, 1])).tolist() == [1, -1]


def test_the_papers_weights_have_mean_one_and_fall_with_the_margin() -> None:
    weights = mail_weights(torch.linspace(-1, 1, 21), slope=5.0, bias=0.0)
    assert weights.mean().item() == pytest.approx(1.0)
    assert (weights.diff() < 0).all()
    assert weights[0] / weights[-1] == pytest.approx(148.4, rel=1e-3)  # sigmoid(5) / sigmoid(-5) = e^5


def test_the_released_weights_are_three_sigmoids() -> None:
    """slope 1, bias -1.5 on max wrong - label, as the authors' code has it."""
    weights = mail_weights(torch.tensor([-1.0, 0.0, 1.0]), slope=1.0, bias=-1.5, scale="times_three")
    assert weights.tolist() == pytest.approx(
        [3 / (1 + 2.71828**0.5), 3 / (1 + 2.71828**1.5), 3 / (1 + 2.71828**2.5)], rel=1e-4
    )


def test_burn_in_is_trades(given: Callable[[float], Any]) -> None:
    model, x, y, attack = given(2.0)
    trades = trades_loss(model, x, y, attack, beta=5.0)
    assert torch.equal(mail_trades_loss(model, x, y, attack, beta=5.0, weighted=False).loss, trades.loss)
    assert not torch.equal(mail_trades_loss(model, x, y, attack, beta=5.0).loss, trades.loss)


def test_the_published_sum_on_attacked_margins(given: Callable[[float], Any]) -> None:
    model, x, y, attack = given(2.0)
    logits, logits_adv = model.both.detach().chunk(2)
    p, q = logits.softmax(dim=1), logits_adv.softmax(dim=1)
    weights = mail_weights(probabilistic_margin(logits_adv, y), 5.0, 0.0)
    natural = -p.gather(1, y[:, None]).log().mean()
    expected = natural + 5.0 * (weights * (p * (p / q).log()).sum(dim=1)).mean()
    torch.testing.assert_close(mail_trades_loss(model, x, y, attack, beta=5.0).loss, expected, rtol=1e-5, atol=1e-6)


def test_parts_of_a_batch_with_its_joint_mean_add_up_to_the_whole(given: Callable[[float], Any]) -> None:
    """Workers normalize by the mean over all of them, so how rows are shared changes nothing."""
    margins = torch.linspace(-1, 1, 8)
    whole = mail_weights(margins, 5.0, 0.0)
    joint = torch.sigmoid(-5 * margins).mean()
    parts = [mail_weights(part, 5.0, 0.0, batch_mean=lambda _: joint) for part in (margins[:3], margins[3:])]
    torch.testing.assert_close(torch.cat(parts), whole)


def test_weights_carry_no_gradient(given: Callable[[float], Any]) -> None:
    model, x, y, attack = given(2.0)
    mail_trades_loss(model, x, y, attack, beta=5.0).loss.backward()
    gradient, model.both.grad = model.both.grad.clone(), None
    logits, logits_adv = model.both.chunk(2)
    weights = mail_weights(probabilistic_margin(logits_adv.detach(), y), 5.0, 0.0)
    log_p, log_q = logits.log_softmax(dim=1), logits_adv.log_softmax(dim=1)
    kl = (log_p.exp() * (log_p - log_q)).sum(dim=1)
    (-log_p.gather(1, y[:, None]).mean() + 5 * (weights * kl).mean()).backward()
    torch.testing.assert_close(gradient, model.both.grad)


def test_what_is_said_of_the_weights_reaches_them(given: Callable[[float], Any]) -> None:
    model, x, y, attack = given(2.0)
    logits, logits_adv = model.both.detach().chunk(2)
    p, q = logits.softmax(dim=1), logits_adv.softmax(dim=1)
    natural, kl = -p.gather(1, y[:, None]).log().mean(), (p * (p / q).log()).sum(dim=1)
    sigmoids = torch.sigmoid(-2.0 * (probabilistic_margin(logits_adv, y) + 0.5))
    for said, weights in (
        ({"scale": "times_three"}, 3 * sigmoids),
        ({"batch_mean": lambda values: values.new_tensor(0.25)}, 4 * sigmoids),
    ):
        terms = mail_trades_loss(model, x, y, attack, beta=5.0, slope=2.0, bias=-0.5, **said)  # type: ignore[arg-type]
        torch.testing.assert_close(terms.loss, natural + 5.0 * (weights * kl).mean(), rtol=1e-5, atol=1e-6)
