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
        forward_difference: the largest between 5 passes over the same images in evaluation mode.
        flat_cross_entropy, flat_margin: share of the samples whose input gradient of that objective is exactly zero.
        not_finite: share of the samples whose input gradient of either objective holds NaN or infinity.
    """

    in_training_mode: bool
    num_outputs: int
    forward_difference: float
    flat_cross_entropy: float
    flat_margin: float
    not_finite: float


def probe(model: nn.Module, x: Tensor, y: Tensor) -> Probe:
    """Look at a model on images ``x`` ``[N, C, H, W]`` with labels ``y`` ``[N]``; a batch is enough.

    Raises ValueError for outputs that are not ``[N, K]``.
    """
    in_training_mode = any(module.training for module in model.modules())
    with eval_mode(model), torch.no_grad():
        outputs = torch.stack([model(x) for _ in range(NUM_FORWARDS)])
        if outputs.shape[1:-1] != y.shape:
            raise ValueError(f"expected logits [{len(y)}, K], got shape {list(outputs.shape[1:])}")
        flat, not_finite = [0.0, 0.0], 0.0
        if outputs.shape[2] > 1 and bool((y < outputs.shape[2]).all()):
            gradients = [_gradient(model, x, objective(y)) for objective in (cross_entropy, margin)]
            flat = [_share((gradient == 0).all(dim=1)) for gradient in gradients]
            not_finite = _share(~torch.cat(gradients, dim=1).isfinite().all(dim=1))
        return Probe(
            in_training_mode,
            outputs.shape[2],
            float((outputs.amax(dim=0) - outputs.amin(dim=0)).max()),
            flat_cross_entropy=flat[0],
            flat_margin=flat[1],
            not_finite=not_finite,
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
    if found.not_finite > 0:
        lines.append(
            f"{found.not_finite:.1%} of the samples have an input gradient that is not finite: the square root or "
            "logarithm of zero, or 0 / 0; attacks that see gradients refuse such a model"
        )
    return lines


def suite_warnings(state: SuiteState, attacks: Sequence[SuiteAttack]) -> list[str]:
    """One line for each attack without gradients that beats by over 0.2 points all those with gradients before it.

    Says nothing of one that ran before an attack with gradients: what it took, the other might have taken. Nor of one
    that no attack with gradients was before.
    """
    lines = []
    for index, attack in enumerate(attacks):
        share = (state.fallen_by == index).double().mean().item()
        before, others = attacks[:index], attacks[index:]
        is_after = any(a.sees_gradients for a in before) and not any(a.sees_gradients for a in others)
        if is_after and share > BLACK_BOX_SHARE:
            lines.append(
                f"{attack.name}, which sees no gradients, took {share:.1%} of the samples after all attacks that do: "
                "gradients are masked (saturation, rounding, randomness), or those attacks had too few steps"
            )
    return lines


def _gradient(model: nn.Module, x: Tensor, objective: Objective) -> Tensor:
    """Input gradient of each sample, ``[N, D]``; zero where the objective does not depend on the input."""
    with torch.enable_grad():
        leaf = x.detach().clone().requires_grad_()
        values = objective(model(leaf))
        gradient = torch.autograd.grad(values.sum(), leaf, allow_unused=True)[0] if values.requires_grad else None
    return (torch.zeros_like(x) if gradient is None else gradient).flatten(1)


def _share(rows: Tensor) -> float:
    return rows.double().mean().item()
