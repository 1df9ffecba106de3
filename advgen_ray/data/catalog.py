"""What is known of each data set before a file is opened: shape, classes, sizes."""

from dataclasses import dataclass

_DIGITS = tuple(str(d) for d in range(10))
_CIFAR10 = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
_FASHION = (
    "t-shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot",
)  # fmt: skip

_IMAGENETTE = (
    "tench", "English springer", "cassette player", "chain saw", "church", "French horn", "garbage truck", "gas pump",
    "golf ball", "parachute",
)  # fmt: skip
_IMAGENET_MEAN, _IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


@dataclass(frozen=True)
class DatasetInfo:
    """Static facts of a data set; ``image_shape`` is ``(C, H, W)``."""

    image_shape: tuple[int, int, int]
    class_names: tuple[str, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]

    @property
    def num_classes(self) -> int:
        """Number of classes."""
        return len(self.class_names)


# Channel means and standard deviations over the training images in [0, 1]. CIFAR-10's std is .2470, the
# deviation over all pixels; the .2023 that also circulates is a mean of per-image deviations. Imagenette has the
# published values of ImageNet, of which it is a part.
CATALOG: dict[str, DatasetInfo] = {
    "digits": DatasetInfo((1, 8, 8), _DIGITS, (0.3053,), (0.3760,)),
    "mnist": DatasetInfo((1, 28, 28), _DIGITS, (0.1307,), (0.3081,)),
    "fashion_mnist": DatasetInfo((1, 28, 28), _FASHION, (0.2860,), (0.3530,)),
    "cifar10": DatasetInfo((3, 32, 32), _CIFAR10, (0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)),
    "cifar100": DatasetInfo(
        (3, 32, 32),
        tuple(f"class-{i}" for i in range(100)),
        (0.5071, 0.4866, 0.4409),
        (0.2673, 0.2564, 0.2762),
    ),
    "svhn": DatasetInfo((3, 32, 32), _DIGITS, (0.4377, 0.4438, 0.4728), (0.1980, 0.2010, 0.1970)),
    "tiny_imagenet": DatasetInfo(
        (3, 64, 64),
        tuple(f"class-{i}" for i in range(200)),
        (0.4802, 0.4481, 0.3975),
        (0.2770, 0.2691, 0.2821),
    ),
    "imagenette": DatasetInfo((3, 150, 150), _IMAGENETTE, _IMAGENET_MEAN, _IMAGENET_STD),
    "imagenette_160": DatasetInfo((3, 160, 160), _IMAGENETTE, _IMAGENET_MEAN, _IMAGENET_STD),
}

# Images of the training and the test split. Those of scikit-learn's digits are split by us.
SIZES: dict[str, tuple[int, int]] = {
    "digits": (1_400, 397),
    "mnist": (60_000, 10_000),
    "fashion_mnist": (60_000, 10_000),
    "cifar10": (50_000, 10_000),
    "cifar100": (50_000, 10_000),
    "svhn": (73_257, 26_032),
    "tiny_imagenet": (100_000, 10_000),
    "imagenette": (9_469, 3_925),
    "imagenette_160": (9_469, 3_925),
}
