"""What the stages of a study read that its trainings do not make, checked before those: images, outside models."""

from collections.abc import Iterator

from advgen_ray.config import StudyConfig
from advgen_ray.config.attacks import check_classes
from advgen_ray.data import datasets
from advgen_ray.data.datasets import Split
from advgen_ray.data.subsets import reference_images
from advgen_ray.distributed.synthesis_starts import Starts
from advgen_ray.errors import UserError
from advgen_ray.stages import classifier
from advgen_ray.stages.detector_inputs import check_fit
from advgen_ray.stages.inputs import load_classifier, load_images


def check_inputs(config: StudyConfig) -> None:
    """Raise UserError for what a stage after hours of training would refuse, naming the key as the study has it."""
    most: dict[Split, tuple[int, str]] = {}
    for key, split, number in _images_asked_for(config):
        if number is not None:
            most[split] = max(most.get(split, (0, "")), (number, key))
    for split, (number, key) in most.items():
        load_images(config.data, split, number, key)
    _check_attacks(config)
    if config.energy_view:
        asked = config.energy_view.detectors
        reference = reference_images(load_images(config.data, "train", None, ""), asked.num_reference)
        model = classifier.untrained(config.classifier_at(0.0, config.output))
        check_fit(asked.detectors, asked.layers, ("eps-0.0", model), reference, "energy_view.detectors.")
    if config.binary_view:
        try:
            Starts(config.binary_view.synthesis.changed(data=config.data))
        except UserError as error:
            raise UserError(f"binary_view.synthesis: {error}") from None
    for uri in config.classifier_view.others if config.classifier_view else ():
        load_classifier(uri, config.data)


def _check_attacks(config: StudyConfig) -> None:
    num_classes = datasets.dataset_info(config.data.name, config.data.root).num_classes
    check_classes(config.energies.attacks, num_classes, "energies.attacks")
    if view := config.energy_view:
        check_classes(view.attacked.attacks, num_classes, "energy_view.attacked.attacks")
        check_classes(view.detectors.attacks, num_classes, "energy_view.detectors.attacks")
    for suite in config.binary_view.robustness.suites if config.binary_view else ():
        check_classes(suite.attacks, num_classes, f"binary_view.robustness.suites: {suite.name}")


def _images_asked_for(config: StudyConfig) -> Iterator[tuple[str, Split, int | None]]:
    """Key, split, and how many of it; None is as many as there are."""
    made = config.counterfactuals
    yield "counterfactuals.num_sources", made.split, made.num_sources
    yield "variant_sources", made.split, config.variant_sources
    yield "held_out_sources", "test", config.held_out_sources
    for split in config.energies.splits:
        yield "energies.num_images", split, config.energies.num_images
    if view := config.energy_view:
        for split in view.attacked.splits:
            yield "energy_view.attacked.num_images", split, view.attacked.num_images
        yield "energy_view.detectors.num_images", "test", view.detectors.num_images
        yield "energy_view.detectors.num_reference", "train", view.detectors.num_reference
        yield "energy_view.images.num_test_images", "test", view.images.num_test_images
        yield "energy_view.images.num_gradient_images", "test", view.images.num_gradient_images
        yield "energy_view.images.num_neighbors", "test", view.images.num_neighbors
    if binary := config.binary_view:
        yield "binary_view.synthesis.num_reference", "train", binary.synthesis.num_reference
        yield "binary_view.robustness.num_images", binary.robustness.split, binary.robustness.num_images
