"""Users' own images from ``train.npz`` and ``test.npz``: every value checked once, here, with one line per mistake."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from advgen_ray.data.catalog import DatasetInfo
from advgen_ray.errors import DAMAGED_ZIP, UserError

ARRAYS = ("images", "labels", "class_names")
IMAGES_AT_ONCE = 1000


def read_user_arrays(root: Path, split: str) -> tuple[np.ndarray, np.ndarray, DatasetInfo]:
    """Images ``[N, C, H, W]`` (uint8, or float32 in [0, 1]), labels ``[N]`` and the facts of the training split.

    The file holds ``images`` [N, H, W], [N, H, W, C] or [N, C, H, W] (C is 1 or 3), uint8 in 0..255 or floats in
    [0, 1]; ``labels`` [N], integers from 0, of which none is left out unless ``class_names`` [K] say what there is; a
    test split that has them, too, has the same. Raises UserError.
    """
    info = user_info(root)
    path = root / f"{split}.npz"
    arrays = _read(path)
    images = _images(path, arrays["images"])
    labels = _labels(path, arrays["labels"], len(images), info.num_classes)
    if images.shape[1:] != info.image_shape:
        raise UserError(f"{path}: images have shape {images.shape[1:]}, expected {info.image_shape} as in train.npz")
    if "class_names" in arrays and split != "train":
        _check_same_names(path, _names(path, arrays["class_names"]), info.class_names)
    return images, labels, info


def user_info(root: Path) -> DatasetInfo:
    """Shape, class names, channel means and deviations (in [0, 1]) of ``root/train.npz``; raises UserError."""
    path = root / "train.npz"
    arrays = _read(path)
    images = _images(path, arrays["images"])
    labels = _labels(path, arrays["labels"], len(images), None)
    names = arrays.get("class_names")
    class_names = tuple(f"class-{i}" for i in range(_count(path, labels))) if names is None else _names(path, names)
    _labels(path, labels, len(images), len(class_names))
    return info_of(path, images, class_names)


def info_of(path: Path, images: np.ndarray, class_names: tuple[str, ...]) -> DatasetInfo:
    """The facts of images ``[N, C, H, W]`` that lie at ``path``; raises UserError for a channel without any change."""
    mean, std = _mean_and_std(images)
    if (std == 0).any():
        raise UserError(f"{path}: a channel has the same value in every pixel; check how the images were stored")
    channels, height, width = images.shape[1:]
    return DatasetInfo((channels, height, width), class_names, _rounded(mean), _rounded(std))


def read_images(path: Path) -> np.ndarray:
    """``images`` of an ``.npz`` that may have no labels, ``[N, C, H, W]``, uint8 or float32; raises UserError."""
    return _images(path, _read(path, ("images",))["images"])


def _read(path: Path, needed: Sequence[str] = ("images", "labels")) -> dict[str, np.ndarray]:
    if not path.is_file():
        raise UserError(
            f"{path.resolve()}: not found; data.name npz reads train.npz and test.npz with arrays 'images' and "
            "'labels' from data.root"
        )
    try:
        file = np.load(path, allow_pickle=False)
        if isinstance(file, np.ndarray):
            raise ValueError("one array, of numpy.save")
        with file:
            arrays: dict[str, Any] = {name: file[name] for name in ARRAYS if name in file}
    except (OSError, ValueError, *DAMAGED_ZIP) as error:
        reason = "it holds Python objects" if "allow_pickle" in str(error) else "not a complete .npz file"
        raise UserError(f"{path}: cannot be read ({reason}); write it again with numpy.savez") from None
    for name in needed:
        if name not in arrays:
            raise UserError(f"{path}: no array {name!r}; expected numpy.savez(path, images=..., labels=...)")
    return arrays


def _images(path: Path, images: np.ndarray) -> np.ndarray:
    """``[N, C, H, W]``, uint8 or float32 within [0, 1]."""
    if images.ndim == 3:
        images = images[:, None]
    elif images.ndim == 4 and images.shape[1] not in (1, 3) and images.shape[3] in (1, 3):
        images = images.transpose(0, 3, 1, 2)
    if images.ndim != 4 or images.shape[1] not in (1, 3) or not images.size:
        raise UserError(
            f"{path}: images have shape {images.shape}, expected [N, H, W], [N, H, W, C] or [N, C, H, W] with 1 or 3 "
            "channels"
        )
    if images.dtype == np.uint8:
        return np.ascontiguousarray(images)
    if not np.issubdtype(images.dtype, np.floating):
        raise UserError(f"{path}: images are {images.dtype}, expected uint8 in 0..255 or floats in [0, 1]")
    num_nan = int(np.isnan(images).sum())
    if num_nan:
        raise UserError(f"{path}: images hold {num_nan} NaN values, expected numbers in [0, 1]")
    low, high = float(images.min()), float(images.max())
    if low < 0 or high > 1:
        raise UserError(f"{path}: images range from {low:g} to {high:g}, expected [0, 1]; divide 0..255 by 255")
    return np.ascontiguousarray(images, dtype=np.float32)


def _labels(path: Path, labels: np.ndarray, num_images: int, num_classes: int | None) -> np.ndarray:
    if labels.shape != (num_images,):
        raise UserError(f"{path}: {num_images} images but labels of shape {labels.shape}, expected ({num_images},)")
    if not np.issubdtype(labels.dtype, np.integer):
        raise UserError(f"{path}: labels are {labels.dtype}, expected integers from 0")
    low, high = int(labels.min()), int(labels.max())
    if low < 0 or (num_classes is not None and high >= num_classes):
        allowed = "0 or more" if num_classes is None else f"0..{num_classes - 1}"
        raise UserError(f"{path}: labels range from {low} to {high}, expected {allowed}")
    return labels.astype(np.int64)


def _count(path: Path, labels: np.ndarray) -> int:
    """How many classes there are where none has a name: one wrong label would make outputs, or names, without end."""
    found = np.unique(labels)
    if found[-1] >= len(found):
        empty = int((found != np.arange(len(found))).argmax())
        raise UserError(
            f"{path}: labels go up to {found[-1]}, but no image is of class {empty}; number the {len(found)} classes "
            f"0..{len(found) - 1}, or give the names of all in class_names"
        )
    return len(found)


def _check_same_names(path: Path, names: tuple[str, ...], trained: tuple[str, ...]) -> None:
    """Labels of both splits are places in one list, where the training split has one."""
    unnamed = trained == tuple(f"class-{place}" for place in range(len(trained)))
    if names != trained and not (unnamed and len(names) == len(trained)):
        pairs = enumerate(() if unnamed else zip(names, trained, strict=False))
        place = next((i for i, (name, expected) in pairs if name != expected), None)
        what = (
            f"has {len(names)} entries, expected {len(trained)}"
            if place is None
            else f"has {names[place]!r} at place {place}, expected {trained[place]!r}"
        )
        raise UserError(f"{path}: class_names {what} as in train.npz; store one list in both, and labels by it")


def _names(path: Path, names: np.ndarray) -> tuple[str, ...]:
    if names.ndim != 1 or names.dtype.kind != "U" or len(names) < 2:
        raise UserError(f"{path}: class_names has shape {names.shape}, expected a list of at least 2 strings")
    return tuple(str(name) for name in names)


def _mean_and_std(images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Of each channel, ``[C]`` in [0, 1]; by parts, as all images in double precision are eight times their file."""
    scale = 255.0 if images.dtype == np.uint8 else 1.0
    parts = [images[start : start + IMAGES_AT_ONCE] for start in range(0, len(images), IMAGES_AT_ONCE)]
    count = images.size // images.shape[1]
    mean = sum(part.sum(axis=(0, 2, 3), dtype=np.float64) for part in parts) / count
    squares = sum(np.square(part - mean[:, None, None]).sum(axis=(0, 2, 3)) for part in parts)
    return mean / scale, np.sqrt(squares / count) / scale


def _rounded(values: np.ndarray) -> tuple[float, ...]:
    """Four digits, as the published statistics of the known sets have."""
    return tuple(max(round(float(value), 4), 1e-4) for value in values)
