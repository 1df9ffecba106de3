"""Users' own pictures: ``train/CLASS/*.png`` and ``test/CLASS/*.png`` under one folder, a folder a class."""

from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache, partial
from pathlib import Path

import numpy as np

from advgen_ray.data.catalog import DatasetInfo
from advgen_ray.data.folders import SUFFIXES, hidden, mixed
from advgen_ray.data.pictures import GRAY, decoded, in_eight_bits, opened
from advgen_ray.data.user_arrays import info_of
from advgen_ray.errors import UserError


def read_user_folders(root: Path, split: str) -> tuple[np.ndarray, np.ndarray, DatasetInfo]:
    """Images ``[N, C, H, W]`` uint8, classes mixed, labels ``[N]``, and the facts of the training split.

    A class is a folder of ``train``, in the order of names; C is 1 where every training picture is gray, else 3. Raises
    UserError for a folder without pictures, one that is no whole picture, of another size or of no known range, and a
    class of ``test`` that ``train`` does not have.
    """
    info = folders_info(root)
    train = _classes(root / "train")
    classes = train if split == "train" else _classes(root / split)
    if unknown := sorted(set(classes) - set(train)):
        raise UserError(f"{root / split / unknown[0]}: no such class in {root / 'train'}, which has {', '.join(train)}")
    samples = mixed([(path, train.index(name)) for name in classes for path in _files(root / split / name)])
    channels, height, width = info.image_shape
    images = _decoded([path for path, _ in samples], channels == 1, (height, width))
    return images, np.array([label for _, label in samples], dtype=np.int64), info


def folders_info(root: Path) -> DatasetInfo:
    """Shape, class names, channel means and deviations (in [0, 1]) of ``root/train``; raises UserError."""
    files = [path for name in _classes(root / "train") for path in _files(root / "train" / name)]
    return _info(root, tuple((path, _changed_at(path)) for path in files))


@lru_cache(maxsize=4)
def _info(root: Path, files: tuple[tuple[Path, int], ...]) -> DatasetInfo:
    """Asked for many times, and every picture must be read for it."""
    paths = [path for path, _ in files]
    with ThreadPoolExecutor() as pool:
        shapes = list(pool.map(_shape, paths))
    gray = all(mode in GRAY for _, mode in shapes)
    size = shapes[0][0]
    images = _decoded(paths, gray, size)
    return info_of(root / "train", images, tuple(_classes(root / "train")))


def _classes(folder: Path) -> list[str]:
    inside = folder.iterdir() if folder.is_dir() else ()
    names = sorted(one.name for one in inside if one.is_dir() and not hidden(one, folder))
    if not names:
        raise UserError(
            f"{folder.resolve()}: no class folders; data.name folder reads train/CLASS/*.png and test/CLASS/*.png "
            "from data.root"
        )
    return names


def _files(folder: Path) -> list[Path]:
    found = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES and not hidden(path, folder))
    if not found:
        raise UserError(f"{folder}: no PNG or JPEG file in it; remove the folder, or put the class's pictures there")
    return found


def _decoded(paths: list[Path], gray: bool, size: tuple[int, int]) -> np.ndarray:
    return decoded(paths, len(paths), partial(_pixels, gray=gray, size=size), (1 if gray else 3, *size))


def _changed_at(path: Path) -> int:
    """Nanoseconds; raises UserError for a link to a file that is gone."""
    try:
        return path.stat().st_mtime_ns
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}; put the picture there, or remove the link") from None


def _shape(path: Path) -> tuple[tuple[int, int], str]:
    """Height and width, and Pillow's mode, from the head of the file."""
    with opened(path, str(path)) as picture:
        return (picture.height, picture.width), picture.mode


def _pixels(path: Path, gray: bool, size: tuple[int, int]) -> np.ndarray:
    """``[C, H, W]``; raises UserError where it is not as large as the first: what to crop is the user's to say."""
    found = _shape(path)[0]
    if found != size:
        height, width = size
        raise UserError(f"{path}: {found[1]}x{found[0]} pixels, expected {width}x{height} as the others; resize it")
    with opened(path, str(path)) as picture:
        pixels = np.asarray(in_eight_bits(picture, str(path)).convert("L" if gray else "RGB"))
    return pixels[None] if gray else pixels.transpose(2, 0, 1)
