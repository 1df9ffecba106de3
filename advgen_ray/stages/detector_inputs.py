"""What detectors are fitted on, checked before any work starts: reference images and a classifier's hidden layers."""

from collections.abc import Collection, Sequence

import torch
from torch import Tensor, nn

from advgen_ray.data.datasets import LabelledImages
from advgen_ray.detection.features import features, last_hidden, layers_of
from advgen_ray.errors import UserError


def check_fit(
    kinds: Collection[str],
    layers: Sequence[str],
    classifier: tuple[str, nn.Module],
    reference: LabelledImages,
    prefix: str = "",
) -> None:
    """Raise UserError where KD or LID, if among ``kinds``, cannot be fitted; ``prefix`` stands before their keys.

    ``classifier``: where it lies, and the model itself.
    """
    uri, model = classifier
    image_shape = reference.info.image_shape
    if "kd_bu" in kinds:
        check_every_class(reference, f"{prefix}num_reference")
        cure = "give a classifier of one network, or leave kd_bu out"
        check_last_hidden(model, image_shape, f"classifier {uri}", cure)
    if "lid" in kinds:
        try:
            features(model, _gray(image_shape), layers_of(model, layers))
        except ValueError as error:
            raise UserError(f"{prefix}layers: {error}") from None


def check_every_class(reference: LabelledImages, key: str) -> None:
    """Raise UserError, naming ``key``, where a class is missing: nothing could be fitted to it."""
    if (name := missing_class(reference)) is not None:
        raise UserError(
            f"{key}={len(reference)}: no training image of class {name!r} among them, so that nothing can be fitted "
            "to it; raise it"
        )


def missing_class(images: LabelledImages) -> str | None:
    """The name of the first class of which there is no image."""
    missing = sorted(set(range(images.info.num_classes)) - set(images.labels.tolist()))
    return images.info.class_names[missing[0]] if missing else None


def check_last_hidden(model: nn.Module, image_shape: Sequence[int], what: str, cure: str) -> None:
    """Raise UserError, ``what`` before the reason and ``cure`` after it, for a model without one last hidden layer."""
    try:
        last_hidden(model, _gray(image_shape))
    except ValueError as error:
        raise UserError(f"{what}: {error}; {cure}") from None


def _gray(image_shape: Sequence[int]) -> Tensor:
    return torch.full((1, *image_shape), 0.5)
