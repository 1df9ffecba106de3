"""Published numbers to stand beside ours, each with its data set and source, and the digits study's targets."""

from dataclasses import dataclass


@dataclass(frozen=True)
class PublishedRow:
    """One row of S000's tables 1 and 2: WRN-40-2, L2 PGD(8) training; accuracies in fractions."""

    data: str
    eps: float
    clean_accuracy: float
    pgd_accuracy: float


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

# What is printed in the papers about the figures that head the report.
CLEAN_ACCURACY = "S000, CIFAR-10: 0.931 (table 1)"
VALIDITY = "S000, CIFAR-10 and SVHN: drawn only (figure 6), no number printed"
EFFECT = "S000, CIFAR-10 and SVHN: drawn only (figure 4), no number printed"
R_SQUARED = "S000: 0.39 on CIFAR-10, 0.24 on SVHN (figure 3)"
DISTANCE_CLASSIFIER = "S000: about 0.85 on 1,000 CIFAR-10 test images"
ENERGY_DETECTOR = "S003, CIFAR-10, PGD(8): 0.984 at false positive rate 0.016 (table 1)"


@dataclass(frozen=True)
class Targets:
    """What a study must reach on its data set, in fractions."""

    clean_accuracy: float
    validity: float
    distance_classifier: float
    effect: float


TARGETS = {"digits": Targets(clean_accuracy=0.98, validity=0.95, distance_classifier=0.80, effect=0.06)}
