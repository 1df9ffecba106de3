"""The stage that evaluates a classifier's robustness: checks, Ray Data map, worst case, page."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from importlib.metadata import version
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import torch

from advgen_ray.analysis.worst_case import CLEAN, WorstCase, worst_case
from advgen_ray.attacks.masking import probe, probe_warnings, suite_warnings
from advgen_ray.attacks.suite import MISCLASSIFIED, STANDING, SuiteAttack, SuiteState, attack_of
from advgen_ray.config.attacks import check_classes
from advgen_ray.config.evaluation import EvaluateRobustnessConfig
from advgen_ray.data.datasets import LabelledImages
from advgen_ray.distributed.pipelines import run_map
from advgen_ray.distributed.robustness_rows import (
    PROGRESS,
    RobustnessRows,
    labels_of,
    num_shards,
    shards_under_way,
    suite_of,
)
from advgen_ray.errors import UserError
from advgen_ray.report.robustness_page import FallenImages, robustness_page
from advgen_ray.stages.inputs import content_digest, load_classifier, load_images
from advgen_ray.stages.outcome import PAGE, publish, tracked_job
from advgen_ray.storage import ResultSet
from advgen_ray.storage.filesystem import join, remove_tree
from advgen_ray.storage.schemas import column_to_images
from advgen_ray.training.model_directory import LoadedModel

NUM_PROBED = 64  # images on which the model itself is examined before it is attacked
NUM_PICTURES = 6


def run(config: EvaluateRobustnessConfig) -> dict[str, Any]:
    """Evaluate what is missing of the set at ``config.output``; returns the accuracies and what casts doubt on them.

    Raises UserError, before work starts, for a missing or foreign classifier, one without finite gradients, too many
    images, too few classes, another set in the same place or a place that cannot be written.
    """
    images = load_images(config.data, config.split, config.num_images, "num_images").first(config.num_images)
    check_classes(config.attacks, images.info.num_classes)
    attacks = suite_of(config, images.info.num_classes)
    loaded = load_classifier(config.classifier, config.data)
    doubts = doubts_of_model(config.classifier, loaded, images, attacks)
    result_set = prepare(config, images, loaded)
    with tracked_job("robustness", config, unless_finished=result_set.finished()) as tracked:
        load = partial(RobustnessRows, config, result_set)
        run_map("robustness", result_set, load, config.pool, note=partial(shards_under_way, result_set))
        remove_tree(join(config.output, PROGRESS))
        rows = result_set.read(["fallen_to", "distance"]).to_pandas()
        result = worst_case(rows, labels_of(attacks))
        doubts += doubts_of_falls(rows["fallen_to"], attacks)
        summary = _summary(config, result_set, result, doubts)
        page = robustness_page(
            result, _fallen(result_set, images), doubts, config.model_dump(mode="json"), version("advgen_ray")
        )
        publish(config.output, summary, page, tracked)
        tracked.log_metrics(summary | {f"after/{a['attack']}": a["accuracy_after"] for a in summary["attacks"]})
    for doubt in doubts:
        print(f"warning: {doubt}", flush=True)
    return summary


def prepare(config: EvaluateRobustnessConfig, images: LabelledImages, loaded: LoadedModel) -> ResultSet:
    """Begin or continue the set; raises UserError where another lies in its place."""
    return ResultSet.create(
        config.output,
        kind="robustness",
        config=config.content(),
        inputs={"classifier": loaded.digest, "images": content_digest(images)},
        num_shards=num_shards(config, len(images)),
        image_shape=images.info.image_shape,
    )


def doubts_of_model(uri: str, loaded: LoadedModel, images: LabelledImages, attacks: Sequence[SuiteAttack]) -> list[str]:
    """What makes attacks on the model at ``uri`` weak or meaningless, seen on its first images.

    Raises UserError where an input gradient is not finite and one of ``attacks`` sees gradients.
    """
    indices = range(min(NUM_PROBED, len(images)))
    found = probe(loaded.model, images.tensor(indices), images.targets(indices))
    if found.not_finite > 0 and any(attack.sees_gradients for attack in attacks):
        raise UserError(
            f"{uri}: {found.not_finite:.1%} of the first {len(indices)} images have an input gradient that is not "
            "finite: the square root or logarithm of zero, 0 / 0, or damaged weights; mend the model, or take kind "
            "square alone, which sees no gradients"
        )
    return probe_warnings(found, images.info.num_classes)


def doubts_of_falls(fallen_to: pd.Series, attacks: list[SuiteAttack]) -> list[str]:
    """What the falls of all images together say of masked gradients; the parts of an attack count as one."""
    whole = list({attack_of(attack.name): attack for attack in attacks}.items())
    numbers = {"": STANDING, CLEAN: MISCLASSIFIED} | {name: index for index, (name, _) in enumerate(whole)}
    fallen_by = torch.tensor([numbers[name] for name in fallen_to])
    names = tuple(name for name, _ in whole)
    return suite_warnings(
        SuiteState(names, fallen_by, torch.empty(0), torch.empty(0)),
        [replace(attack, name=name) for name, attack in whole],
    )


def _summary(
    config: EvaluateRobustnessConfig, result_set: ResultSet, result: WorstCase, doubts: list[str]
) -> dict[str, Any]:
    return {
        "output": config.output,
        "report": join(config.output, PAGE),
        "identity": result_set.identity,
        "count": result.clean.count,
        "norm": config.norm,
        "eps": config.eps,
        "clean_accuracy": round(result.clean.value, 6),
        "robust_accuracy": round(result.robust.value, 6),
        "attacks": [
            {**row, "accuracy_after": round(row["accuracy_after"], 6)} for row in result.attacks.to_dict("records")
        ],
        "warnings": doubts,
        "seconds": result_set.seconds,
    }


def _fallen(result_set: ResultSet, images: LabelledImages) -> FallenImages:
    """The first images of the set that fell to an attack; reads no further than the last of them."""
    clean: list[np.ndarray] = []
    adversarial: list[np.ndarray] = []
    names: list[str] = []
    start = 0
    for table in result_set.tables(["label", "predicted", "fallen_to", "x_adv"]):
        fallen_to = table["fallen_to"].to_pylist()
        chosen = [row for row, name in enumerate(fallen_to) if name not in ("", CLEAN)][: NUM_PICTURES - len(clean)]
        taken = table.take(pa.array(chosen, pa.int64()))  # of an empty list pyarrow would know no type
        adversarial += list(column_to_images(taken["x_adv"], images.info.image_shape))
        clean += list(images.tensor([start + row for row in chosen]).numpy())
        for row in taken.select(["label", "predicted", "fallen_to"]).to_pylist():
            label, predicted = (images.info.class_names[row[key]] for key in ("label", "predicted"))
            names.append(f"{label} → {predicted}\n{row['fallen_to']}")
        start += table.num_rows
        if len(clean) == NUM_PICTURES:
            break
    empty = np.zeros((0, *images.info.image_shape), dtype=np.float32)
    return FallenImages(np.stack(clean) if clean else empty, np.stack(adversarial) if clean else empty, names)
