"""A diffusers ``UNet2DModel`` from a local directory, with the noise levels and the prediction of its scheduler.

The directory is a pipeline's (``unet/``, ``scheduler/``) or a model's own with ``scheduler/scheduler_config.json`` in
it. diffusers is the extra ``diffusers``, imported when such a directory is loaded; it reads safetensors only here, and
never a network.
"""

import importlib
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from torch import Tensor, nn

from advgen_ray.diffusion.foreign_scores import (
    NoiseReading,
    chain_score,
    noise_of_epsilon,
    noise_of_image,
    noise_of_velocity,
)
from advgen_ray.diffusion.vp_sde import VPSDE
from advgen_ray.errors import UserError
from advgen_ray.training.checkpoint import read_json
from advgen_ray.training.loaded_score import LoadedScore, digest_of

CURE = "give a model of this data set, or another data.name"
PREDICTIONS: dict[str, NoiseReading] = {
    "epsilon": noise_of_epsilon,
    "v_prediction": noise_of_velocity,
    "sample": noise_of_image,
}
CHAIN = ("num_train_timesteps", "beta_start", "beta_end", "beta_schedule")  # what a chain of betas is made from
CHAIN_CHOICES = ("trained_betas", "rescale_betas_zero_snr")
NO_CHAIN = {"use_flow_sigmas": True, "timestep_type": "continuous"}  # settings under which timesteps are others
CONFIG, SCHEDULER = "config.json", "scheduler_config.json"


def is_unet(directory: Path) -> bool:
    """Whether a directory has the layout of a diffusers model or pipeline."""
    return any((directory / name).is_file() for name in (CONFIG, f"unet/{CONFIG}", "model_index.json"))


def load_unet(
    directory: Path, image_shape: Sequence[int], num_classes: int, sde: VPSDE, device: torch.device
) -> LoadedScore:
    """The score of the network in a directory: its own noise levels are matched to ``sde`` by signal-to-noise ratio.

    Of ``num_classes + 1`` class embeddings the last is taken for the null class. Its images are in [-1, 1]. Raises
    UserError for a network of other images or classes, another network or schedule, weights that are missing, damaged
    or pickled, and where diffusers is not installed.
    """
    folder = directory / "unet" if (directory / "unet").is_dir() else directory
    config = read_json(folder / CONFIG, "diffusers model")
    num_embeddings = _num_embeddings(folder / CONFIG, config, image_shape, num_classes)
    schedule_path = _scheduler_in(directory)
    schedule = read_json(schedule_path, "diffusers scheduler")
    prediction = schedule.get("prediction_type", "epsilon")  # configs from before there were others lack it
    if prediction not in PREDICTIONS:
        raise UserError(f"{schedule_path}: prediction_type {prediction!r}; expected one of {', '.join(PREDICTIONS)}")
    alphas_cumprod = _alphas_cumprod(schedule_path, schedule)
    unet = _unet(folder).to(device)

    def network(x_t: Tensor, timestep: Tensor, y: Tensor) -> Tensor:
        output: Tensor = unet(x_t, timestep, y if num_embeddings else None, return_dict=False)[0]
        return output

    try:
        score_fn = chain_score(network, alphas_cumprod, PREDICTIONS[prediction], sde)
    except ValueError as error:
        raise UserError(f"{schedule_path}: {error}") from None
    return LoadedScore(
        score_fn=score_fn,
        sde=sde,
        null_label=num_classes,
        has_classes=num_embeddings > 0,
        has_null=num_embeddings != num_classes,
        card={"kind": "UNet2DModel", "prediction_type": prediction, "num_class_embeds": num_embeddings},
        digest=digest_of(directory, [folder / CONFIG, schedule_path, *folder.glob("*.safetensors")]),
    )


def _num_embeddings(path: Path, config: dict[str, Any], image_shape: Sequence[int], num_classes: int) -> int:
    """How many classes the network knows, the null class among them; 0 for one without classes."""
    if config.get("_class_name") != "UNet2DModel":
        raise UserError(f"{path}: holds {config.get('_class_name')}, expected a UNet2DModel of pixels")
    channels, size = image_shape[0], list(image_shape[1:])
    found = {key: config.get(key, 3) for key in ("in_channels", "out_channels")}
    if set(found.values()) != {channels}:
        raise UserError(f"{path}: {found}, the images have {channels}; {CURE}")
    sample_size = config.get("sample_size")
    if sample_size is not None and size != (sample_size if isinstance(sample_size, list) else [sample_size] * 2):
        raise UserError(f"{path}: sample_size {sample_size}, the images have {size}; {CURE}")
    for key, known in (("class_embed_type", None), ("time_embedding_type", "positional")):
        if config.get(key, known) != known:
            raise UserError(f"{path}: {key} {config[key]!r} has no known reading here, expected {known!r}")
    num_embeddings: int = config.get("num_class_embeds") or 0
    if num_embeddings not in (0, num_classes, num_classes + 1):
        raise UserError(
            f"{path}: num_class_embeds {num_embeddings}, the images have {num_classes} classes; expected as many, or "
            f"one more with the null class last; {CURE}"
        )
    return num_embeddings


def _scheduler_in(directory: Path) -> Path:
    places = [directory / "scheduler" / SCHEDULER, directory / SCHEDULER]
    for path in places:
        if path.is_file():
            return path
    raise UserError(
        f"{places[0]}: not found; it says what the network predicts and at which noise levels: "
        "scheduler.save_pretrained(...) of the scheduler it was trained with writes it"
    )


def _alphas_cumprod(path: Path, schedule: dict[str, Any]) -> Tensor:
    missing = [key for key in CHAIN if key not in schedule]
    other = [f"{key} {schedule[key]}" for key, value in NO_CHAIN.items() if schedule.get(key) == value]
    name = schedule.get("_class_name")
    scheduler = _diffusers(path).DDPMScheduler
    if missing or other or name not in ("DDPMScheduler", *scheduler._compatibles):
        why = other[0] if other else f"no {missing[0]}" if missing else "other noise levels"
        raise UserError(f"{path}: {name} ({why}) is no chain of betas, expected one as DDPMScheduler has it")
    try:
        chain = scheduler(**{key: schedule[key] for key in (*CHAIN, *CHAIN_CHOICES) if key in schedule})
        alphas_cumprod: Tensor = chain.alphas_cumprod
        return alphas_cumprod
    except (NotImplementedError, TypeError, ValueError, RuntimeError) as error:
        raise UserError(f"{path}: {_first_line(error)}") from None


def _unet(folder: Path) -> nn.Module:
    if not any(folder.glob("*.safetensors")):
        pickled = ", ".join(path.name for path in sorted(folder.glob("*.bin"))) or "no weights"
        raise UserError(
            f"{folder}: {pickled}, expected safetensors; a pickle can execute anything and is not loaded: write them "
            "with save_pretrained(..., safe_serialization=True)"
        )
    model = _diffusers(folder).UNet2DModel
    log = logging.getLogger("diffusers")
    level = log.level
    log.setLevel(logging.ERROR)  # what it warns of is an error here
    try:
        unet, report = model.from_pretrained(
            folder,
            use_safetensors=True,
            local_files_only=True,
            low_cpu_mem_usage=False,
            torch_dtype=torch.float32,
            output_loading_info=True,
        )
    except (OSError, ValueError, TypeError, KeyError, RuntimeError, SafetensorError) as error:
        raise UserError(f"{folder}: diffusers cannot load it: {_first_line(error)}") from None
    finally:
        log.setLevel(level)
    if report["missing_keys"] or report["unexpected_keys"]:  # diffusers would leave the missing ones random
        name = sorted([*report["missing_keys"], *report["unexpected_keys"]])[0]
        raise UserError(f"{folder}: weights of another architecture: {name} does not fit {CONFIG}")
    module: nn.Module = unet
    return module.eval().requires_grad_(False)


def _diffusers(path: Path) -> Any:
    try:
        return importlib.import_module("diffusers")
    except ImportError as error:
        raise UserError(
            f"{path}: needs diffusers, which cannot be imported ({error}): in a checkout, pip install '.[diffusers]'"
        ) from error


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
