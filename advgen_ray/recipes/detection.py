"""Least distortion past detection by one-vs-rest detectors (S004 section 3.2)."""

from advgen_ray.config import DataConfig, MeasureDistortionConfig

BOTH = ("generative", "integrated")


def digits_distortion() -> MeasureDistortionConfig:
    """Least L2 distortion past both kinds of detection, 200 digits towards random classes; no published figure."""
    return MeasureDistortionConfig(
        classifier="runs/demo/classifiers/eps-1.0/model",
        detectors="runs/digits/one_vs_rest",
        methods=BOTH,
        largest_c=64.0,
        output="runs/digits/distortion",
    )


def mnist_distortion() -> MeasureDistortionConfig:
    """S004 table 3.6: 4.40 past generative detection trained in Linf .3, 3.68 before it; any class but the label.

    500 steps and c up to 8 as in the authors' code, by normalized gradients instead of Adam; CW, which takes longest,
    is left out.
    """
    return MeasureDistortionConfig(
        data=DataConfig(name="mnist"),
        classifier="runs/mnist/softmax/model",
        detectors="runs/mnist/one_vs_rest",
        methods=BOTH,
        num_targets=0,
        steps=200,
        bisections=12,
        largest_c=8.0,
        searches=("radii", "fab"),
        search_steps=50,
        output="runs/mnist/distortion",
    )


def cifar10_distortion() -> MeasureDistortionConfig:
    """S004 table 3.11: 1.5 past generative detection trained in Linf 8/255, 1.1 before it; one random target each."""
    return MeasureDistortionConfig(
        data=DataConfig(name="cifar10"),
        classifier="runs/cifar10/classifier/model",
        detectors="runs/cifar10/one_vs_rest",
        methods=BOTH,
        searches=("radii", "fab"),
        output="runs/cifar10/distortion",
    )
