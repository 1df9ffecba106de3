"""Detectors as one classifier: its logits, and gradients of few logits without passes through all detectors."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from advgen_ray.models.one_vs_rest import OneVsRest
from advgen_ray.models.two_conv import TwoConv

NUM_CLASSES, NUM_IMAGES = 5, 12


@pytest.fixture
def detectors() -> list[nn.Module]:
    torch.manual_seed(0)
    shape, mean, std = (1, 8, 8), (0.3,), (0.4,)
    return [TwoConv(shape, 1, mean, std, channels=(4, 8), hidden=16).requires_grad_(False) for _ in range(NUM_CLASSES)]


@pytest.fixture
def x() -> Tensor:
    return torch.rand(NUM_IMAGES, 1, 8, 8, generator=torch.Generator().manual_seed(1))


def _gradient(model: Callable[[Tensor], Tensor], x: Tensor, objective: Callable[[Tensor], Tensor]) -> Tensor:
    leaf = x.clone().requires_grad_()
    (found,) = torch.autograd.grad(objective(model(leaf)).sum(), leaf)
    return found


Y = torch.arange(NUM_IMAGES) % NUM_CLASSES
OBJECTIVES: dict[str, Callable[[Tensor], Tensor]] = {
    "own logit": lambda z: z.gather(1, Y[:, None]),
    "margin": lambda z: z.gather(1, Y.flip(0)[:, None]) - z.gather(1, Y[:, None]),
    "highest": lambda z: z.amax(dim=1),
    "all": lambda z: cross_entropy(z, Y, reduction="none"),
    "none": lambda z: 0 * z,
}


@pytest.mark.parametrize("name", OBJECTIVES)
def test_gradients_are_those_of_the_detectors_side_by_side(name: str, detectors: list[nn.Module], x: Tensor) -> None:
    offsets = torch.linspace(-1, 1, NUM_CLASSES)
    model = OneVsRest(detectors, offsets.tolist()).eval()
    expected = _gradient(lambda x: torch.cat([one(x) for one in detectors], dim=1) + offsets, x, OBJECTIVES[name])
    torch.testing.assert_close(_gradient(model, x, OBJECTIVES[name]), expected, atol=1e-6, rtol=1e-5)
    assert (expected.abs().sum() > 0) == (name != "none")


def test_a_detector_is_differentiated_for_the_images_that_ask_for_it(detectors: list[nn.Module], x: Tensor) -> None:
    model, seen = OneVsRest(detectors).eval(), dict.fromkeys(range(NUM_CLASSES), 0)
    for k, one in enumerate(detectors):

        def count(module: nn.Module, inputs: tuple[Tensor], output: Tensor, k: int = k) -> None:
            seen[k] += len(output) * output.requires_grad

        one.register_forward_hook(count)
    _gradient(model, x, OBJECTIVES["own logit"])
    assert seen == {k: int((k == Y).sum()) for k in range(NUM_CLASSES)}


def test_parameters_have_their_gradients_where_they_want_them(detectors: list[nn.Module], x: Tensor) -> None:
    model = OneVsRest(detectors).eval().requires_grad_()
    leaf = x.clone().requires_grad_()
    model(leaf).sum().backward()  # type: ignore[no-untyped-call]
    assert all(one.grad is not None and one.grad.abs().sum() > 0 for one in (leaf, *model.parameters()))


def test_a_gradient_of_a_gradient_is_refused_not_wrong(detectors: list[nn.Module], x: Tensor) -> None:
    leaf = x.clone().requires_grad_()
    (first,) = torch.autograd.grad(OneVsRest(detectors).eval()(leaf).square().sum(), leaf, create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        first.sum().backward()  # type: ignore[no-untyped-call]


def test_more_than_one_logit_is_no_detector(x: Tensor) -> None:
    model = OneVsRest([TwoConv((1, 8, 8), 2, (0.3,), (0.4,), channels=(4, 8), hidden=16)])
    with pytest.raises(ValueError, match="expected one logit each"):
        model(x)
