"""A trained model as others find it: ``model.safetensors`` and the card that says what it is and where it is from."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import nn

from advgen_ray.errors import UserError
from advgen_ray.models.discriminator import Discriminator
from advgen_ray.models.image_classifier import ImageClassifier
from advgen_ray.models.one_vs_rest import OneVsRest
from advgen_ray.models.preact_resnet import PreActResNet
from advgen_ray.models.resnet import ResNet
from advgen_ray.models.two_conv import TwoConv
from advgen_ray.models.unet import UNet
from advgen_ray.models.wide_resnet import WideResNet
from advgen_ray.training.checkpoint import load_tensors, load_weights, read_json, save_tensors, write_json
from advgen_ray.versions import installed

WEIGHTS, CARD = "model.safetensors", "model.json"
CLASSIFIERS: dict[str, type[ImageClassifier]] = {
    "wide_resnet": WideResNet,
    "resnet": ResNet,
    "preact_resnet": PreActResNet,
    "two_conv": TwoConv,
    "discriminator": Discriminator,
}
ONE_VS_REST = "one_vs_rest"
PACKAGES = ("advgen_ray", "torch", "ray", "numpy")


def one_vs_rest(image_shape: Sequence[int], num_classes: int, detector: Mapping[str, Any]) -> OneVsRest:
    """A classifier of detectors, one a class; ``detector`` is the ``kind`` and ``architecture`` of each."""
    if detector["kind"] not in CLASSIFIERS:
        raise ValueError(f"detectors of kind {detector['kind']!r}, expected one of {', '.join(CLASSIFIERS)}")
    return OneVsRest([CLASSIFIERS[detector["kind"]](**detector["architecture"]) for _ in range(num_classes)])


KINDS: dict[str, Callable[..., nn.Module]] = {**CLASSIFIERS, ONE_VS_REST: one_vs_rest, "unet": UNet}


@dataclass(frozen=True)
class LoadedModel:
    """A model in evaluation mode on the CPU, its card, and the SHA-256 of its weights (64 hex digits)."""

    model: nn.Module
    card: dict[str, Any]
    digest: str


def save_model(directory: str | Path, model: nn.Module, card: dict[str, Any]) -> dict[str, Any]:
    """Write the weights, then the card that makes the directory a model; returns the card completed.

    ``card`` holds ``kind`` (one of ``KINDS``), ``architecture`` (the constructor's arguments) and whatever
    tells the model's origin; the weights' digest and the versions are added.
    """
    directory = Path(directory)
    directory.mkdir(parents=True, exist_ok=True)
    (directory / CARD).unlink(missing_ok=True)  # from here to the new card there is no model
    save_tensors(model.state_dict(), directory / WEIGHTS)
    card = card | {"weights_sha256": _sha256(directory / WEIGHTS), "versions": installed(PACKAGES)}
    write_json(directory / CARD, card)
    return card


def read_card(directory: str | Path) -> dict[str, Any]:
    """The card of a model directory; raises UserError where there is no complete one."""
    path = Path(directory)
    if path.is_file():
        raise UserError(
            f"{path}: a file, expected a directory with {WEIGHTS} and {CARD}; pickled checkpoints are never loaded"
        )
    if not path.is_dir():
        raise UserError(f"{path}: no model there; train one, or give the directory that holds {CARD}")
    card = read_json(path / CARD, "model")
    for key in ("kind", "architecture", "weights_sha256"):
        if key not in card:
            raise UserError(f"{path / CARD}: no {key!r}; expected a card that this program wrote")
    return card


def training_of(card: Mapping[str, Any]) -> Mapping[str, Any]:
    """The settings of a model's training, of one against the rest those that its detectors share; empty if unknown."""
    training: Mapping[str, Any] = card.get("training") or {}
    return training.get("training", training)


def training_eps(card: Mapping[str, Any]) -> float | None:
    """The radius that a model was trained in, 0 for a standard one; None where its card does not say."""
    training = training_of(card)
    of_attack = training.get("attack") or training.get("ascent") or {}
    eps: float | None = of_attack.get("eps")
    return eps


def training_ball(card: Mapping[str, Any]) -> str:
    """The ball that a detector was trained in, ``linf 0.3``; empty where its card does not say or there was none."""
    ascent = training_of(card).get("ascent") or {}
    return f"{ascent['norm']} {ascent['eps']:g}" if ascent.get("norm") and ascent.get("eps") else ""


def load_model(directory: str | Path) -> LoadedModel:
    """Rebuild a model from its card and weights; nothing in either is executed.

    Raises UserError for a model that is missing, truncated or altered, of an unknown kind or another architecture.
    """
    card, path = read_card(directory), Path(directory)
    if card["kind"] not in KINDS:
        raise UserError(f"{path / CARD}: unknown kind {card['kind']!r}, expected one of {', '.join(KINDS)}")
    weights = load_tensors(path / WEIGHTS)
    digest = _sha256(path / WEIGHTS)
    if digest != card["weights_sha256"]:
        raise UserError(
            f"{path / WEIGHTS}: digest {digest[:12]} differs from the card's {str(card['weights_sha256'])[:12]}; the "
            "weights were replaced or only partly copied: copy the directory again"
        )
    try:
        model = KINDS[card["kind"]](**card["architecture"])
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(f"{path / CARD}: architecture cannot be built: {error}") from None
    load_weights(model, weights, path)
    return LoadedModel(model.eval().requires_grad_(False), card, digest)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
