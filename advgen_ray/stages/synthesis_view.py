"""What the page of targeted synthesis shows, out of the stored sets and the images themselves."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import torch

from advgen_ray.analysis.nearness import LOW, low_l2, nearness
from advgen_ray.analysis.synthesis import ReadImages, SampleSet, quality_table
from advgen_ray.config import LogitAscentConfig, SynthesizeConfig
from advgen_ray.data.datasets import LabelledImages
from advgen_ray.report.synthesis_page import Measure, Neighbors, SynthesisResults
from advgen_ray.stages.inputs import load_images, unique_names
from advgen_ray.storage import ResultSet
from advgen_ray.storage.schemas import column_to_images
from advgen_ray.synthesis.neighbors import least_l2, nearest_l2

NUM_SHOWN, NUM_WITH_NEIGHBORS, NUM_NEIGHBORS = 30, 6, 3
NUM_COMPARED = 1000  # samples, and test images, of which the distance to the training images is measured
NUMBERS = [
    "class_asked", "y_target", "start_logit", "logit", "predicted", "judge_start_predicted", "judge_predicted",
    "distance",
]  # fmt: skip
READ = ["features", "feature_logits"]
PICTURED = ["class_asked", "x_start", "x_generated", "features"]


@dataclass(frozen=True)
class SynthesisSets:
    """The finished sets of one job."""

    features: ResultSet
    samples: Mapping[tuple[str, LogitAscentConfig], ResultSet]
    interpolations: ResultSet | None

    def every(self) -> list[ResultSet]:
        """All of them."""
        return [self.features, *self.samples.values(), *([self.interpolations] if self.interpolations else [])]


def results_of(config: SynthesizeConfig, sets: SynthesisSets) -> SynthesisResults:
    """Tables over all rows; pictures of the first ones, nothing chosen."""
    of_images = sets.features.read(["split", *READ])
    real = {
        split: _read_images(of_images.filter(pc.equal(of_images["split"], split)))
        for split in ("train", "test", "start")
    }
    samples = [
        SampleSet(
            model=name,
            ascent=ascent.label,
            rows=one.read(NUMBERS).to_pandas(),
            read=_read_images(one.read(READ)),
            seconds=one.seconds,
        )
        for (name, ascent), one in sets.samples.items()
    ]
    train = load_images(config.data, "train", config.num_reference, "num_reference").first(config.num_reference)
    first = {key: _first(one, NUM_SHOWN, PICTURED) for key, one in sets.samples.items()}
    any_rows = next(iter(first.values()))
    shape = train.info.image_shape
    asked = any_rows["class_asked"].to_pylist()
    of_first_ascent = {name: rows for (name, ascent), rows in first.items() if ascent == config.ascents[0]}
    return SynthesisResults(
        table=quality_table(samples, real["train"], real["test"], real["start"]),
        measure=_measure(config),
        starts=column_to_images(any_rows["x_start"], shape),
        class_names=[train.info.class_names[k] if k >= 0 else "" for k in asked],
        generated={
            ascent.label: {
                name: column_to_images(rows["x_generated"], shape) for (name, of), rows in first.items() if of == ascent
            }
            for ascent in config.ascents
        },
        neighbors={name: _neighbors(rows, train, real["train"]) for name, rows in of_first_ascent.items()},
        real_distances=_of_real_images(config, train),
        interpolations=_interpolations(sets.interpolations) if sets.interpolations else {},
    )


def _measure(config: SynthesizeConfig) -> Measure:
    if config.inception:
        return Measure("", "Inception features")
    name = unique_names((config.feature_classifier,), "feature_classifier", depth=1)[0]
    return Measure("proxy_", f"features of {name}")


def _read_images(table: pa.Table) -> ReadImages:
    def matrix(name: str) -> torch.Tensor:
        values = pc.list_flatten(table[name]).to_numpy()
        return torch.from_numpy(np.array(values).reshape(len(table), -1))

    return ReadImages(matrix("features"), matrix("feature_logits"))


def _first(result_set: ResultSet, count: int, columns: list[str]) -> pa.Table:
    """Some columns of the first rows, out of the first shard alone where it is large enough."""
    parts: list[pa.Table] = []
    for table in result_set.tables(columns):
        parts.append(table.slice(0, count - sum(map(len, parts))))
        if sum(map(len, parts)) == count:
            break
    return pa.concat_tables(parts)


def _neighbors(rows: pa.Table, train: LabelledImages, read: ReadImages) -> Neighbors:
    rows = rows.slice(0, NUM_WITH_NEIGHBORS)
    generated = torch.from_numpy(column_to_images(rows["x_generated"], train.info.image_shape))
    features = torch.from_numpy(np.stack(rows["features"].to_numpy()))
    count = min(NUM_NEIGHBORS, len(train))
    in_pixels, distances = nearest_l2(generated, train.tensor(), count)
    in_features, _ = nearest_l2(features, read.features, count)
    return Neighbors(
        generated=generated.numpy(),
        in_pixels=train.tensor(in_pixels.flatten().numpy()).unflatten(0, in_pixels.shape).numpy(),
        in_features=train.tensor(in_features.flatten().numpy()).unflatten(0, in_features.shape).numpy(),
        distances=distances[:, 0].numpy(),
    )


def _of_real_images(config: SynthesizeConfig, train: LabelledImages) -> np.ndarray:
    """From as many test images to the nearest training image: how near is near."""
    test = load_images(config.data, "test", None, "num_images").first(NUM_WITH_NEIGHBORS)
    return np.asarray(nearest_l2(test.tensor(), train.tensor(), 1)[1][:, 0].numpy())


def nearness_of(config: SynthesizeConfig, sets: SynthesisSets) -> dict[str, Any]:
    """How near the first samples of the first ascent lie to training images, and as many test images, for JSON."""
    train = load_images(config.data, "train", config.num_reference, "num_reference").first(config.num_reference)
    test = load_images(config.data, "test", None, "num_images")
    candidates = train.tensor()
    real = least_l2(test.first(min(NUM_COMPARED, len(test))).tensor(), candidates).numpy()
    rows = []
    for (name, ascent), one in sets.samples.items():
        if ascent == config.ascents[0]:
            images = column_to_images(_first(one, NUM_COMPARED, ["x_generated"])["x_generated"], train.info.image_shape)
            found = nearness(least_l2(torch.from_numpy(images), candidates).numpy(), real, config.seed)
            rows.append({"model": name, "count": len(images)} | {key: round(v, 6) for key, v in found.items()})
    return {"quantile": LOW, "real_count": len(real), "real_low_l2": round(low_l2(real), 6), "models": rows}


def _interpolations(result_set: ResultSet) -> dict[str, np.ndarray]:
    """By model the pictures ``[pairs, points, C, H, W]``."""
    assert result_set.image_shape
    rows = result_set.read(["model", "pair", "x_generated"])
    found = {}
    for name in dict.fromkeys(rows["model"].to_pylist()):
        own = rows.filter(pc.equal(rows["model"], name))
        images = column_to_images(own["x_generated"], result_set.image_shape)
        found[name] = images.reshape(pc.max(own["pair"]).as_py() + 1, -1, *result_set.image_shape)
    return found
