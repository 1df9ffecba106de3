"""The noise prediction network: shapes, conditioning, initialisation, S000's architecture."""

import pytest
import torch
from torch import Tensor, nn

from advgen_ray.models.unet import UNet


def _tiny(**changes) -> UNet:
    torch.manual_seed(0)
    settings = {"base_channels": 8, "channel_multipliers": (1, 2), "num_blocks": 1, "channels_per_group": 4} | changes
    return UNet((1, 8, 8), 10, **settings)


def _awake(model: nn.Module) -> nn.Module:
    """Every weight drawn at random, so that nothing is hidden behind a zero-initialised layer."""
    torch.manual_seed(1)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(0.2 * torch.randn(parameter.shape))
    return model.eval()


def _inputs(shape: tuple[int, int, int] = (1, 8, 8)) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(2)
    return (torch.randn(3, *shape, generator=generator), torch.tensor([0.1, 0.5, 1.0]), torch.tensor([0, 9, 10]))


@pytest.mark.parametrize(
    ("shape", "multipliers"),
    [
        ((1, 8, 8), (1,)),
        ((1, 8, 8), (1, 2)),
        ((1, 8, 8), (2, 4)),
        ((1, 28, 28), (1, 2, 2, 2)),  # 28, 14, 7, 4: odd on the way
        ((3, 32, 32), (1, 2, 2, 2)),
        ((2, 9, 5), (1, 3)),
    ],
)
def test_prediction_has_the_shape_of_its_input(shape: tuple[int, int, int], multipliers: tuple[int, ...]) -> None:
    model = UNet(shape, 10, base_channels=8, channel_multipliers=multipliers, num_blocks=2, channels_per_group=4)
    x_t, t, y = _inputs(shape)
    assert _awake(model)(x_t, t, y).shape == x_t.shape


def test_fresh_network_predicts_zero_and_still_learns() -> None:
    model = _tiny()
    x_t, t, y = _inputs()
    prediction = model(x_t, t, y)
    assert (prediction == 0).all()
    (prediction - x_t).square().mean().backward()
    assert model.last[-1].weight.grad.abs().sum() > 0


def test_blocks_start_as_their_shortcut() -> None:
    block = _tiny().down[0].blocks[0]
    x = torch.randn(2, 8, 4, 4)
    torch.testing.assert_close(block(x, torch.randn(2, 32)), x, rtol=0, atol=0)


def test_time_label_and_null_label_each_change_the_prediction() -> None:
    model = _awake(_tiny())
    x_t = _inputs()[0][:1].expand(4, -1, -1, -1)
    out = model(x_t, torch.tensor([0.3, 0.9, 0.3, 0.3]), torch.tensor([4, 4, 5, 10]))
    for other in range(1, 4):
        assert (out[0] - out[other]).abs().max() > 1e-4


def test_null_label_is_one_more_class_and_no_further() -> None:
    model = _tiny()
    assert model.label.num_embeddings == 11
    x_t, t, _ = _inputs()
    with pytest.raises(IndexError):
        model(x_t, t, torch.tensor([0, 1, 11]))


def test_network_sees_999_t() -> None:
    seen = []
    model = _tiny()
    model.time.register_forward_pre_hook(lambda _, arguments: seen.append(arguments[0]))
    x_t, _, y = _inputs()
    model(x_t, torch.tensor([0.0, 0.5, 1.0]), y)
    # the fastest pair of the sinusoids has frequency 1, the slowest 1/10000
    torch.testing.assert_close(seen[0][:, 0], torch.tensor([0.0, 499.5, 999.0]).sin())
    torch.testing.assert_close(seen[0][:, 3], torch.tensor([0.0, 0.04995, 0.0999]).sin())
    torch.testing.assert_close(seen[0][:, 4], torch.tensor([0.0, 499.5, 999.0]).cos())


def test_dropout_is_off_in_eval_and_on_in_training() -> None:
    model = _awake(_tiny(dropout=0.5))
    assert torch.equal(model(*_inputs()), model(*_inputs()))
    model.train()
    assert not torch.equal(model(*_inputs()), model(*_inputs()))


def test_prediction_of_one_image_does_not_depend_on_its_batch() -> None:
    model = _awake(_tiny())
    x_t, t, y = _inputs()
    torch.testing.assert_close(model(x_t[1:2], t[1:2], y[1:2]), model(x_t, t, y)[1:2], rtol=1e-5, atol=1e-5)


def test_groups_go_by_size_and_shrink_to_what_divides() -> None:
    norms = [m for m in UNet((3, 32, 32), 10, channels_per_group=32).modules() if isinstance(m, nn.GroupNorm)]
    assert {norm.num_channels // norm.num_groups for norm in norms} == {32}
    narrow = [m for m in _tiny(base_channels=12, channels_per_group=32).modules() if isinstance(m, nn.GroupNorm)]
    assert all(norm.num_channels % norm.num_groups == 0 for norm in narrow)
    assert {norm.num_channels: norm.num_groups for norm in narrow}[12] == 1


def test_paper_architecture() -> None:
    model = UNet((3, 32, 32), 10)
    assert [len(stage.blocks) for stage in [*model.down, *model.up]] == [2] * 8
    widths = [stage.blocks[-1].leave[-1].out_channels for stage in [*model.down, *model.up]]
    assert widths == [128, 256, 256, 256, 256, 256, 256, 128]
    attended = [not isinstance(stage.attention, nn.Identity) for stage in [*model.down, *model.up]]
    assert attended == [False, True, False, False, False, False, True, False]
    sizes = []
    for stage in model.down:
        stage.attention.register_forward_hook(lambda *arguments: sizes.append(arguments[2].shape[-1]))
    with torch.no_grad():
        model(*_inputs((3, 32, 32)))
    assert sizes == [32, 16, 8, 4]


def test_attention_mixes_all_positions() -> None:
    attention = _awake(_tiny()).middle_attention
    x = torch.randn(1, 16, 4, 4)
    changed = x.clone()
    changed[..., 0, 0] += 3 * torch.randn(16)
    assert ((attention(x) - attention(changed)).abs().amax(1) > 0).all()
