"""All that is read from the logits of labelled images at once (catalogue B1)."""

from dataclasses import dataclass

import torch
from torch import Tensor

from advgen_ray.energy.logits import energy_x, energy_xy


@dataclass(frozen=True)
class Readout:
    """One value a row, each ``[N]``; confidences are softmax probabilities."""

    predicted: Tensor
    correct: Tensor
    confidence: Tensor  # of the predicted class
    label_confidence: Tensor
    energy_x: Tensor
    energy_xy: Tensor  # at the label


def read_logits(logits: Tensor, y: Tensor) -> Readout:
    """Prediction, confidences and energies of ``logits [N, K]`` with labels ``y [N]`` int64."""
    log_probabilities = torch.log_softmax(logits, dim=1)
    confidence, predicted = log_probabilities.max(dim=1)
    return Readout(
        predicted=predicted,
        correct=predicted == y,
        confidence=confidence.exp(),
        label_confidence=log_probabilities.gather(1, y[:, None]).squeeze(1).exp(),
        energy_x=energy_x(logits),
        energy_xy=energy_xy(logits, y),
    )
