"""What holds for every classifier: sizes, its own normalization, float32 logits, gradients, a sample as in a batch."""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch
import torchvision
from torch import nn

from advgen_ray.models.image_classifier import ImageClassifier, Projection
from advgen_ray.models.preact_resnet import PreActResNet
from advgen_ray.models.resnet import ResNet
from advgen_ray.models.wide_resnet import WideResNet

THIN: dict[str, Callable[..., ImageClassifier]] = {
    "wide_resnet": partial(WideResNet, depth=10, widen_factor=1, base_channels=4),
    "resnet-18": partial(ResNet, depth=18, base_channels=4),
    "resnet-50": partial(ResNet, depth=50, base_channels=4),
    "preact_resnet-18": partial(PreActResNet, depth=18, base_channels=4),
    "preact_resnet-18-published": partial(
        PreActResNet, depth=18, base_channels=4, activated_shortcuts=False, final_norm=False
    ),
}
every_network = pytest.mark.parametrize("name", THIN)


def _build(name: str, image_shape: tuple[int, int, int] = (3, 16, 16), **changes: Any) -> ImageClassifier:
    torch.manual_seed(0)
    channels = image_shape[0]
    return THIN[name](image_shape, 10, **{"mean": (0.3,) * channels, "std": (0.4,) * channels, **changes})


@pytest.mark.parametrize(
    ("build", "num_parameters"),
    [
        (partial(ResNet, depth=18), 11_173_962),  # of the networks that robust training on CIFAR-10 uses
        (partial(ResNet, depth=34), 21_282_122),
        (partial(ResNet, depth=50), 23_520_842),
        (partial(PreActResNet, depth=18), 11_172_170),
        (partial(PreActResNet, depth=18, final_norm=False), 11_171_146),
        (partial(WideResNet, depth=28, widen_factor=10), 36_479_194),
    ],
)
def test_published_number_of_parameters(build: Callable[..., ImageClassifier], num_parameters: int) -> None:
    with torch.device("meta"), pytest.MonkeyPatch.context() as patch:
        patch.setattr(nn.init, "kaiming_normal_", lambda *_, **__: None)
        model = build((3, 32, 32), 10, (0.5,) * 3, (0.2,) * 3)
    assert sum(parameter.numel() for parameter in model.parameters()) == num_parameters


@pytest.mark.parametrize("depth", [18, 50])
def test_with_imagenets_stem_it_is_torchvisions(depth: int) -> None:
    """Tensor by tensor in the order of its construction, but for where the shortcut stands in a block."""
    theirs = getattr(torchvision.models, f"resnet{depth}")(num_classes=10).eval()
    ours = ResNet((3, 64, 64), 10, (0.0,) * 3, (1.0,) * 3, depth=depth, stem="imagenet").eval()
    state = {
        name.replace("downsample", "shortcut").replace("bn", "norm"): value
        for name, value in theirs.state_dict().items()
    }
    renamed = {}
    for name, value in state.items():
        layer, _, rest = name.partition(".")
        prefix = f"stages.{int(layer[-1]) - 1}" if layer.startswith("layer") else None
        names = {"conv1": "stem.0", "norm1": "stem.1", "fc": "head"}
        renamed[f"{prefix or names[layer]}.{rest}"] = value
    buffers = {name: ours.state_dict()[name] for name in ("mean", "std")}
    ours.load_state_dict(renamed | buffers)
    x = torch.rand(2, 3, 64, 64)
    torch.testing.assert_close(ours(x), theirs(x), rtol=1e-4, atol=1e-4)


@every_network
@pytest.mark.parametrize("image_shape", [(1, 8, 8), (3, 32, 32), (3, 33, 33)])
def test_images_from_small_up(name: str, image_shape: tuple[int, int, int]) -> None:
    model = _build(name, image_shape).eval()
    assert model(torch.rand(3, *image_shape)).shape == (3, 10)
    assert model(torch.rand(1, *image_shape)).shape == (1, 10)
    with pytest.raises(ValueError, match=r"expected images \[N, "):
        model(torch.rand(2, 3, 5, 5))


@pytest.mark.parametrize("side", [64, 150, 160])
def test_imagenets_stem_takes_photographs(side: int) -> None:
    model = _build("resnet-18", (3, side, side), stem="imagenet").eval()
    assert model.features(torch.rand(1, 3, side, side)).shape[2:] == (-(-side // 32),) * 2


@every_network
def test_normalizes_inside_itself(name: str) -> None:
    plain = _build(name, mean=(0.0,) * 3, std=(1.0,) * 3).eval()
    normalizing = _build(name, mean=(0.1, 0.5, 0.3), std=(0.2, 0.4, 0.9)).eval()
    x = torch.rand(4, 3, 16, 16)
    by_hand = torch.stack([(x[:, 0] - 0.1) / 0.2, (x[:, 1] - 0.5) / 0.4, (x[:, 2] - 0.3) / 0.9], dim=1)
    torch.testing.assert_close(normalizing(x), plain(by_hand), rtol=1e-4, atol=1e-5)
    assert normalizing.state_dict()["mean"].flatten().tolist() == pytest.approx([0.1, 0.5, 0.3])
    with pytest.raises(ValueError, match="one value for each of 3 channels, std positive"):
        _build(name, std=(0.4, 0.4, 0.0))


@every_network
def test_a_sample_alone_and_in_a_batch(name: str) -> None:
    model = _build(name).eval()
    x = torch.rand(64, 3, 16, 16)
    torch.testing.assert_close(model(x[7:8])[0], model(x)[7], rtol=1e-4, atol=1e-5)


@every_network
def test_the_weights_decide_the_memory_layout(name: str) -> None:
    model, x = _build(name), torch.rand(4, 3, 16, 16)
    assert model.features(x).is_contiguous(memory_format=torch.channels_last)
    assert all(
        module.weight.is_contiguous(memory_format=torch.channels_last)
        for module in model.modules()
        if isinstance(module, nn.Conv2d)
    )


@every_network
def test_memory_layout_keeps_the_gradients_of_narrow_networks(name: str) -> None:
    """A strided 1x1 convolution gives wild ones or a crash there (oneDNN issue 6035)."""
    x = torch.rand(16, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    results = []
    for layout in (torch.channels_last, torch.contiguous_format):
        model = _build(name).to(memory_format=layout).eval()  # in training 50 layers of norms amplify rounding
        model(x).square().sum().backward()
        results.append(torch.cat([parameter.grad.flatten() for parameter in model.parameters()]))
    assert (results[0] - results[1]).norm() / results[1].norm() < 0.01


@every_network
def test_under_autocast_features_are_bf16_and_logits_float32(name: str) -> None:
    model, x = _build(name), torch.rand(8, 3, 16, 16).requires_grad_()
    seen = []
    convolutions = [module for module in model.modules() if isinstance(module, nn.Conv2d)]
    convolutions[-1].register_forward_hook(lambda module, args, output: seen.append(output.dtype))
    exact = model(x)
    with torch.autocast("cpu", torch.bfloat16):
        logits = model(x)
    assert seen == [torch.float32, torch.bfloat16]
    assert logits.dtype == torch.float32
    assert (logits - exact).abs().mean() < 0.25 * exact.abs().mean()  # in training mode 50 norms amplify rounding
    (gradient,) = torch.autograd.grad(logits.sum(), x)
    assert gradient.dtype == torch.float32


def test_a_projection_is_a_strided_convolution() -> None:
    torch.manual_seed(0)
    layer, x = Projection(8, 16, 2), torch.randn(2, 8, 5, 5)
    torch.testing.assert_close(layer(x), nn.functional.conv2d(x, layer.weight, stride=2))


@pytest.mark.parametrize("build", [ResNet, PreActResNet])
def test_an_unknown_depth_is_refused(build: Callable[..., ImageClassifier]) -> None:
    with pytest.raises(ValueError, match=r"depth must be one of 18, 34.* got 20"):
        build((3, 32, 32), 10, (0.5,) * 3, (0.2,) * 3, depth=20)


def test_what_the_variants_of_the_preactivation_network_change() -> None:
    x = torch.rand(4, 3, 16, 16)
    outputs = []
    for activated in (True, False):
        model = _build("preact_resnet-18", activated_shortcuts=activated).eval()
        outputs.append(model(x))
    assert not torch.allclose(outputs[0], outputs[1])
