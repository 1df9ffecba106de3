"""The stage that trains a detector for every class: each a training of its own, sharing worker groups."""

from typing import Any

from advgen_ray.config import TrainBinaryConfig, TrainOneVsRestConfig
from advgen_ray.data.datasets import dataset_info
from advgen_ray.stages import binary
from advgen_ray.storage.filesystem import join


def run(config: TrainOneVsRestConfig) -> dict[str, Any]:
    """Train what is missing; returns a table of the detectors. Raises UserError as one training does."""
    trainings = trainings_of(config)
    found = binary.run_all(trainings)
    rows = [{"class": one.class_index, **measured} for one, measured in zip(trainings, found, strict=True)]
    worst = [row["worst_case_auc"] for row in rows if "worst_case_auc" in row]
    return {
        "output": config.output,
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
