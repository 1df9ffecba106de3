"""What the losses on pairs of natural and attacked images share."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from advgen_ray.attacks.objectives import kl_divergence
from advgen_ray.energy.decomposition import divergence_terms, trades_as_energies
from advgen_ray.energy.logits import energy_x, energy_xy
from advgen_ray.losses import InnerAttack


def attacked_by_divergence(attack: InnerAttack, x: Tensor) -> Tensor:
    """``argmax KL(p(.|x) || p(.|x_adv))`` over the ball: the attack of TRADES and of what is built on it."""
    return attack(x, kl_divergence(attack.logits(x)))


def logits_of_pairs(model: nn.Module, x: Tensor, x_adv: Tensor) -> tuple[Tensor, Tensor]:
    """Logits of both, each ``[N, K]``, in one forward.

    Two forwards before one backward break DDP, and batch-norm statistics see natural and attacked images as one batch.
    The released codes forward twice: there each half is normalized by its own moments, and both move the statistics.
    """
    natural, adversarial = model(torch.cat([x, x_adv])).chunk(2)
    return natural, adversarial


def accuracies(logits: Tensor, logits_adv: Tensor, y: Tensor) -> dict[str, Tensor]:
    """Shares of the natural and of the attacked images that the model in training mode classifies correctly."""
    correct, correct_adv = (both.detach().argmax(dim=1) == y for both in (logits, logits_adv))
    return {"train_accuracy": correct_adv.float().mean(), "train_clean_accuracy": correct.float().mean()}


@torch.no_grad()
def energy_metrics(
    logits: Tensor, logits_adv: Tensor, y: Tensor, trades_rows: Tensor, beta: float
) -> dict[str, Tensor]:
    """TRADES as energies, batch means: energies, the parts of the divergence, and how far off the identity is.

    ``trades_rows`` ``[N]`` is ``CE + beta KL`` as trained on; ``trades_identity_error`` is the mean of its relative
    distance from the energies' side, which is taken in float64: rounding, unless one of the two sides is wrong.
    """
    logits, logits_adv = logits.double(), logits_adv.double()
    terms = divergence_terms(logits, logits_adv)
    error = (trades_rows - trades_as_energies(logits, logits_adv, y, beta)).abs() / (1 + trades_rows.abs())
    return {
        "energy_x": energy_x(logits).mean(),
        "energy_xy": energy_xy(logits, y).mean(),
        "energy_x_adv": energy_x(logits_adv).mean(),
        "kl_conditional": terms.conditional.mean(),
        "kl_marginal": terms.marginal.mean(),
        "trades_identity_error": error.mean(),
    }


def cross_entropy_rows(logits: Tensor, y: Tensor) -> Tensor:
    """``CE(f(x), y)`` of each row."""
    return functional.cross_entropy(logits, y, reduction="none")
