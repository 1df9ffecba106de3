"""Published numbers to stand beside ours, each with its data set and source, and the digits study's targets."""

from dataclasses import dataclass

from advgen_ray.analysis.published_detection import ON_CIFAR10


@dataclass(frozen=True)
class PublishedRow:
    """One row of S000's tables 1 and 2: WRN-40-2, L2 PGD(8) training; accuracies in fractions."""

    data: str
    eps: float
    clean_accuracy: float
    pgd_accuracy: float


@dataclass(frozen=True)
class PublishedTable:
    """A table as printed, and what a reader must know of it."""

    data_name: str  # as in a config
    description: str
    rows: tuple[PublishedRow, ...]


S000_CIFAR10 = (
    PublishedRow("CIFAR-10", 0.0, 0.9308, 0.0575),
    PublishedRow("CIFAR-10", 0.1, 0.9133, 0.4506),
    PublishedRow("CIFAR-10", 0.5, 0.8487, 0.5473),
    PublishedRow("CIFAR-10", 1.0, 0.7623, 0.5453),
    PublishedRow("CIFAR-10", 1.5, 0.6621, 0.5234),
    PublishedRow("CIFAR-10", 2.0, 0.5837, 0.4753),
)
S000_SVHN = (
    PublishedRow("SVHN", 0.0, 0.9675, 0.7746),
    PublishedRow("SVHN", 0.1, 0.9563, 0.8642),
    PublishedRow("SVHN", 0.2, 0.9541, 0.8684),
    PublishedRow("SVHN", 0.4, 0.9309, 0.8543),
)

TABLE_1 = PublishedTable("cifar10", "CIFAR-10, WRN-40-2, PGD(8) at L2 0.5: Yeats et al., table 1", S000_CIFAR10)
TABLE_2 = PublishedTable("svhn", "SVHN, WRN-40-2, PGD(8) at L2 0.2: Yeats et al., table 2", S000_SVHN)


def robustness_beside(data_name: str) -> PublishedTable:
    """The published table of this data set, else CIFAR-10's."""
    return TABLE_2 if data_name == TABLE_2.data_name else TABLE_1


# What AutoAttack's leaderboard has for the losses of S001 A.3, of other networks: the supplement prints none.
LEADERBOARD = {"sat": 0.4925, "trades": 0.5308, "mart": 0.5629}

# S000 figure 3, of robust models' confidence on the distance of counterfactuals; at which radius is not said.
R2 = {"CIFAR-10": 0.39, "SVHN": 0.24}
DISTANCE_ACCURACY = 0.85  # S000 section 4, "about"
S001_CIFAR100_ENERGY = -50.0  # figure A: to about which E(x) of PGD's images falls
S001_INCORRECT = 3317 / 50_000  # A.4: of CIFAR-10's training images
S001_LEFT_OUT_BY_ENERGY = 6500 / 50_000  # A.4: of these too, for H and for L each
S001_INCORRECT_OF_HIGH_ENERGY = 2724 / 3317  # table A: of the incorrect

# The same in words.
CLEAN_ACCURACY = "93.1% on CIFAR-10, 96.8% on SVHN (Yeats et al., tables 1 and 2)"
VALIDITY = "CIFAR-10 and SVHN, drawn but not printed (Yeats et al., figure 6)"
EFFECT = "CIFAR-10 and SVHN, drawn but not printed (Yeats et al., figure 4)"
R_SQUARED = ", ".join(f"{value} on {name}" for name, value in R2.items()) + " (Yeats et al., figure 3)"
DISTANCE_CLASSIFIER = f"about {DISTANCE_ACCURACY:.0%} of 1,000 CIFAR-10 test images (Yeats et al.)"
ENERGY_DETECTOR = (
    f"{ON_CIFAR10['Energy'].detection_rate:.1%} found at {ON_CIFAR10['Energy'].false_positive_rate:.1%} false alarms, "
    "CIFAR-10, PGD at Linf 8/255 (Beadini and Masi, table 1)"
)


@dataclass(frozen=True)
class Targets:
    """What a study must reach on its data set, in fractions."""

    clean_accuracy: float
    validity: float
    distance_classifier: float
    effect: float


TARGETS = {"digits": Targets(clean_accuracy=0.98, validity=0.95, distance_classifier=0.80, effect=0.06)}

# Yin 2022 (S004), tables 2.7 and 2.8: SSIM of the first ten of each on CelebA-HQ 256.
S004_DENOISING: dict[str, tuple[float, ...]] = {
    "noise image": (0.186, 0.342, 0.265, 0.132, 0.259, 0.262, 0.161, 0.244, 0.269, 0.218),
    "denoised image": (0.301, 0.322, 0.421, 0.297, 0.388, 0.407, 0.349, 0.410, 0.320, 0.578),
}
S004_INPAINTING: dict[str, tuple[float, ...]] = {
    "occluded": (0.846, 0.817, 0.836, 0.881, 0.809, 0.822, 0.769, 0.799, 0.773, 0.817),
    "recovered": (0.827, 0.815, 0.811, 0.902, 0.829, 0.839, 0.804, 0.832, 0.806, 0.813),
    "nearest by true patch": (0.863, 0.823, 0.867, 0.879, 0.809, 0.857, 0.794, 0.826, 0.807, 0.826),
    "nearest by original image": (0.391, 0.245, 0.256, 0.433, 0.316, 0.278, 0.339, 0.322, 0.216, 0.316),
    "nearest by occluded image": (0.428, 0.220, 0.249, 0.360, 0.320, 0.285, 0.225, 0.322, 0.160, 0.316),
}
