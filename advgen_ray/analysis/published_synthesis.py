"""What S004 prints of generated images, by data set; FID and IS of Inception's features, so beside such alone."""

from dataclasses import dataclass


@dataclass(frozen=True)
class PublishedSamples:
    """One row: FID of so many steps of such a size, or IS, where they are printed."""

    what: str
    ascent: str
    fid: float | None
    inception_score: float | None = None


S004: dict[str, tuple[PublishedSamples, ...]] = {
    "cifar10": (
        PublishedSamples(
            "binary AT, 50,000 samples from 80 Million Tiny Images (T2.5, T2.11)", "32 x 0.2", 13.21, 9.10
        ),
        PublishedSamples("robust softmax classifier, quoted (T2.5)", "", None, 7.5),
        PublishedSamples("binary AT, the same number (T2.11)", "64 x 0.1", 13.07),
        PublishedSamples("binary AT, the same number (T2.11)", "16 x 0.4", 13.49),
        PublishedSamples("generative classifier, class Gaussians (T3.15)", "l2, 7 x 1", 50.38),
        PublishedSamples("softmax robust classifier, class Gaussians (T3.15)", "l2, 7 x 1", 61.84),
        PublishedSamples("generative classifier, class Gaussians (T3.15)", "l2, 10 x 1", 54.78),
        PublishedSamples("softmax robust classifier, class Gaussians (T3.15)", "l2, 10 x 1", 66.15),
        PublishedSamples("generative classifier, counterfactuals (T3.15)", "l2, 7 x 1", 37.92),
        PublishedSamples("softmax robust classifier, counterfactuals (T3.15)", "l2, 7 x 1", 43.65),
        PublishedSamples("generative classifier, counterfactuals (T3.15)", "l2, 10 x 1", 42.33),
        PublishedSamples("softmax robust classifier, counterfactuals (T3.15)", "l2, 10 x 1", 50.85),
    ),
}
CIFAR10_SPEED = "50 CIFAR-10 samples of 32 steps in 2.34 s on an RTX 2080 Ti, 21 a second (S004 table 2.10)"
