"""TRADES is cross-entropy and a divergence, in the proportion of beta."""

from collections.abc import Callable
from typing import Any

import torch
from torch.nn import functional

from advgen_ray.losses.trades import trades_loss


def test_the_published_sum(given: Callable[[float], Any]) -> None:
    model, x, y, attack = given(2.0)
    logits, logits_adv = model.both.detach().double().chunk(2)
    p, q = logits.softmax(dim=1), logits_adv.softmax(dim=1)
    expected = functional.cross_entropy(logits, y) + 4.0 * (p * (p / q).log()).sum(dim=1).mean()
    torch.testing.assert_close(trades_loss(model, x, y, attack, beta=4.0).loss.double(), expected, rtol=1e-5, atol=1e-6)


def test_where_the_attack_finds_nothing_it_is_cross_entropy(given: Callable[[float], Any]) -> None:
    model, x, y, attack = given(2.0)
    logits = model.both.detach()[:16]
    with torch.no_grad():
        model.both[16:] = logits
    terms = trades_loss(model, x, y, attack, beta=6.0)
    torch.testing.assert_close(terms.loss, functional.cross_entropy(logits, y))
    assert terms.metrics["kl"] == 0
