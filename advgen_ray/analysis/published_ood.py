"""Published AUROC of OOD detection to stand beside ours: S004's own and what it quotes, clean and at their worst."""

from dataclasses import dataclass

STAND_INS = {"Tiny ImageNet": "ImageNet"}  # 200 of its classes in place of all


@dataclass(frozen=True)
class PublishedOOD:
    """A table as printed: AUROC in fractions by OOD set, standard and worst case, one column a model."""

    description: str
    columns: tuple[str, ...]
    standard: dict[str, tuple[float | None, ...]]
    worst: dict[str, tuple[float | None, ...]]

    def auroc(self, detector: str, image_set: str, at_worst: bool) -> float | None:
        """Of one detector, a column or such a one's score ("OE, MSP"), on one set; None where none is printed."""
        model, _, _ = detector.partition(",")
        row = (self.worst if at_worst else self.standard).get(STAND_INS.get(image_set, image_set))
        return row[self.columns.index(model)] if row and model in self.columns else None


S004_CIFAR10 = PublishedOOD(
    "Yin 2022, table 3.12: ResNet-50 against Tiny Images, APGD as Augustin et al. (100 steps, 5 restarts, L2 1); OE, "
    "JEM and RATIO as quoted there from Augustin et al. 2020",
    ("OE", "JEM", "RATIO", "binary AT"),
    {
        "SVHN": (0.994, 0.893, 0.965, 0.935),
        "CIFAR-100": (0.914, 0.876, 0.916, 0.887),
        "ImageNet": (0.898, 0.867, 0.913, 0.897),
        "uniform noise": (0.995, 0.118, 0.999, 1.0),
    },
    {
        "SVHN": (0.006, 0.073, 0.813, 0.830),
        "CIFAR-100": (0.027, 0.192, 0.730, 0.706),
        "ImageNet": (0.015, 0.212, 0.735, 0.725),
        "uniform noise": (0.431, 0.025, 0.998, 1.0),
    },
)
S004_256 = PublishedOOD(
    "Yin 2022, table 3.13, binary AT at 256x256: APGD, 100 steps, 5 restarts, L2 7; 1024 images in and 1024 out",
    ("CelebA-HQ", "AFHQ-CAT", "LSUN-Church"),
    {
        "uniform noise": (1.0, 1.0, 0.9476),
        "SVHN": (0.9967, 0.9944, 0.9668),
        "CIFAR-10": (0.9978, 0.9930, 0.9081),
        "ImageNet validation": (0.9986, 0.9971, 0.9409),
        "AFHQ-CAT": (0.9984, None, 0.9691),
        "CelebA-HQ": (None, 0.9900, 0.9794),
        "LSUN-Church": (0.9999, 0.9997, None),
    },
    {
        "uniform noise": (1.0, 1.0, 0.9330),
        "SVHN": (0.9928, 0.9880, 0.9566),
        "CIFAR-10": (0.9952, 0.9859, 0.8857),
        "ImageNet validation": (0.9973, 0.9937, 0.9270),
        "AFHQ-CAT": (0.9958, None, 0.9587),
        "CelebA-HQ": (None, 0.9773, 0.9714),
        "LSUN-Church": (0.9998, 0.9991, None),
    },
)


def ood_beside(side: int) -> PublishedOOD:
    """The published table of images of this side: table 3.13 from 256 pixels on, else CIFAR-10's."""
    return S004_256 if side >= 256 else S004_CIFAR10
