"""The stage that makes images from classifiers and reads their input gradients: checks, Ray Data map, page."""

import json
from collections.abc import Iterable
from functools import partial
from importlib.metadata import version
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import torch

from advgen_ray.analysis.classifier_images import generated_table, gradient_table
from advgen_ray.analysis.proportion import Proportion
from advgen_ray.config.classifier_images import GenerateFromClassifierConfig
from advgen_ray.data.datasets import LabelledImages
from advgen_ray.distributed.actors import Map
from advgen_ray.distributed.classifier_image_rows import ClassifierImageRows, InputGradientRows, shards_of
from advgen_ray.distributed.pipelines import run_maps
from advgen_ray.energy.input_gradients import to_picture
from advgen_ray.errors import UserError
from advgen_ray.report.classifier_images_page import ClassifierImages, Neighbors, classifier_images_page
from advgen_ray.report.page import Page
from advgen_ray.stages.detector_inputs import missing_class
from advgen_ray.stages.inputs import content_digest, load_classifier, load_images, unique_names
from advgen_ray.stages.outcome import PAGE, publish, rounded, tracked_job
from advgen_ray.storage import ResultSet
from advgen_ray.storage.filesystem import join, read_bytes, write_atomic
from advgen_ray.storage.schemas import column_to_images

NUM_CLASSES_SHOWN, NUM_SHOWN = 10, 10  # rows of a grid, and pictures in each
NUMBERS = [
    "classifier", "classifier_eps", "y_target", "predicted", "start_energy_x", "start_energy_xy", "energy_x",
    "energy_xy", "energy_path", "judge_start_predicted", "judge_predicted", "start_ssim", "neighbor_labels",
    "neighbor_ssim",
]  # fmt: skip
GRADIENT_NUMBERS = ["classifier", "classifier_eps", "label", "predicted", "gradient_norm", "alignment", "sparsity"]
CONFIG = "config.json"
GENERATED, GRADIENTS = "generated", "gradients"


def run(config: GenerateFromClassifierConfig) -> dict[str, Any]:
    """Make what is missing of the sets under ``config.output``; returns what was recognized, energies and gradients.

    Raises UserError, before work starts, for a missing or foreign classifier or judge, a judge that generates, too many
    images, another set in the same place or a place that cannot be written.
    """
    maps = maps_of(config)
    found = all(one.result_set.finished() for one in maps)
    with tracked_job("classifier images", config, unless_finished=found) as tracked:
        run_maps("classifier images", maps, config.pool)
        generated, gradients = (one.result_set for one in maps)
        results = _results(config, generated, gradients)
        summary = _summary(config, results, generated, gradients)
        write_atomic(join(config.output, CONFIG), config.model_dump_json(indent=1).encode())
        publish(config.output, summary, _page(config, results), tracked)
        tracked.log_metrics(
            {
                f"{row['classifier']}/{key}": value
                for part in ("generated", "gradients")
                for row in summary[part]
                for key, value in row.items()
            }
        )
    return summary


def read_page(uri: str) -> Page:
    """The page of a finished job, from what is stored and the test images; raises UserError where there is none."""
    generated, gradients = (ResultSet.open(join(uri, name)) for name in (GENERATED, GRADIENTS))
    config = GenerateFromClassifierConfig.parse(json.loads(read_bytes(join(uri, CONFIG))))
    return _page(config, _results(config, generated, gradients))


def maps_of(config: GenerateFromClassifierConfig) -> tuple[Map, Map]:
    """Generated images and input gradients: the two sets, begun or continued, with every input checked."""
    names = unique_names(config.classifiers, "classifiers", depth=1)
    if unknown := [name for name in config.generators if name not in names]:
        raise UserError(f"generators: {unknown[0]!r} is none of the classifiers, which are called {', '.join(names)}")
    test = load_images(config.data, "test", config.num_gradient_images, "num_gradient_images")
    load_images(config.data, "test", config.num_test_images, "num_test_images")
    train = load_images(config.data, "train", None, "num_images")
    candidates = test.first(config.num_test_images)
    if config.num_neighbors > len(candidates):
        raise UserError(f"num_neighbors={config.num_neighbors}: there are {len(candidates)} test images to choose from")
    if (lacking := missing_class(train)) is not None:
        raise UserError(
            f"the train split of {train.name} has no image of class {lacking!r}, so none can be started from"
        )
    digests = {
        name: load_classifier(uri, config.data).digest for name, uri in zip(names, config.classifiers, strict=True)
    }
    generators = list(config.generators) or names
    judge = load_classifier(config.judge, config.data).digest if config.judge else ""
    if same := [name for name in generators if digests[name] == judge]:
        raise UserError(f"judge {config.judge}: the same model as generator {same[0]!r}; give one that took no part")
    uris = dict(zip(names, config.classifiers, strict=True))
    num_generated = config.images_per_class * train.info.num_classes
    of_generators = shards_of(generators, num_generated, config.shard_images)
    of_all = shards_of(names, config.num_gradient_images, config.shard_images)
    generated = _create(config, GENERATED, "classifier_images", len(of_generators), train, {
        "classifiers": {name: digests[name] for name in generators}, "judge": judge,
        "train": content_digest(train), "test": content_digest(candidates),
    })  # fmt: skip
    gradients = _create(config, GRADIENTS, "input_gradients", len(of_all), train, {
        "classifiers": digests, "train": content_digest(train),
        "test": content_digest(test, config.num_gradient_images), "alignment": "with the ways to other classes",
    })  # fmt: skip
    return (
        Map(generated, partial(ClassifierImageRows, config, uris, generated, of_generators)),
        Map(gradients, partial(InputGradientRows, config, uris, gradients, of_all)),
    )


def _create(
    config: GenerateFromClassifierConfig,
    name: str,
    kind: str,
    num_shards: int,
    images: LabelledImages,
    inputs: dict[str, Any],
) -> ResultSet:
    return ResultSet.create(
        join(config.output, name),
        kind=kind,
        config=config.content(),
        inputs=inputs,
        num_shards=num_shards,
        image_shape=images.info.image_shape,
    )


def _page(config: GenerateFromClassifierConfig, results: ClassifierImages) -> Page:
    return classifier_images_page(results, config.model_dump(mode="json"), version("advgen_ray"))


def _results(config: GenerateFromClassifierConfig, generated: ResultSet, gradients: ResultSet) -> ClassifierImages:
    """Tables over all rows; pictures of the first ones."""
    test = load_images(config.data, "test", None, "num_images")
    rows = generated.read(NUMBERS).to_pandas()
    shown = _shown(generated, [("replicate", NUM_SHOWN), ("y_target", NUM_CLASSES_SHOWN)])
    by_classifier = {str(name): one for name, one in shown.groupby("classifier", sort=False)}
    of_gradients = _shown(gradients, [("label", NUM_CLASSES_SHOWN)]).drop_duplicates(["classifier", "label"])
    of_gradients = of_gradients.sort_values("label", kind="stable")
    inputs = of_gradients.drop_duplicates("label")
    return ClassifierImages(
        generated_table=generated_table(rows),
        gradient_table=gradient_table(gradients.read(GRADIENT_NUMBERS).to_pandas()),
        starts=_by_class(next(iter(by_classifier.values())), "x_start", test),
        generated={name: _by_class(one, "x_generated", test) for name, one in by_classifier.items()},
        neighbors={name: _neighbors(one, test) for name, one in by_classifier.items()},
        energy_paths={
            str(name): np.stack(list(one["energy_path"])).T for name, one in rows.groupby("classifier", sort=False)
        },
        inputs=_of_ids(inputs["image_id"], test),
        input_names=[test.info.class_names[label] for label in inputs["label"]],
        gradients={
            name: to_picture(
                torch.from_numpy(_pictures(of_gradients[of_gradients["classifier"] == name]["gradient"], test))
            ).numpy()
            for name in gradients.plan["inputs"]["classifiers"]
        },
    )


def _shown(result_set: ResultSet, limits: list[tuple[str, int]]) -> pd.DataFrame:
    """The rows whose columns are below the limits, pictures and all; one shard in memory at a time."""
    parts = []
    for table in result_set.tables():
        for column, limit in limits:
            table = table.filter(pc.less(table[column], limit))
        parts.append(table)
    shown: pd.DataFrame = pa.concat_tables(parts).to_pandas()
    return shown


def _by_class(rows: pd.DataFrame, column: str, test: LabelledImages) -> dict[str, np.ndarray]:
    return {
        test.info.class_names[int(str(label))]: _pictures(one[column], test)
        for label, one in rows.groupby("y_target", sort=True)
    }


def _neighbors(rows: pd.DataFrame, test: LabelledImages) -> Neighbors:
    """Of the first image of each class."""
    first = rows[rows["replicate"] == 0]
    return Neighbors(
        generated=_pictures(first["x_generated"], test),
        nearest=np.stack([_of_ids(ids, test) for ids in first["neighbor_ids"]]),
        similarity=np.stack(list(first["neighbor_ssim"])),
    )


def _pictures(column: pd.Series, test: LabelledImages) -> np.ndarray:
    return column_to_images(pa.array(column, pa.binary()), test.info.image_shape)


def _of_ids(image_ids: Iterable[str], test: LabelledImages) -> np.ndarray:
    places = {image_id: index for index, image_id in enumerate(test.item_ids(range(len(test))))}
    return test.tensor([places[image_id] for image_id in image_ids]).numpy()


def _summary(
    config: GenerateFromClassifierConfig, results: ClassifierImages, generated: ResultSet, gradients: ResultSet
) -> dict[str, Any]:
    return {
        "output": config.output,
        "report": join(config.output, PAGE),
        "identities": {"generated": generated.identity, "gradients": gradients.identity},
        "generated": [_plain(row) for row in results.generated_table.to_dict("records")],
        "gradients": [_plain(row) for row in results.gradient_table.to_dict("records")],
        "seconds": round(generated.seconds + gradients.seconds, 3),
    }


def _plain(row: dict[Any, Any]) -> dict[str, Any]:
    """A row of a table for YAML and JSON: proportions as fractions, none where there is no sample."""
    values = {key: value.value if isinstance(value, Proportion) else value for key, value in row.items()}
    return {key: rounded(value) if isinstance(value, float) else value for key, value in values.items()}
