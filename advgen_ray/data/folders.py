"""Image sets that come as folders of photographs: Tiny-ImageNet (64 pixels) and imagenette (cropped squares)."""

import os
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np
from PIL import Image

from advgen_ray.data.pictures import decoded, opened
from advgen_ray.errors import UserError

TINY_IMAGENET = "tiny-imagenet-200"
IMAGENETTE = "imagenette2-160"  # fast.ai's copy whose shorter side is 160
SHORTER_SIDE = 160
SUFFIXES = {".jpeg", ".jpg", ".png"}
MIXING_SEED = 0

Sample = tuple[Path, int]


def read_tiny_imagenet(
    root: str, split: Literal["train", "test"], download: bool, *, num_classes: int = 200
) -> tuple[np.ndarray, np.ndarray]:
    """``root/tiny-imagenet-200``: images ``[N, 3, 64, 64]`` uint8 and labels; the test split is its ``val``.

    Classes are the folders of ``train`` in the order of their names; the published test images have no labels. Those
    of ``train`` are mixed, those of ``val`` are so as they come.
    Raises UserError for files that are missing or cannot be read.
    """
    folder = Path(root).resolve() / TINY_IMAGENET
    if download:
        raise UserError(f"tiny_imagenet cannot be fetched from here; put its archive's files under {folder}")
    classes = _classes(folder / "train", num_classes, "tiny_imagenet")
    if split == "train":
        samples = [sample for name in classes for sample in _images(folder / "train" / name / "images", classes[name])]
        samples = mixed(samples)
    else:
        samples = _annotated(folder / "val", classes)
    return _load(samples, shorter_side=64, side=64)


def read_imagenette(
    side: int, root: str, split: Literal["train", "test"], download: bool, *, num_classes: int = 10
) -> tuple[np.ndarray, np.ndarray]:
    """``root/imagenette2-160``: squares ``[N, 3, side, side]`` uint8 from the centre of photographs, and labels.

    The shorter side is 160 pixels (resized where it is not), so ``side`` is at most that; S003 takes 150. The test
    split is its ``val``; classes are mixed. Raises UserError for files that are missing or cannot be read.
    """
    folder = Path(root).resolve() / IMAGENETTE
    if download and not folder.is_dir():
        _fetch_imagenette(root)
    part = folder / ("train" if split == "train" else "val")
    classes = _classes(part, num_classes, "imagenette")
    samples = [sample for name in classes for sample in _images(part / name, classes[name])]
    return _load(mixed(samples), shorter_side=SHORTER_SIDE, side=side)


def hidden(path: Path, folder: Path) -> bool:
    """Whether a name below the folder begins with a dot, as a program's does: .ipynb_checkpoints, ._1.png of a Mac."""
    return any(part.startswith(".") for part in path.relative_to(folder).parts)


def mixed(samples: list[Sample]) -> list[Sample]:
    """All of them in an order that is fixed for good: by class, the first few would be of the first classes alone."""
    return [samples[place] for place in np.random.default_rng(MIXING_SEED).permutation(len(samples))]


def _fetch_imagenette(root: str) -> None:
    from torchvision import datasets  # late: seconds that no other set need wait

    try:
        datasets.Imagenette(root, size="160px", download=True)
    except (OSError, RuntimeError) as error:
        reason = str(error).splitlines()[0]
        raise UserError(f"imagenette: download into {Path(root).resolve()} failed: {reason}") from None


def _classes(folder: Path, num_classes: int, name: str) -> dict[str, int]:
    """Labels by folder name."""
    inside = folder.iterdir() if folder.is_dir() else ()
    found = sorted(entry.name for entry in inside if entry.is_dir() and not hidden(entry, folder))
    if len(found) != num_classes:
        cure = "" if name == "tiny_imagenet" else ", or fetch them with --set data.download=true"
        raise UserError(
            f"{name}: {len(found)} of {num_classes} class folders under {folder}; set data.root to the folder that "
            f"holds {folder.parent.name}{cure}"
        )
    return {name: label for label, name in enumerate(found)}


def _images(folder: Path, label: int) -> list[Sample]:
    files = [folder / name for name in sorted(os.listdir(folder))] if folder.is_dir() else []
    images = [(file, label) for file in files if file.suffix.lower() in SUFFIXES and not hidden(file, folder)]
    if not images:
        raise UserError(f"{folder}: no images there; the archive was not unpacked whole")
    return images


def _annotated(folder: Path, classes: dict[str, int]) -> list[Sample]:
    """Tiny-ImageNet's validation images: one folder, and lines of file name, class and box."""
    path = folder / "val_annotations.txt"
    try:
        lines = [line.split("\t") for line in path.read_text().splitlines() if line.strip()]
        return sorted((folder / "images" / line[0], classes[line[1]]) for line in lines)
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}; the archive was not unpacked whole") from None
    except (KeyError, IndexError, UnicodeDecodeError):
        raise UserError(f"{path}: damaged; expected a file name and one of the class folders on each line") from None


def _load(samples: list[Sample], shorter_side: int, side: int) -> tuple[np.ndarray, np.ndarray]:
    read = partial(_square, shorter_side=shorter_side, side=side)
    images = decoded((path for path, _ in samples), len(samples), read, (3, side, side))
    return images, np.array([label for _, label in samples])


def _square(path: Path, shorter_side: int, side: int) -> np.ndarray:
    """``[3, side, side]`` from the centre, the shorter side resized to ``shorter_side`` where it is another."""
    with opened(path, str(path), cure="unpack the archive again") as picture:
        image = picture.convert("RGB")
    if min(image.size) != shorter_side:
        width, height = (round(length * shorter_side / min(image.size)) for length in image.size)
        image = image.resize((width, height), Image.Resampling.BILINEAR)
    left, top = (round((length - side) / 2) for length in image.size)
    cropped = image.crop((left, top, left + side, top + side))
    return np.asarray(cropped, dtype=np.uint8).transpose(2, 0, 1)
