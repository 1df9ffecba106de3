"""Standard adversarial training: cross-entropy on the attacked images (Madry et al. 2018; S000 equation 2)."""

from torch import Tensor, nn
from torch.nn import functional

from advgen_ray.attacks.objectives import BoundAttack, cross_entropy
from advgen_ray.losses import LossTerms


def sat_loss(model: nn.Module, x: Tensor, y: Tensor, attack: BoundAttack | None) -> LossTerms:
    """Mean cross-entropy at ``max_{x_adv in B(x)} CE(model(x_adv), y)``; without an attack, standard training.

    Args:
        model: maps images ``[N, C, H, W]`` in [0, 1] to logits ``[N, K]``; its mode is the caller's.
        x: clean images ``[N, C, H, W]`` in [0, 1].
        y: labels ``[N]``, int64.
        attack: ``attack(x, objective) -> x_adv``, bound to the bare module (never to a DDP wrapper, whose
            forward hooks must run once a step); None trains on ``x``.

    Returns:
        The loss, and as metric ``train_accuracy``: the share of the images trained on (the attacked ones) that
        the model in training mode classifies correctly.
    """
    x_train = x if attack is None else attack(x, cross_entropy(y))
    logits = model(x_train)
    correct = logits.detach().argmax(dim=1) == y
    return LossTerms(functional.cross_entropy(logits, y), {"train_accuracy": correct.float().mean()})
