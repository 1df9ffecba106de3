"""Signs that robustness is only apparent (Athalye et al. 2018; the checks of AutoAttack), each with its usual cause."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from advgen_ray.attacks.eval_mode import eval_mode
from advgen_ray.attacks.objectives import Objective, cross_entropy, margin
from advgen_ray.attacks.suite import SuiteAttack, SuiteState

BLACK_BOX_SHARE = 0.002  # of all samples: 0.2 points
NUM_FORWARDS = 5
FORWARD_TOLERANCE = 1e-4


@dataclass(frozen=True)
class Probe:
    """What a few passes tell of a model.

    Args:
        in_training_mode: whether any of its modules is, as handed over.
        num_outputs: values a sample.
        gives_probabilities: whether every row is non-negative and sums to 1.
        forward_difference: the largest between 5 passes over the same images in evaluation mode.
        flat_cross_entropy, flat_margin: share of the samples whose input gradient of that objective is exactly zero.
    """

    in_training_mode: bool
    num_outputs: int
    gives_probabilities: bool
    forward_difference: float
    flat_cross_entropy: float
    flat_margin: float


def probe(model: nn.Module, x: Tensor, y: Tensor) -> Probe:
    """Look at a model on images ``x`` ``[N, C, H, W]`` with labels ``y`` ``[N]``; a batch is enough.

    Raises ValueError for outputs that are not ``[N, K]``.
    """
    in_training_mode = any(module.training for module in model.modules())
    with eval_mode(model), torch.no_grad():
        outputs = torch.stack([model(x) for _ in range(NUM_FORWARDS)])
        if outputs.shape[1:-1] != y.shape:
            raise ValueError(f"expected logits [{len(y)}, K], got shape {list(outputs.shape[1:])}")
        usable = outputs.shape[2] > 1 and bool((y < outputs.shape[2]).all())
        return Probe(
            in_training_mode,
            outputs.shape[2],
            bool((outputs[0] >= 0).all() & ((outputs[0].sum(dim=1) - 1).abs() < 1e-4).all()),
            float((outputs.amax(dim=0) - outputs.amin(dim=0)).max()),
            _flat_share(model, x, cross_entropy(y)) if usable else 0.0,
            _flat_share(model, x, margin(y)) if usable else 0.0,
        )


def probe_warnings(found: Probe, num_classes: int) -> list[str]:
    """One line for each thing that makes attacks on this model weak or meaningless; empty where there is none."""
    lines = []
    if found.in_training_mode:
        lines.append(
            "the model was handed over in training mode: attacks and accuracies here use evaluation mode; call eval() "
            "if that is what will be deployed"
        )
    if found.num_outputs != num_classes:
        lines.append(
            f"the model gives {found.num_outputs} outputs for {num_classes} classes: the model of another data set, "
            "or a head with classes that never occur, which targeted attacks waste targets on"
        )
    if found.gives_probabilities:
        lines.append("the outputs look like probabilities: a softmax in the model weakens every attack; remove it")
    if not found.forward_difference <= FORWARD_TOLERANCE:
        lines.append(
            f"outputs of the same images differ by up to {found.forward_difference:.2g} between passes: a randomised "
            "defence, or dropout kept on; gradients must be averaged over passes, and flags are lucky draws"
        )
    if found.flat_margin > 0:
        lines.append(
            f"{found.flat_margin:.1%} of the samples have a margin whose input gradient is exactly zero: rounding or "
            "another step without a gradient, or a constant output; only black-box and transfer attacks mean something"
        )
    if found.flat_cross_entropy > found.flat_margin:
        lines.append(
            f"{found.flat_cross_entropy:.1%} of the samples have a cross-entropy whose input gradient is exactly zero: "
            "logits so large that the softmax saturates; attacks on the margin or DLR see what cross-entropy does not"
        )
    return lines


def suite_warnings(state: SuiteState, attacks: Sequence[SuiteAttack]) -> list[str]:
    """One line for each attack without gradients that beats by over 0.2 points all those with gradients before it.

    Says nothing of one that ran before an attack with gradients: what it took, the other might have taken.
    """
    lines = []
    for index, attack in enumerate(attacks):
        share = (state.fallen_by == index).double().mean().item()
        is_after = not any(later.sees_gradients for later in attacks[index:])
        if is_after and share > BLACK_BOX_SHARE:
            lines.append(
                f"{attack.name}, which sees no gradients, took {share:.1%} of the samples after all attacks that do: "
                "gradients are masked (saturation, rounding, randomness), or those attacks had too few steps"
            )
    return lines


def _flat_share(model: nn.Module, x: Tensor, objective: Objective) -> float:
    """Share of samples whose input gradient is exactly zero."""
    with torch.enable_grad():
        leaf = x.detach().clone().requires_grad_()
        values = objective(model(leaf))
        if not values.requires_grad:
            return 1.0
        (gradient,) = torch.autograd.grad(values.sum(), leaf, allow_unused=True)
    return 1.0 if gradient is None else (gradient.flatten(1) == 0).all(dim=1).double().mean().item()
