"""The networks of S004: sizes as published, one logit in float32, nothing that depends on the batch or the mode."""

from collections.abc import Callable

import pytest
import torch
from torch import nn

from advgen_ray.models.discriminator import Discriminator
from advgen_ray.models.image_classifier import ImageClassifier
from advgen_ray.models.two_conv import TwoConv


def _two_conv(num_classes: int = 1) -> TwoConv:
    torch.manual_seed(0)
    return TwoConv((1, 28, 28), num_classes, (0.1,), (0.3,), channels=(4, 8), hidden=16)


def _discriminator(num_classes: int = 1) -> Discriminator:
    torch.manual_seed(0)
    return Discriminator((3, 32, 32), num_classes, (0.4,) * 3, (0.2,) * 3, base_channels=4, max_channels=16)


def test_the_detector_of_mnist_is_madrys_network() -> None:
    """32 and 64 filters of 5x5, 1024 units, one logit: 832 + 51,264 + 3,212,288 + 1,025 weights."""
    with torch.device("meta"):
        model = TwoConv((1, 28, 28), 1, (0.0,), (1.0,))
    assert sum(parameter.numel() for parameter in model.parameters()) == 832 + 51_264 + 3_212_288 + 1_025


def test_the_discriminator_has_the_shapes_of_table_2_2() -> None:
    with torch.device("meta"):
        model = Discriminator((3, 256, 256), 1, (0.5,) * 3, (0.5,) * 3)
        shapes = []
        x = torch.zeros(2, 3, 256, 256)
        for layer in model.layers:
            x = layer(x)
            shapes.append(tuple(x.shape[1:]))
    blocks = [(64, 256), (128, 128), (256, 64), (512, 32), (512, 16), (512, 8), (512, 4)]
    assert shapes[:7] == [(channels, side, side) for channels, side in blocks]
    assert shapes[7:] == [(512, 4, 4), (512, 1, 1), (512, 1, 1)]
    assert (model.head.in_features, model.head.out_features) == (512, 1)


@pytest.mark.parametrize("size", [24, 33, 4])
def test_the_discriminator_takes_squares_that_halve_to_four(size: int) -> None:
    with pytest.raises(ValueError, match=r"a square of 8, 16, 32, \.\.\. pixels"):
        Discriminator((3, size, size), 1, (0.5,) * 3, (0.5,) * 3)


@pytest.mark.parametrize(("build", "shape"), [(_two_conv, (1, 28, 28)), (_discriminator, (3, 32, 32))])
def test_a_sample_is_alone_what_it_is_in_a_batch_in_either_mode(
    build: Callable[..., ImageClassifier], shape: tuple[int, ...]
) -> None:
    model, x = build(), torch.rand(16, *shape, generator=torch.Generator().manual_seed(1))
    logits = model(x)
    assert logits.shape == (16, 1)
    torch.testing.assert_close(model(x[7:8])[0], logits[7], rtol=1e-4, atol=1e-5)
    assert torch.equal(model.eval()(x), logits)
    assert not any(isinstance(module, nn.modules.batchnorm._BatchNorm) for module in model.modules())
    with torch.autocast("cpu", torch.bfloat16):
        assert model(x).dtype == torch.float32
    assert build(10)(x).shape == (16, 10)
