"""The stage that trains a detector for every class, and makes one classifier of them all."""

from collections.abc import Sequence
from typing import Any

from advgen_ray.config import TrainBinaryConfig, TrainOneVsRestConfig
from advgen_ray.data.datasets import dataset_info
from advgen_ray.models.one_vs_rest import OneVsRest
from advgen_ray.stages import binary
from advgen_ray.stages.training import store_model
from advgen_ray.storage.filesystem import exists, join, local_copy
from advgen_ray.training.model_directory import CARD, ONE_VS_REST, LoadedModel, load_model, read_card


def run(config: TrainOneVsRestConfig) -> dict[str, Any]:
    """Train what is missing; returns a table of the detectors, and where they are one classifier.

    That is ``model`` under the output, whose logits are the detectors' (S004 equation 3.27): every job takes it for a
    classifier. It is made where there is a detector for every class. Raises UserError as one training does.
    """
    trainings = trainings_of(config)
    found = binary.run_all(trainings)
    rows = [{"class": one.class_index, **measured} for one, measured in zip(trainings, found, strict=True)]
    worst = [row["worst_case_auc"] for row in rows if "worst_case_auc" in row]
    return {
        "output": config.output,
        **({"model": together(config)} if config.classes is None else {}),
        **({"lowest_worst_case_auc": min(worst)} if worst else {}),
        "seconds": round(sum(row["seconds"] for row in rows), 3),
        "detectors": [{name: value for name, value in row.items() if name != "ended" or value} for row in rows],
    }


def trainings_of(config: TrainOneVsRestConfig) -> list[TrainBinaryConfig]:
    """The training of each detector, in ``class-0``, ``class-1``, ... under the output."""
    data = config.training.data
    classes = config.classes
    if classes is None:
        classes = tuple(range(dataset_info(data.name, data.root).num_classes))
    return [
        config.training.model_copy(update={"class_index": k, "output": join(config.output, f"class-{k}")})
        for k in classes
    ]


def together(config: TrainOneVsRestConfig) -> str:
    """Where the classifier of all detectors is, once they are trained; stored anew where it is of other ones."""
    uri = join(config.output, "model")
    places = [local_copy(join(one.output, "model")) for one in trainings_of(config)]
    digests = [read_card(place)["weights_sha256"] for place in places]
    if not exists(join(uri, CARD)) or read_card(local_copy(uri)).get("detectors") != digests:
        detectors = [load_model(place) for place in places]
        store_model(uri, OneVsRest([one.model for one in detectors]), card_of(config, detectors))
    return uri


def card_of(config: TrainOneVsRestConfig, detectors: Sequence[LoadedModel]) -> dict[str, Any]:
    """What the classifier of all detectors is, and which they are."""
    detector = detectors[0].card["architecture"]
    return {
        "kind": ONE_VS_REST,
        "architecture": {
            "image_shape": detector["image_shape"],
            "num_classes": len(detectors),
            "detector": {"kind": detectors[0].card["kind"], "architecture": detector},
        },
        "data": {"name": config.training.data.name},
        "training": config.model_dump(mode="json"),
        "detectors": [one.digest for one in detectors],
    }
