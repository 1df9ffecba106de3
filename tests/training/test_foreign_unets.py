"""diffusers' own steps with random networks, beside ours with the adapter's score; what a directory must hold."""

import json
import sys
from pathlib import Path
from typing import Any

import diffusers
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from advgen_ray.diffusion.samplers import ancestral
from advgen_ray.diffusion.vp_sde import VPSDE
from advgen_ray.errors import UserError
from advgen_ray.training.any_score_model import load_score_model
from advgen_ray.training.foreign_unets import PREDICTIONS
from tests.training.foreign_score_models import SHAPE, save_unet

SDE = VPSDE()
NULL = 10
WEIGHTS = "diffusion_pytorch_model.safetensors"
SCHEDULES: dict[str, dict[str, Any]] = {
    "linear": {},
    "scaled_linear": {"beta_schedule": "scaled_linear", "beta_start": 0.00085, "beta_end": 0.012},
    "cosine": {"beta_schedule": "squaredcos_cap_v2"},
    "trained": {"trained_betas": torch.linspace(0.001, 0.2, 100).tolist(), "num_train_timesteps": 100},
    "zero_snr": {"rescale_betas_zero_snr": True},
}
SIGMOID = {"beta_schedule": "sigmoid"}  # which DDIMScheduler has not


def _unet(directory: Path) -> diffusers.UNet2DModel:
    return diffusers.UNet2DModel.from_pretrained(directory).eval().requires_grad_(False)


def _time_of(squared_alpha: Tensor) -> Tensor:
    squared_alpha = squared_alpha.double()
    return SDE.time_of((squared_alpha / (1 - squared_alpha)).log())


def _noisy() -> tuple[Tensor, Tensor]:
    return torch.randn(4, *SHAPE, generator=torch.Generator().manual_seed(0)), torch.tensor([3, 0, NULL, 9])


@pytest.mark.parametrize(
    ("prediction", "schedule"), [*((p, "linear") for p in PREDICTIONS), *(("epsilon", s) for s in list(SCHEDULES)[1:])]
)
def test_a_ddim_step_of_diffusers_is_ours(prediction: str, schedule: str, tmp_path: Path) -> None:
    """``x_s = alpha_s x_0 + sigma_s noise`` (Song et al. 2021, equation 12), both read off the score."""
    kept = {"prediction_type": prediction, "clip_sample": False} | SCHEDULES[schedule]
    directory = Path(save_unet(tmp_path / "model", **kept))
    score_fn = load_score_model(directory, SHAPE, 10).score_fn
    scheduler, unet = diffusers.DDIMScheduler(**kept), _unet(directory)
    x_t, y = _noisy()
    scheduler.set_timesteps(10)
    gap = scheduler.config.num_train_timesteps // 10
    for timestep in (8 * gap, 4 * gap, gap):
        output = unet(x_t, torch.full((4,), timestep), y).sample
        theirs = scheduler.step(output, timestep, x_t).prev_sample
        t, s = _time_of(scheduler.alphas_cumprod[[timestep, timestep - gap]])
        score = score_fn(x_t, t.expand(4), y).double()
        image = (x_t + SDE.sigma(t) ** 2 * score) / SDE.alpha(t)
        ours = SDE.alpha(s) * image - SDE.sigma(s) * SDE.sigma(t) * score
        torch.testing.assert_close(ours.float(), theirs, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("prediction", PREDICTIONS)
def test_two_ddpm_steps_of_diffusers_are_our_ancestral_sampler(prediction: str, tmp_path: Path) -> None:
    """The first with the same noise, the second to its mean, at the scheduler's own times."""
    kept = {"prediction_type": prediction, "clip_sample": False}
    directory = Path(save_unet(tmp_path / "model", **kept))
    scheduler, unet = diffusers.DDPMScheduler(**kept), _unet(directory)
    scheduler.set_timesteps(20)
    x_T, y = _noisy()
    noise = [torch.randn(x_T.shape, generator=torch.Generator().manual_seed(seed)) for seed in (1, 2)]
    x, steps = x_T, (600, 550, 500)
    for seed, timestep in enumerate(steps[:-1], start=1):
        output = unet(x, torch.full((4,), timestep), y).sample
        x = scheduler.step(output, timestep, x, generator=torch.Generator().manual_seed(seed)).prev_sample
    x = x - scheduler._get_variance(steps[1]).sqrt() * noise[1]

    times = _time_of(scheduler.alphas_cumprod[list(steps)])
    score_fn = load_score_model(directory, SHAPE, 10).score_fn
    ours = ancestral(score_fn, x_T, y, times, lambda step: noise[step], SDE)
    torch.testing.assert_close(ours, x, rtol=1e-4, atol=1e-4)


def test_a_sigmoid_schedule_and_a_pipelines_folders(tmp_path: Path) -> None:
    directory = Path(save_unet(tmp_path / "model", num_class_embeds=None, **SIGMOID))
    scheduler = diffusers.DDPMScheduler(**SIGMOID)
    diffusers.DDPMPipeline(_unet(directory), scheduler).save_pretrained(tmp_path / "pipeline")
    loaded = load_score_model(save_unet(tmp_path / "classes"), SHAPE, 10, unconditional=tmp_path / "pipeline")
    x_t, _ = _noisy()
    level = scheduler.alphas_cumprod[300]
    score = loaded.score_fn(x_t, _time_of(level).expand(4), torch.full((4,), NULL))
    expected = -_unet(directory)(x_t, torch.full((4,), 300)).sample / (1 - level).sqrt()
    torch.testing.assert_close(score, expected, rtol=1e-4, atol=1e-4)


def test_labels_reach_the_network_and_the_last_embedding_is_the_null_class(tmp_path: Path) -> None:
    directory = Path(save_unet(tmp_path / "model"))
    loaded = load_score_model(directory, SHAPE, 10)
    assert (loaded.null_label, loaded.has_null) == (NULL, True)
    level = diffusers.DDPMScheduler().alphas_cumprod[300]
    x_t = _noisy()[0][:1].expand(11, -1, -1, -1)
    score = loaded.score_fn(x_t, _time_of(level).expand(11), torch.arange(11))
    assert len({tuple(row.flatten().tolist()) for row in score}) == 11
    expected = -_unet(directory)(x_t, torch.full((11,), 300), torch.arange(11)).sample / (1 - level).sqrt()
    torch.testing.assert_close(score, expected, rtol=1e-4, atol=1e-4)
    assert not load_score_model(save_unet(tmp_path / "plain", num_class_embeds=10), SHAPE, 10).has_null


def _change(directory: str, name: str, **changes: Any) -> None:
    path = Path(directory) / name
    values = json.loads(path.read_text()) | changes
    path.write_text(json.dumps({key: value for key, value in values.items() if value != "absent"}))


SCHEDULER = "scheduler/scheduler_config.json"


@pytest.mark.parametrize(
    ("name", "changes", "message"),
    [
        ("config.json", {"_class_name": "UNet2DConditionModel"}, "holds UNet2DConditionModel, expected a UNet2DModel"),
        ("config.json", {"in_channels": 3}, "'in_channels': 3, 'out_channels': 1}, the images have 1"),
        ("config.json", {"out_channels": 2}, "'out_channels': 2}, the images have 1"),
        ("config.json", {"sample_size": 32}, "sample_size 32, the images have [8, 8]"),
        ("config.json", {"sample_size": [8, 16]}, "sample_size [8, 16], the images have [8, 8]"),
        ("config.json", {"num_class_embeds": 1000}, "num_class_embeds 1000, the images have 10 classes"),
        ("config.json", {"num_class_embeds": 12}, "expected as many, or one more with the null class last"),
        ("config.json", {"class_embed_type": "identity"}, "class_embed_type 'identity' has no known reading"),
        ("config.json", {"time_embedding_type": "fourier"}, "time_embedding_type 'fourier' has no known reading"),
        ("config.json", {"block_out_channels": [8, 16]}, "diffusers cannot load it"),
        ("config.json", {"num_class_embeds": None}, "weights of another architecture: class_embedding.weight"),
        ("config.json", {"norm_num_groups": 3}, "diffusers cannot load it"),
        (SCHEDULER, {"prediction_type": "flow_prediction"}, "prediction_type 'flow_prediction'; expected one of eps"),
        (SCHEDULER, {"_class_name": "LCMScheduler"}, "LCMScheduler (other noise levels) is no chain of betas"),
        (SCHEDULER, {"beta_end": "absent"}, "DDPMScheduler (no beta_end) is no chain of betas"),
        (SCHEDULER, {"use_flow_sigmas": True}, "(use_flow_sigmas True) is no chain of betas"),
        (SCHEDULER, {"beta_schedule": "mine"}, "mine is not implemented"),
        (SCHEDULER, {"num_train_timesteps": 10}, "to alpha 0.951; generation begins where alpha is 0.333 or less"),
    ],
)
def test_a_network_or_schedule_of_another_kind_is_one_line(
    name: str, changes: dict[str, Any], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    directory = save_unet(tmp_path / "model")
    _change(directory, name, **changes)
    assert message in _refusal(directory)
    assert capsys.readouterr().err == ""  # diffusers would warn there


def _refusal(directory: str) -> str:
    with pytest.raises(UserError) as caught:
        load_score_model(directory, SHAPE, 10)
    assert "\n" not in str(caught.value)
    assert directory in str(caught.value)
    return str(caught.value)


def test_weights_that_are_missing_damaged_or_pickled_are_refused(tmp_path: Path) -> None:
    directory = save_unet(tmp_path / "model")
    weights = tmp_path / "model" / WEIGHTS
    tensors = load_file(weights)
    save_file({name: value for name, value in tensors.items() if name != "conv_in.bias"}, weights)
    assert "weights of another architecture: conv_in.bias" in _refusal(directory)
    save_file(tensors | {"extra": torch.zeros(1)}, weights)
    assert "weights of another architecture: extra" in _refusal(directory)
    save_file(tensors | {"conv_in.bias": torch.full((8,), torch.nan)}, weights)
    assert "values that are not finite at t = 1.0 for label 0" in _refusal(directory)
    weights.write_bytes(weights.read_bytes()[:1000])
    assert "diffusers cannot load it" in _refusal(directory)
    weights.rename(weights.with_suffix(".bin"))
    assert "diffusion_pytorch_model.bin, expected safetensors; a pickle can execute anything" in _refusal(directory)
    weights.with_suffix(".bin").unlink()
    assert "no weights, expected safetensors" in _refusal(directory)
    (tmp_path / "model" / SCHEDULER).unlink()
    assert "scheduler_config.json: not found; it says what the network predicts" in _refusal(directory)


def test_without_the_extra_one_line_names_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    directory = save_unet(tmp_path / "model")
    monkeypatch.setitem(sys.modules, "diffusers", None)
    assert "in a checkout, pip install '.[diffusers]'" in _refusal(directory)


def test_attention_under_its_older_names_is_read(tmp_path: Path) -> None:
    """As in networks published before diffusers 0.15, google/ddpm-cifar10-32 among them."""
    directory = save_unet(tmp_path / "model")
    x_t, y = _noisy()
    t = torch.full((4,), 0.3)
    score = load_score_model(directory, SHAPE, 10).score_fn(x_t, t, y)
    weights = tmp_path / "model" / WEIGHTS
    older = {"to_q": "query", "to_k": "key", "to_v": "value", "to_out.0": "proj_attn"}
    tensors = load_file(weights)
    for new, old in older.items():
        tensors = {name.replace(new, old): value for name, value in tensors.items()}
    assert tensors.keys() != load_file(weights).keys()
    save_file(tensors, weights)
    assert torch.equal(load_score_model(directory, SHAPE, 10).score_fn(x_t, t, y), score)
