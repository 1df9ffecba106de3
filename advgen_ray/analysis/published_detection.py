"""What is published of detection: of attacked images (S003 table 1), by detectors of one class (S004 section 3.2)."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class PublishedRates:
    """One row of a published table; rates in fractions."""

    data: str
    detector: str
    attack: str
    detection_rate: float
    false_positive_rate: float
    quoted: bool = False  # there from Aldahdooh et al. 2022, not run
    misprinted: bool = False  # the false positive rate; here that of the authors' notebook


S003_TABLE_1 = (
    PublishedRates("imagenette", "Energy", "PGD (8/255)", 0.9824, 0.0137),
    PublishedRates("imagenette", "Energy", "PGD (16/255)", 0.996, 0.0),
    PublishedRates("CIFAR-10", "Energy", "PGD (8/255)", 0.9838, 0.0167, misprinted=True),  # printed: .0162, the misses
    PublishedRates("CIFAR-10", "Energy", "APGD (8/255)", 0.8545, 0.0119),
    PublishedRates("CIFAR-10", "KD+BU", "PGD (8/255)", 0.9227, 0.0096, quoted=True),
    PublishedRates("CIFAR-10", "LID", "PGD (8/255)", 0.9439, 0.0181, quoted=True),
)
ON_CIFAR10 = {one.detector: one for one in S003_TABLE_1 if (one.data, one.attack) == ("CIFAR-10", "PGD (8/255)")}


def beside(data: str, attacks: Sequence[str]) -> dict[tuple[str, str], PublishedRates]:
    """S003's rows on a data set by detector and ours of ``attacks``: of each kind its first is the first that we have.

    Names are as in the table, ``PGD (8/255)``; a kind is all before the radius.
    """
    found: dict[tuple[str, str], PublishedRates] = {}
    published = [one for one in S003_TABLE_1 if one.data == data]
    for kind in dict.fromkeys(one.partition(" (")[0] for one in attacks):
        ours, theirs = (
            [name for name in dict.fromkeys(names) if name.partition(" (")[0] == kind]
            for names in (attacks, [one.attack for one in published])
        )
        for name, printed in zip(ours, theirs, strict=False):
            found |= {(one.detector, name): one for one in published if one.attack == printed}
    return found


@dataclass(frozen=True)
class PublishedDistortion:
    """Mean L2, in [0, 1] pixel units, of images that all pass detection where 95% of clean ones do."""

    data: str
    table: str
    own: dict[str, float]  # generative detection, by the ball that its detectors were trained in
    before: float  # the state of the art until then, Carlini and Wagner 2017
    decimals: int  # as printed

    @property
    def named(self) -> dict[str, float]:
        """All of the table, in words; the first is the one that ours stand beside."""
        own = {f"generative, detectors trained in {ball}": value for ball, value in self.own.items()}
        return own | {"state of the art before it": self.before}


S004_DISTORTION = {
    "mnist": PublishedDistortion(
        "MNIST", "Yin 2022, table 3.6", {"Linf 0.3": 4.40, "Linf 0.5": 5.65}, 3.68, decimals=2
    ),
    "cifar10": PublishedDistortion("CIFAR-10", "Yin 2022, table 3.11", {"Linf 8/255": 1.5}, 1.1, decimals=1),
}
