"""What is read from logits agrees with its definition in float64, also where probabilities underflow."""

import numpy as np
import torch

from advgen_ray.energy.readout import read_logits


def test_readout_is_what_its_names_say() -> None:
    logits = torch.randn(50, 10, generator=torch.Generator().manual_seed(0)) * 5
    y = torch.arange(50) % 10
    readout = read_logits(logits, y)
    exact = logits.double().numpy()
    probabilities = np.exp(exact) / np.exp(exact).sum(1, keepdims=True)
    rows = np.arange(50)
    np.testing.assert_array_equal(readout.predicted, exact.argmax(1))
    np.testing.assert_array_equal(readout.correct, exact.argmax(1) == y.numpy())
    np.testing.assert_allclose(readout.confidence, probabilities.max(1), rtol=1e-5)
    np.testing.assert_allclose(readout.label_confidence, probabilities[rows, y], rtol=1e-5)
    np.testing.assert_allclose(readout.energy_x, -np.log(np.exp(exact).sum(1)), rtol=1e-5)
    np.testing.assert_allclose(readout.energy_xy, -exact[rows, y], rtol=1e-6)


def test_extreme_logits_stay_finite_and_confidences_within_one() -> None:
    logits = torch.tensor([[1e4, 0.0, -1e4], [-1e4, -1e4, -1e4]])
    readout = read_logits(logits, torch.tensor([2, 0]))
    np.testing.assert_allclose(readout.energy_x, [-1e4, 1e4 - np.log(3)], rtol=1e-6)
    assert readout.confidence.max() <= 1
    assert readout.label_confidence[0] == 0
