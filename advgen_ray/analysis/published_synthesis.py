"""What S004 prints of generated images, by data set or at 256 pixels; FID and IS by Inception, so beside such alone."""

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
    "256": (
        PublishedSamples("CelebA-HQ, from ImageNet (T2.6)", "", 17.31),
        PublishedSamples("CelebA-HQ, from ImageNet (T2.11)", "40 x 4", 19.19),
        PublishedSamples("CelebA-HQ, from ImageNet (T2.11)", "20 x 8", 18.97),
        PublishedSamples("CelebA-HQ, from ImageNet (T2.11)", "10 x 16", 19.19),
        PublishedSamples("AFHQ-CAT, from ImageNet (T2.4, T2.6)", "14 x 8", 13.35),
        PublishedSamples("LSUN Church, from ImageNet (T2.4, T2.6)", "17 x 8", 14.87),
    ),
}
CIFAR10_SPEED = "50 CIFAR-10 samples of 32 steps in 2.34 s on an RTX 2080 Ti, 21 a second (T2.10)"


def samples_beside(data: str, side: int) -> tuple[PublishedSamples, ...]:
    """What is printed of a data set, or of all of 256 pixels: files do not say which theirs are."""
    return S004.get("256" if side >= 256 else data, ())
