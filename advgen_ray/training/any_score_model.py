"""A score model from wherever it comes: our own directory, a diffusers U-Net, an EDM-style denoiser, or a pair."""

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch

from advgen_ray.diffusion.foreign_scores import paired
from advgen_ray.diffusion.score_matching import score_from_noise_prediction
from advgen_ray.diffusion.vp_sde import VPSDE
from advgen_ray.errors import UserError
from advgen_ray.training.foreign_denoisers import DENOISER_CARD, load_denoiser
from advgen_ray.training.foreign_unets import is_unet, load_unet
from advgen_ray.training.loaded_score import LoadedScore
from advgen_ray.training.model_directory import CARD, load_model

CPU = torch.device("cpu")
PROBED_TIMES = (1.0, 1e-3)  # from where samplers start to where they end


def load_score_model(
    path: str | Path,
    image_shape: Sequence[int],
    num_classes: int,
    *,
    unconditional: str | Path | None = None,
    device: torch.device = CPU,
) -> LoadedScore:
    """The class-conditional score at a local path, for ``num_classes`` classes of images of ``image_shape``.

    What it is the directory itself tells: a model of ours, a diffusers model or pipeline (``foreign_unets``), or a
    denoiser (``foreign_denoisers``). Where ``unconditional`` is the path of another, of any of these kinds, its
    score without class is the one of the null label. A network from elsewhere gives the score of the default SDE, or of
    that of the model beside it, asked at the noise of its own schedule (``diffusion.foreign_scores``).

    Raises UserError for what is missing, damaged, or could execute code, and for a model of other images or classes.
    """
    loaded = _load(Path(path), image_shape, num_classes, VPSDE(), device)
    if not loaded.has_classes:
        raise UserError(f"{path}: has no classes; give it as the unconditional model beside one that has {num_classes}")
    if unconditional is None:
        return loaded
    other = _load(Path(unconditional), image_shape, num_classes, loaded.sde, device)
    if not other.has_null:
        raise UserError(
            f"{unconditional}: has a score for classes only, expected one without classes or with a null one"
        )
    if other.sde != loaded.sde:
        raise UserError(f"{unconditional}: trained under {other.sde}, but {path} under {loaded.sde}; both need one")
    return replace(
        loaded,
        score_fn=paired(loaded.score_fn, other.score_fn, num_classes),
        has_null=True,
        card=loaded.card | {"unconditional": other.card},
        digest=hashlib.sha256(f"{loaded.digest} {other.digest}".encode()).hexdigest(),
    )


def _load(path: Path, image_shape: Sequence[int], num_classes: int, sde: VPSDE, device: torch.device) -> LoadedScore:
    if path.is_file():
        raise UserError(
            f"{path}: a file, expected a directory: a model of ours, of diffusers, or {DENOISER_CARD} with a program; "
            "pickled checkpoints are never loaded"
        )
    if (path / DENOISER_CARD).is_file():
        loaded = load_denoiser(path, num_classes, sde, device)
    elif is_unet(path) and not (path / CARD).is_file():
        loaded = load_unet(path, image_shape, num_classes, sde, device)
    else:
        return _load_own(path, image_shape, num_classes, device)
    _try(loaded, path, image_shape, device)
    return loaded


def _load_own(path: Path, image_shape: Sequence[int], num_classes: int, device: torch.device) -> LoadedScore:
    loaded = load_model(path)
    if loaded.card["kind"] != "unet":
        raise UserError(f"{path}: holds a {loaded.card['kind']}, expected a unet; give another model directory")
    expected = {"image_shape": list(image_shape), "num_classes": num_classes}
    found = {key: loaded.card["architecture"][key] for key in expected}
    if found != expected:
        raise UserError(
            f"{path}: made for {found}, the images are {expected}; give a model of this data set, or another data.name"
        )
    training = loaded.card["training"]
    sde = VPSDE(training["beta_min"], training["beta_max"])
    score_fn = score_from_noise_prediction(loaded.model.to(device), sde)
    return LoadedScore(score_fn, sde, num_classes, True, True, loaded.card, loaded.digest)


@torch.no_grad()
def _try(loaded: LoadedScore, path: Path, image_shape: Sequence[int], device: torch.device) -> None:
    """Raise UserError unless batches of one and of three images give finite scores, for every kind of label."""
    labels = [0, loaded.null_label - 1] if loaded.has_classes else []
    labels += [loaded.null_label] if loaded.has_null else []
    for num_images in (1, 3):
        x_t = torch.full((num_images, *image_shape), 0.5, device=device)
        for label, time in ((label, time) for label in labels for time in PROBED_TIMES):
            y = torch.full((num_images,), label, device=device)
            try:
                score = loaded.score_fn(x_t, torch.full_like(y, time, dtype=torch.float64), y)
            except (RuntimeError, ValueError, TypeError, AssertionError, IndexError) as error:
                reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
                raise UserError(
                    f"{path}: no score for {num_images} images of shape {list(image_shape)} ({reason}); it must have "
                    "been made for them, a stored program with a batch size that may vary; or give another data.name"
                ) from None
            if not score.isfinite().all():
                raise UserError(f"{path}: gives values that are not finite at t = {time} for label {label}")
