"""Labelled image sets behind one interface: scikit-learn's digits, torchvision's sets, folders, users' own arrays."""

import gzip
import importlib.util
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor

from advgen_ray.data.catalog import CATALOG, DatasetInfo
from advgen_ray.data.folders import read_imagenette, read_tiny_imagenet
from advgen_ray.data.user_arrays import read_user_arrays, user_info
from advgen_ray.data.user_folders import folders_info, read_user_folders
from advgen_ray.errors import UserError

Split = Literal["train", "test"]

NUM_TRAIN_DIGITS = 1400  # of 1,797
DIGITS_SPLIT_SEED = 0


@dataclass(frozen=True)
class LabelledImages:
    """A split of a data set: ``images`` [N, C, H, W], uint8 in 0..255 or float32 in [0, 1]; ``labels`` [N], int64."""

    images: np.ndarray
    labels: np.ndarray
    info: DatasetInfo
    name: str
    split: str
    rows: np.ndarray | None = None  # where the images lie in the whole split; None: each in its place

    def __len__(self) -> int:
        return len(self.labels)

    def first(self, num_images: int | None) -> "LabelledImages":
        """The first images of the split, or all of them; raises UserError for more than there are."""
        if num_images is not None and num_images > len(self):
            raise UserError(f"{num_images} images asked for: the {self.split} split of {self.name} has {len(self)}")
        return self.subset(slice(num_images))

    def subset(self, indices: Sequence[int] | np.ndarray | slice) -> "LabelledImages":
        """Some of the images, which keep their names and so their keyed draws."""
        rows = np.arange(len(self)) if self.rows is None else self.rows
        return replace(self, images=self.images[indices], labels=self.labels[indices], rows=rows[indices])

    def tensor(self, indices: Sequence[int] | np.ndarray | slice = slice(None)) -> Tensor:
        """Images ``[len(indices), C, H, W]``, float32 in [0, 1]."""
        images = torch.from_numpy(np.ascontiguousarray(self.images[indices]))
        return images.float().div_(255) if images.dtype == torch.uint8 else images.clone()

    def targets(self, indices: Sequence[int] | np.ndarray | slice = slice(None)) -> Tensor:
        """Labels ``[len(indices)]``, int64."""
        return torch.from_numpy(self.labels[indices].copy())

    def item_ids(self, indices: Sequence[int] | np.ndarray) -> list[str]:
        """The name of each image, stable across runs: ``digits-train-000012``."""
        prefix = f"{self.name}-{self.split}-"
        return [f"{prefix}{index if self.rows is None else self.rows[index]:06d}" for index in indices]


def load(name: str, root: str, split: Split, download: bool = False) -> LabelledImages:
    """Read one split, checked; raises UserError where files are missing or hold what no image set can.

    ``root`` is the folder of torchvision's layout (``root/cifar-10-batches-py``, ...), the one that holds
    ``tiny-imagenet-200`` or ``imagenette2-160``, or that of a user's own ``train.npz`` and ``test.npz`` (``npz``) or
    ``train/CLASS`` and ``test/CLASS`` (``folder``); digits ship with scikit-learn and need none.
    """
    if name in _OWN:
        images, labels, info = _OWN[name].read(Path(root), split)
    elif name in _READERS:
        images, labels = _READERS[name](root, split, download)
        info = CATALOG[name]
    else:
        raise UserError(f"data.name {name!r}: unknown; expected one of {', '.join([*_READERS, *_OWN])}")
    return LabelledImages(images, labels.astype(np.int64), info, name, split)


def dataset_info(name: str, root: str) -> DatasetInfo:
    """Shape, classes, mean and deviation, without opening a file where they are known beforehand."""
    return _OWN[name].info(Path(root)) if name in _OWN else CATALOG[name]


def _digits(root: str, split: Split, download: bool) -> tuple[np.ndarray, np.ndarray]:
    """``sklearn.datasets.load_digits`` without its import, which takes seconds in every worker process."""
    package = importlib.util.find_spec("sklearn")
    assert package is not None, "scikit-learn is a declared dependency"
    assert package.submodule_search_locations, "scikit-learn is a package"
    path = Path(package.submodule_search_locations[0]) / "datasets" / "data" / "digits.csv.gz"
    with gzip.open(path, "rt") as file:
        table = np.loadtxt(file, delimiter=",", dtype=np.float32)
    order = np.random.default_rng(DIGITS_SPLIT_SEED).permutation(len(table))
    chosen = table[order[:NUM_TRAIN_DIGITS] if split == "train" else order[NUM_TRAIN_DIGITS:]]
    return chosen[:, :64].reshape(-1, 1, 8, 8) / np.float32(16), chosen[:, 64]


def _torchvision(
    class_name: str, folder: str, by_split: bool, root: str, split: Split, download: bool
) -> tuple[np.ndarray, np.ndarray]:
    """One of torchvision's sets; ``folder`` is where under ``root`` it keeps its files."""
    from torchvision import datasets  # late: seconds that a run on digits need not wait

    open_set: Callable[..., Any] = getattr(datasets, class_name)
    chosen = {"split": split} if by_split else {"train": split == "train"}
    where = Path(root).resolve() / folder
    try:
        data = open_set(root, download=download, **chosen)
    except (ValueError, TypeError, AssertionError):  # of a file that is there, and so would not be fetched again
        raise UserError(
            f"{class_name} ({split}): a damaged file under {where}; remove it, and copy it there again or fetch it "
            "with --set data.download=true"
        ) from None
    except RuntimeError as error:  # torchvision's word for missing files, and for check sums
        if download:
            raise UserError(f"{class_name}: download into {where} failed: {str(error).splitlines()[0]}") from None
        raise UserError(
            f"{class_name} ({split}): files missing or damaged under {where}; set data.root to the folder that "
            "holds them, or fetch them with --set data.download=true"
        ) from None
    except OSError as error:
        raise UserError(f"{class_name} ({split}): cannot read or fetch under {Path(root).resolve()}: {error}") from None
    images = np.asarray(data.data)
    labels = np.asarray(data.labels if by_split else data.targets)
    if len(images) != len(labels):
        raise UserError(
            f"{class_name} ({split}): {len(images)} images but {len(labels)} labels under {where}; copy them again"
        )
    return _channels_first(images, by_split), labels


def _channels_first(images: np.ndarray, already: bool) -> np.ndarray:
    if images.ndim == 3:
        return images[:, None]
    return images if already else np.ascontiguousarray(images.transpose(0, 3, 1, 2))


_READERS: dict[str, Callable[[str, Split, bool], tuple[np.ndarray, np.ndarray]]] = {
    "digits": _digits,
    "mnist": partial(_torchvision, "MNIST", "MNIST/raw", False),
    "fashion_mnist": partial(_torchvision, "FashionMNIST", "FashionMNIST/raw", False),
    "cifar10": partial(_torchvision, "CIFAR10", "cifar-10-batches-py", False),
    "cifar100": partial(_torchvision, "CIFAR100", "cifar-100-python", False),
    "svhn": partial(_torchvision, "SVHN", "", True),
    "tiny_imagenet": read_tiny_imagenet,
    "imagenette": partial(read_imagenette, 150),
    "imagenette_160": partial(read_imagenette, 160),
}


class _Own(NamedTuple):
    """A user's images, whose facts are read from themselves."""

    read: Callable[[Path, str], tuple[np.ndarray, np.ndarray, DatasetInfo]]
    info: Callable[[Path], DatasetInfo]


_OWN = {"npz": _Own(read_user_arrays, user_info), "folder": _Own(read_user_folders, folders_info)}
