"""Parts of a batch change where its activations lie, not what comes out."""

import pytest
import torch
from torch import Tensor, nn

from advgen_ray.attacks.forward import VALUES_A_PART, forward, logits_of

IMAGE = (3, 64, 64)
A_PART = VALUES_A_PART // (3 * 64 * 64)


class _Recording(nn.Module):
    """A small network that notes how many images each call brings."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.network = nn.Sequential(nn.Conv2d(3, 4, 3, stride=4), nn.Tanh(), nn.Flatten(), nn.Linear(1024, 5))
        self.batches: list[int] = []

    def forward(self, x: Tensor) -> Tensor:
        self.batches.append(len(x))
        return self.network(x)


@pytest.mark.parametrize("num_images", [0, 1, A_PART, A_PART + 1, 3 * A_PART - 1])
def test_outputs_and_gradients_are_those_of_one_pass(num_images: int) -> None:
    model = _Recording().double()
    x = torch.rand(num_images, *IMAGE, dtype=torch.float64, requires_grad=True)
    outputs, whole = forward(model, x), model.network(x)
    torch.testing.assert_close(outputs, whole, rtol=1e-12, atol=1e-12)
    gradients = [torch.autograd.grad(values.square().sum(), x)[0] for values in (outputs, whole)]
    torch.testing.assert_close(*gradients, rtol=1e-12, atol=1e-12)


def test_parts_are_even_and_none_exceeds_its_size() -> None:
    model = _Recording()
    with torch.no_grad():
        forward(model, torch.rand(2 * A_PART + 1, *IMAGE))
    assert sum(model.batches) == 2 * A_PART + 1
    assert len(model.batches) == 3
    assert max(model.batches) - min(model.batches) <= 2


def test_an_image_larger_than_a_part_is_not_cut() -> None:
    model = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
    assert forward(model, torch.rand(2, 3, 400, 400)).shape == (2, 3)
    assert forward(model, torch.rand(1, 3, 400, 400)).shape == (1, 3)


def test_logits_are_those_of_evaluation_mode_without_a_graph() -> None:
    """In the parts of every other pass, so that an image has the same logits, bit by bit, whoever asks."""
    model = nn.Sequential(_Recording(), nn.Dropout())
    x = torch.rand(2 * A_PART, *IMAGE, requires_grad=True)
    logits = logits_of(model, x)
    assert model.training
    assert not logits.requires_grad
    assert model[0].batches == [A_PART, A_PART]
    assert torch.equal(logits, forward(model.eval(), x))
