"""How far out of distribution an image looks to a model, and how harmless an attack can make it look.

The positive class is out of distribution (OOD): a detection score is higher for an image that is further out. Scores
are functions of a model's outputs ``[N, K] -> [N]``, finite for any finite outputs, and differentiable.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from torch import Tensor, nn

from advgen_ray.attacks.best_of_starts import Attack, best_of_starts
from advgen_ray.attacks.forward import logits_of
from advgen_ray.attacks.objectives import Objective, logit
from advgen_ray.energy.logits import energy_x
from advgen_ray.rng import StartNoise

DetectionScore = Callable[[Tensor], Tensor]

CLEAN, FROM_IMAGE = "clean", "image"


def binary_logit(outputs: Tensor) -> Tensor:
    """Minus the logit of a binary model that tells data from all else (S004 3.3); ``[N, 1]``, else ValueError."""
    return -logit(outputs)


def max_logit(outputs: Tensor) -> Tensor:
    """Minus the largest logit (Hendrycks et al. 2022)."""
    return -outputs.amax(dim=1)


def msp(outputs: Tensor) -> Tensor:
    """One minus the largest softmax probability (Hendrycks and Gimpel 2017).

    As the sum of the others, so that neither it nor its gradient is lost where the model is sure to 1e-30.
    """
    p = outputs.softmax(dim=1)
    return p.scatter(1, outputs.argmax(dim=1, keepdim=True), 0.0).sum(dim=1)


def energy(outputs: Tensor) -> Tensor:
    """``E(x) = -logsumexp_k f(x)[k]`` (Liu et al. 2020 at temperature 1)."""
    return energy_x(outputs)


def mahalanobis(outputs: Tensor) -> Tensor:
    """Half the squared distance to the nearest class (Lee et al. 2018), of outputs of ``GaussianClassifier``."""
    return max_logit(outputs)


SCORES: dict[str, DetectionScore] = {one.__name__: one for one in (binary_logit, max_logit, msp, energy, mahalanobis)}


def evasion(detection_score: DetectionScore) -> Objective:
    """What an attack ascends that wants OOD images taken for data: minus the score."""
    return lambda outputs: -detection_score(outputs)


class WorstCase(NamedTuple):
    """Images at their most harmless ``[N, C, H, W]``, their scores ``[N]``, and where each came from."""

    x: Tensor
    detection_score: Tensor
    start: list[str]  # "clean", "image", or "noise-1", ...


def detection_scores(model: nn.Module, x: Tensor, detection_score: DetectionScore) -> Tensor:
    """Scores ``[N]`` of images as they are, in evaluation mode, without a graph."""
    return detection_score(logits_of(model, x))


def worst_case(
    model: nn.Module,
    x: Tensor,
    detection_score: DetectionScore,
    attack: Attack,
    start_noises: Sequence[StartNoise | None],
) -> WorstCase:
    """The lowest score of each image ``[N, C, H, W]``: as it is, and at the best iterate from every start."""
    best = best_of_starts(model, x, attack, start_noises, evasion(detection_score))
    names = [CLEAN, *(FROM_IMAGE if noise is None else f"noise-{i}" for i, noise in enumerate(start_noises))]
    return WorstCase(best.x, -best.value, [names[number] for number in best.found_from.tolist()])
