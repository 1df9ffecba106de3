"""A classifier from wherever it comes: our own directory, a state dict, TorchScript or an exported program."""

import hashlib
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn

from advgen_ray.attacks.checks import are_probabilities
from advgen_ray.errors import UserError
from advgen_ray.training.foreign_programs import load_program
from advgen_ray.training.foreign_weights import load_robustbench_state
from advgen_ray.training.model_directory import LoadedModel, load_model


def load_classifier(path: str | Path, image_shape: Sequence[int], num_classes: int) -> LoadedModel:
    """The classifier at a local path, for images ``[N, *image_shape]`` in [0, 1]; what it is, the file itself tells.

    A directory is a model of ours. A file is a ``torch.jit.save`` or ``torch.export.save`` archive, or a state dict in
    a layout of ``load_robustbench_state``, mean and std in it. Its card has a ``kind`` of "torchscript", "exported" or
    "state_dict", its digest is the file's SHA-256. No format is loaded by unpickling objects or in another way that
    executes what the file says; files that need that are refused.

    Raises UserError for such files, for what is missing or damaged, and for a model of other images or classes.
    """
    path = Path(path)
    if path.is_dir():
        loaded = load_model(path)
    elif path.is_file():
        kind, model = load_program(path) or ("state_dict", load_robustbench_state(path, image_shape))
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        architecture = {"image_shape": list(image_shape), "num_classes": num_classes}
        card: dict[str, Any] = {"kind": kind, "architecture": architecture, "weights_sha256": digest, "file": path.name}
        loaded = LoadedModel(model.eval().requires_grad_(False), card, digest)
    else:
        raise UserError(f"{path}: nothing there; expected a model directory or a file with weights or a program")
    _try(loaded.model, path, image_shape, num_classes)
    return loaded


@torch.no_grad()
def _try(model: nn.Module, path: Path, image_shape: Sequence[int], num_classes: int) -> None:
    """Raise UserError unless batches of one and of three different images give that many rows of logits."""
    for num_images in (1, 3):
        try:
            logits = model(torch.linspace(0, 1, num_images * math.prod(image_shape)).view(num_images, *image_shape))
        except (RuntimeError, ValueError, AssertionError) as error:
            reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
            raise UserError(
                f"{path}: does not take {num_images} images of shape {list(image_shape)} ({reason}); a stored program "
                "must have been made for them, with a batch size that may vary; or give another data.name"
            ) from None
        if not isinstance(logits, torch.Tensor) or logits.shape != (num_images, num_classes):
            found = list(logits.shape) if isinstance(logits, torch.Tensor) else type(logits).__name__
            raise UserError(
                f"{path}: gives {found} for {num_images} images, expected [{num_images}, {num_classes}]; give a "
                "classifier of these images, or another data.name"
            )
    if are_probabilities(logits):
        raise UserError(f"{path}: gives probabilities, expected logits; store the model without its softmax")
