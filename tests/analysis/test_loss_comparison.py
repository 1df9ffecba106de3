"""Histories side by side, and WEAT's weights from stored energies."""

import numpy as np
import torch

from advgen_ray.analysis.loss_comparison import energy_weights, mean_history
from advgen_ray.energy.logits import energy_x
from advgen_ray.losses.weat import weat_weights


def test_histories_are_averaged_epoch_by_epoch() -> None:
    one = [{"epoch": 1.0, "kl": 1.0, "note": "x"}, {"epoch": 2.0, "kl": 2.0, "validation": 0.5}]
    two = [{"epoch": 2.0, "kl": 4.0}, {"epoch": 1.0, "kl": 3.0}]
    assert mean_history([one, two]) == [{"epoch": 1.0, "kl": 2.0}, {"epoch": 2.0, "kl": 3.0, "validation": 0.5}]


def test_weights_are_those_of_the_loss() -> None:
    logits = torch.randn(50, 10, generator=torch.Generator().manual_seed(0)) * 5
    np.testing.assert_allclose(energy_weights(energy_x(logits).numpy()), weat_weights(logits).numpy(), rtol=1e-5)
    assert energy_weights([1e4, -1e4]).min() > 0
