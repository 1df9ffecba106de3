"""Works that rows of several sections share, and those whose results only other works read."""

from advgen_ray.catalogue.entry import Work

DEMO = "runs/demo/classifiers"

STUDY = Work("study", "digits_study")
CIFAR10_STUDY = Work("study", "cifar10_study")
SVHN_STUDY = Work("study", "svhn_study")

DETECTORS = Work("train_one_vs_rest", "digits_one_vs_rest")
FROM_NOISE = Work("train_binary", "digits_binary_from_noise")
CIFAR10_BINARY = Work("train_binary", "cifar10_binary")
CIFAR10_SOFTMAX = Work("train_classifier", "cifar10_generative_softmax")
CIFAR10_GENERATIVE = Work("train_one_vs_rest", "cifar10_generative_classifier")


def of_depths(recipe: str, places: dict[int, str], *settings: str) -> tuple[Work, ...]:
    """Trainings of one recipe with networks of several depths, and where each lies."""
    return tuple(
        Work("train_classifier", recipe, (f"model.depth={depth}", f"output={place}", *settings))
        for depth, place in places.items()
    )
