"""Uncertainty under dropout: its closed form, keyed masks, and models that have nothing to drop."""

import pytest
import torch
from torch import Tensor, nn

from advgen_ray.detection.mc_dropout import bayesian_uncertainty, has_dropout
from advgen_ray.models.wide_resnet import WideResNet
from advgen_ray.rng import Stream


class _Coin(nn.Module):
    """One input unit that dropout keeps or drops; kept, it makes the second class all but certain."""

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.dropout = nn.Dropout(rate)

    def forward(self, x: Tensor) -> Tensor:
        unit = self.dropout(x.flatten(1))
        return torch.cat([torch.zeros_like(unit) - 50, 100 * unit * (1 - self.dropout.p) - 100], dim=1)


def _stream() -> Stream:
    return Stream(0, "dropout masks")


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.8])
def test_a_coin_has_the_variance_of_a_coin(rate: float) -> None:
    """Two probabilities of 0 and 1, kept with ``1 - p``: each has ``p (1 - p) (T - 1) / T`` over T passes."""
    uncertainty = bayesian_uncertainty(_Coin(rate), torch.ones(2000, 1, 1, 1), range(2000), _stream(), num_passes=4)
    assert uncertainty.mean().item() == pytest.approx(2 * rate * (1 - rate) * 3 / 4, rel=0.1)


def test_kept_units_are_scaled_up() -> None:
    """As in training: the mean of what passes a dropout layer is what enters it."""
    seen: list[Tensor] = []
    model = nn.Sequential(nn.Dropout(0.3), nn.Flatten(), nn.Identity())
    model[2].register_forward_hook(lambda module, arguments, output: seen.append(output))
    bayesian_uncertainty(model, torch.ones(10, 1, 20, 20), range(10), _stream(), num_passes=5)
    values = torch.cat(seen)
    assert values.unique().tolist() == pytest.approx([0, 1 / 0.7])
    assert values.mean().item() == pytest.approx(1, abs=0.02)


def _wide_resnet(dropout: float) -> WideResNet:
    torch.manual_seed(0)
    model = WideResNet((1, 8, 8), 10, (0.3,), (0.4,), depth=10, widen_factor=1, base_channels=4, dropout=dropout)
    model(torch.rand(64, 1, 8, 8))
    return model


def test_an_image_alone_has_its_value_in_a_batch_and_the_model_stays() -> None:
    model, x = _wide_resnet(0.3), torch.rand(8, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    state = {name: value.clone() for name, value in model.state_dict().items()}
    ids = [f"image-{i}" for i in range(8)]
    together = bayesian_uncertainty(model, x, ids, _stream(), num_passes=4)
    alone = bayesian_uncertainty(model, x[5:6], ids[5:6], _stream(), num_passes=4)
    assert torch.allclose(alone[0], together[5], rtol=1e-4)
    assert (together > 1e-6).all()
    assert ((together >= 0) & (together <= 1)).all()
    assert model.training
    assert all(torch.equal(value, state[name]) for name, value in model.state_dict().items())
    assert not any(module._forward_hooks for module in model.modules())


def test_passes_and_layers_draw_different_masks() -> None:
    seen: list[Tensor] = []
    model = nn.Sequential(nn.Dropout(0.5), nn.Dropout(0.5), nn.Flatten(), nn.Identity())
    for index in (0, 3):
        model[index].register_forward_hook(lambda module, arguments, output: seen.append(output.flatten() != 0))
    bayesian_uncertainty(model, torch.ones(1, 1, 30, 30), ["a"], _stream(), num_passes=2)
    _, both, _, both_again = seen
    assert both.float().mean().item() == pytest.approx(0.25, abs=0.06)  # one mask twice would keep a half
    assert not torch.equal(both, both_again)


def test_a_rate_of_one_drops_all() -> None:
    model = nn.Sequential(nn.Dropout(1.0), nn.Flatten())
    assert (bayesian_uncertainty(model, torch.rand(2, 1, 2, 2), range(2), _stream(), 3) == 0).all()


def test_a_model_without_dropout_is_told_so() -> None:
    model = _wide_resnet(0.0)
    assert not has_dropout(model)
    assert has_dropout(_wide_resnet(0.1))
    with pytest.raises(ValueError, match=r"no dropout, .* use the kernel density alone"):
        bayesian_uncertainty(model, torch.rand(2, 1, 8, 8), range(2), _stream())
    with pytest.raises(ValueError, match="got 1 ids for 2 images"):
        bayesian_uncertainty(_wide_resnet(0.1), torch.rand(2, 1, 8, 8), range(1), _stream())
