"""What S004 prints of its generative robust classifier: accuracies in fractions, CIFAR-10 in L2 (section 3.4)."""

from dataclasses import dataclass


@dataclass(frozen=True)
class PublishedAccuracies:
    """Of one classifier by the radius of the attack; 0 is no attack."""

    what: str
    by_radius: dict[float, float]


# Table 3.14; what the constants change, table 3.16, is there for images that are not attacked.
S004_ROBUSTNESS = {
    "generative": PublishedAccuracies("Generative, trained at 0.3", {0.0: 0.8812, 0.5: 0.7227}),
    "softmax": PublishedAccuracies("Softmax, trained at 0.5", {0.0: 0.9083, 0.5: 0.7017}),
}


@dataclass(frozen=True)
class PublishedCalibration:
    """Accuracy of the training and the test images, which stopped it."""

    what: str
    train: float
    test: float


S004_CALIBRATION = (PublishedCalibration("before", 0.9525, 0.8812), PublishedCalibration("after", 0.9543, 0.8815))
S004_OFFSETS = (-0.068, -0.015, 0.066, 0.067, -0.037, 0.066, -0.068, -0.067, -0.058, 0.062)  # table 3.17, by class
