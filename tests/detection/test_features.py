"""Hidden features: those of the named layers, of each image by itself, with the model left as it was."""

import pytest
import torch
from torch import Tensor, nn

from advgen_ray.detection.features import features, last_hidden
from advgen_ray.models.one_vs_rest import OneVsRest
from advgen_ray.models.wide_resnet import WideResNet


@pytest.fixture
def model() -> WideResNet:
    torch.manual_seed(0)
    model = WideResNet((1, 8, 8), 10, (0.3,), (0.4,), depth=10, widen_factor=1, base_channels=4, dropout=0.2)
    model(torch.rand(64, 1, 8, 8))
    return model


@pytest.fixture
def x() -> Tensor:
    return torch.rand(12, 1, 8, 8, generator=torch.Generator().manual_seed(1))


def test_features_are_the_outputs_of_the_named_layers(model: WideResNet, x: Tensor) -> None:
    first, norm = features(model, x, ["stages.0", "norm"])
    assert model.training
    model.eval()
    with torch.no_grad():
        hidden = model.stages[0](model.stem((x - model.mean) / model.std))
        assert torch.allclose(first, hidden.flatten(1), atol=1e-6)
        assert torch.allclose(norm, model.norm(model.stages[2](model.stages[1](hidden))).flatten(1), atol=1e-5)
    image = x[:1].clone().requires_grad_()
    (gradient,) = torch.autograd.grad(features(model, image, ["norm"])[0].sum(), image)
    assert gradient.abs().max() > 0, "an attack sees what a detector sees"


def test_last_hidden_is_what_the_head_reads(model: WideResNet, x: Tensor) -> None:
    logits, hidden = last_hidden(model, x)
    assert hidden.shape == (12, 16)
    assert torch.allclose(model.head(hidden), logits, atol=1e-6)
    two = nn.Sequential(nn.Flatten(), nn.Linear(64, 7), nn.ReLU(), nn.Linear(7, 3))
    assert torch.equal(last_hidden(two, x)[1], two[:3](x))


@pytest.mark.parametrize("gradient", [False, True])
def test_logits_without_a_last_hidden_layer_in_common_are_refused(gradient: bool, x: Tensor) -> None:
    def one(width: int) -> nn.Module:
        return nn.Sequential(nn.Flatten(), nn.Linear(64, 5), nn.ReLU(), nn.Linear(5, width))

    images = x.clone().requires_grad_(gradient)
    side_by_side = OneVsRest([one(1) for _ in range(3)]).requires_grad_(False)
    with pytest.raises(ValueError, match=r"gives \[\[12, 1\]\], expected the logits, \[12, 3\], once"):
        last_hidden(side_by_side, images)
    head = nn.Linear(64, 64)
    with pytest.raises(ValueError, match=r"gives \[\[12, 64\], \[12, 64\]\], expected the logits, \[12, 64\], once"):
        last_hidden(nn.Sequential(nn.Flatten(), head, head), images)
    unused = one(3)
    unused.register_module("spare", nn.Linear(5, 3))
    unused.forward = lambda x: unused[:4](x)  # type: ignore[method-assign]
    with pytest.raises(ValueError, match=r"gives \[\], expected the logits"):
        last_hidden(unused, images)


def test_an_image_alone_has_its_features_in_a_batch(model: WideResNet, x: Tensor) -> None:
    together, alone = features(model, x, ["stages.1"])[0], features(model, x[3:4], ["stages.1"])[0]
    assert torch.allclose(alone[0], together[3], atol=1e-5)


def test_no_hook_stays(model: WideResNet, x: Tensor) -> None:
    features(model, x, ["stages.0"])
    last_hidden(model, x)
    with pytest.raises(ValueError, match="expected images"):
        last_hidden(model, x[:, :, :4])
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.modules())


def test_layers_that_cannot_be_read_are_named(model: WideResNet, x: Tensor) -> None:
    with pytest.raises(ValueError, match=r"no layers \['stages.7'\]; it has .*'stages.0'"):
        features(model, x, ["stages.0", "stages.7"])
    activation = nn.ReLU()
    shared = nn.Sequential(nn.Flatten(), activation, nn.Linear(64, 64), activation)
    with pytest.raises(ValueError, match=r"once in a forward pass, got \{'1': 2\}"):
        features(shared, x, ["1"])
    with pytest.raises(ValueError, match="no linear layer"):
        last_hidden(nn.Sequential(nn.Flatten()), x)
