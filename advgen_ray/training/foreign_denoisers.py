"""EDM-style denoisers from elsewhere: a directory with a stored program and a card that says what it was trained on.

The program is ``denoiser.pt2`` (or another ending), by ``torch.export.save`` or ``torch.jit.save``, and maps
``(x [N, C, H, W], sigma [N], class_labels [N, K] one-hot)``, without classes the first two, to the denoised images in
[-1, 1] ``[N, C, H, W]``: Karras et al. 2022's ``D(x; sigma)`` with its preconditioning inside. The card is
``denoiser.json``; ``num_classes`` 0 is a network without classes.
"""

from pathlib import Path

import torch
from pydantic import BaseModel, ConfigDict, NonNegativeInt, PositiveFloat, ValidationError
from torch import Tensor

from advgen_ray.diffusion.foreign_scores import denoiser_score
from advgen_ray.diffusion.vp_sde import VPSDE
from advgen_ray.errors import UserError
from advgen_ray.training.checkpoint import read_json
from advgen_ray.training.foreign_programs import load_program
from advgen_ray.training.loaded_score import LoadedScore, digest_of

DENOISER_CARD = "denoiser.json"


class DenoiserCard(BaseModel):
    """What a program cannot tell: its noise levels, its classes, whether a row of zeros stands for no class."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, strict=True)

    sigma_min: PositiveFloat
    sigma_max: PositiveFloat
    num_classes: NonNegativeInt
    zero_labels_are_null: bool = False


def load_denoiser(directory: Path, num_classes: int, sde: VPSDE, device: torch.device) -> LoadedScore:
    """The score of the denoiser in a directory; nothing in it is executed but tensor arithmetic.

    Raises UserError for a card or program that is missing or damaged, for a program that does more than compute, for
    other classes than ``num_classes`` or none, and for noise levels that do not cover a diffusion.
    """
    card = _read_card(directory / DENOISER_CARD)
    if card.num_classes not in (0, num_classes):
        raise UserError(
            f"{directory / DENOISER_CARD}: num_classes {card.num_classes}, the images have {num_classes}; give a model "
            "of this data set (0: one without classes), or another data.name"
        )
    path = _program_in(directory)
    found = load_program(path)
    if found is None:
        raise UserError(
            f"{path}: neither a torch.export nor a TorchScript program; pickled networks are not loaded, since a "
            "pickle can execute anything: store it with torch.export.save"
        )
    kind, program = found
    program.to(device)

    def denoiser(x: Tensor, sigma: Tensor, class_labels: Tensor | None) -> Tensor:
        denoised: Tensor = program(x, sigma) if class_labels is None else program(x, sigma, class_labels)
        return denoised

    levels = {"sigma_min": card.sigma_min, "sigma_max": card.sigma_max}
    try:
        score_fn = denoiser_score(denoiser, sde, num_classes=card.num_classes, **levels)
    except ValueError as error:
        raise UserError(f"{directory / DENOISER_CARD}: {error}") from None
    has_classes = card.num_classes > 0
    return LoadedScore(
        score_fn=score_fn,
        sde=sde,
        null_label=num_classes,
        has_classes=has_classes,
        has_null=card.zero_labels_are_null or not has_classes,
        card={"kind": "denoiser", "program": kind, **card.model_dump()},
        digest=digest_of(directory, [directory / DENOISER_CARD, path]),
    )


def _read_card(path: Path) -> DenoiserCard:
    try:
        return DenoiserCard(**read_json(path, "denoiser"))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        keys = ", ".join(DenoiserCard.model_fields)
        where = ".".join(map(str, first["loc"]))
        raise UserError(f"{path}: {where}: {first['msg'].lower()}; a denoiser's card has {keys}") from None


def _program_in(directory: Path) -> Path:
    programs = sorted(path for path in directory.glob("denoiser.*") if path.name != DENOISER_CARD)
    if len(programs) != 1:
        found = ", ".join(path.name for path in programs) or "none"
        raise UserError(
            f"{directory}: expected one program, such as denoiser.pt2, beside {DENOISER_CARD}; found {found}"
        )
    return programs[0]
