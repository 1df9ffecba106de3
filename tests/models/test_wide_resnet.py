"""The published size, the images it must take, its own normalization, and its borders."""

import pytest
import torch
from torch import nn

from advgen_ray.models.wide_resnet import WideResNet


def _model(image_shape: tuple[int, int, int] = (1, 8, 8), **changes: object) -> WideResNet:
    torch.manual_seed(0)
    channels = image_shape[0]
    arguments = {"mean": (0.3,) * channels, "std": (0.4,) * channels, "depth": 10, "widen_factor": 1, **changes}
    return WideResNet(image_shape, 10, **arguments)


@pytest.mark.parametrize(
    ("depth", "widen_factor", "num_parameters"),
    # The paper's table 4 rounds these to 0.6M, 2.2M and 8.9M.
    [(40, 1, 563_930), (40, 2, 2_243_546), (40, 4, 8_949_210)],
)
def test_published_number_of_parameters(depth: int, widen_factor: int, num_parameters: int) -> None:
    model = _model((3, 32, 32), depth=depth, widen_factor=widen_factor)
    assert sum(parameter.numel() for parameter in model.parameters()) == num_parameters


def test_depth_counts_the_convolutions_of_the_longest_path() -> None:
    convolutions = [m for m in _model(depth=22).modules() if isinstance(m, nn.Conv2d) and m.kernel_size == (3, 3)]
    assert len(convolutions) == 22 - 3  # the name also counts the linear layer and two of the shortcuts


@pytest.mark.parametrize("image_shape", [(1, 8, 8), (1, 28, 28), (3, 32, 32)])
def test_image_shapes_and_strides(image_shape: tuple[int, int, int]) -> None:
    model = _model(image_shape).eval()
    shapes = []
    for stage in model.stages:
        stage.register_forward_hook(lambda module, args, output: shapes.append(tuple(output.shape[1:])))
    assert model(torch.rand(3, *image_shape)).shape == (3, 10)
    side = image_shape[1]
    assert shapes == [(16, side, side), (32, side // 2, side // 2), (64, side // 4, side // 4)]


def test_normalizes_inside_itself() -> None:
    plain = _model((3, 8, 8), mean=(0.0,) * 3, std=(1.0,) * 3).eval()
    normalizing = _model((3, 8, 8), mean=(0.1, 0.5, 0.3), std=(0.2, 0.4, 0.9)).eval()
    x = torch.rand(4, 3, 8, 8)
    by_hand = torch.stack([(x[:, 0] - 0.1) / 0.2, (x[:, 1] - 0.5) / 0.4, (x[:, 2] - 0.3) / 0.9], dim=1)
    assert torch.allclose(normalizing(x), plain(by_hand), atol=1e-6)


def test_normalization_travels_in_the_state() -> None:
    state = _model(mean=(0.1,), std=(0.2,)).state_dict()
    assert state["mean"].item() == pytest.approx(0.1)
    assert state["std"].item() == pytest.approx(0.2)
    other = _model(mean=(0.7,), std=(0.9,))
    other.load_state_dict(state)
    assert other.mean.item() == pytest.approx(0.1)


def test_dropout_acts_in_training_only() -> None:
    model = _model(dropout=0.5)
    x = torch.rand(4, 1, 8, 8)
    assert not torch.equal(model(x), model(x))
    model.eval()
    assert torch.equal(model(x), model(x))


def test_pre_activation_shortcuts() -> None:
    """With the second convolutions at zero, a block passes on its shortcut alone: an identity where it can."""
    model = _model(depth=16, base_channels=4).eval()
    for stage in model.stages:
        for block in stage:
            nn.init.zeros_(block.conv2.weight)
        x = torch.randn(2, stage[1].conv1.in_channels, 4, 4)
        assert torch.equal(stage[1](x), x)
    assert model.stages[0][0].shortcut is None
    first = model.stages[1][0]
    x = torch.randn(2, 4, 4, 4)
    activated = torch.relu(first.norm1(x))
    assert torch.equal(first(x), nn.functional.conv2d(activated[:, :, ::2, ::2], first.shortcut.weight))


@pytest.mark.parametrize("base_channels", [2, 4, 16])
def test_memory_layout_keeps_the_gradients(base_channels: int) -> None:
    """Of narrow networks too: a strided 1x1 convolution gives wild ones or a crash there (oneDNN issue 6035)."""
    results = []
    for layout in (torch.channels_last, torch.contiguous_format):
        model = _model(depth=16, base_channels=base_channels).to(memory_format=layout)
        x = torch.rand(64, 1, 8, 8, generator=torch.Generator().manual_seed(0))
        for _ in range(3):
            model.zero_grad()
            model(x).square().sum().div(64).backward()
        results.append(torch.cat([parameter.grad.flatten() for parameter in model.parameters()]))
    difference = (results[0] - results[1]).norm() / results[1].norm()
    assert difference < 0.1  # rounding is 1e-5, but may flip a ReLU, which is worth some percent


def test_a_sample_alone_and_in_a_batch() -> None:
    model = _model().eval()
    x = torch.rand(64, 1, 8, 8)
    assert torch.allclose(model(x[7:8])[0], model(x)[7], atol=1e-6)


@pytest.mark.parametrize("depth", [4, 11, 38])
def test_depth_must_be_6n_plus_4(depth: int) -> None:
    with pytest.raises(ValueError, match=f"depth must be 6n \\+ 4 .* got {depth}"):
        _model(depth=depth)


@pytest.mark.parametrize("std", [(0.0,), (0.4, 0.4)])
def test_statistics_must_fit_the_channels(std: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="one value for each of 1 channels, std positive"):
        _model(std=std)


def test_another_image_shape_is_refused() -> None:
    with pytest.raises(ValueError, match=r"expected images \[N, 1, 8, 8\], got \[2, 3, 8, 8\]"):
        _model()(torch.rand(2, 3, 8, 8))
