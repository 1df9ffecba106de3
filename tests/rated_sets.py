"""Small sets of counterfactuals stored without a model, and raters who answer by a rule."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from advgen_ray.config import MakeRatingPageConfig
from advgen_ray.data import datasets
from advgen_ray.stages.rating_plan import RatingPlan
from advgen_ray.storage import ResultSet
from advgen_ray.storage.schemas import COUNTERFACTUALS, images_to_column

Trial = dict[str, Any]


def store_counterfactuals(
    uri: Path, name: str, num_sources: int = 6, relabel: Callable[[int], int] | None = None, **inputs: str
) -> ResultSet:
    """One counterfactual of each class for the first training digits: mostly a scan of that class.

    ``name`` makes sets differ; ``relabel`` changes the targets that are stored, ``inputs`` what the set is said to be
    made of, and nothing else.
    """
    images = datasets.load("digits", "", "train")
    example = {target: int(np.flatnonzero(images.labels == target)[len(name)]) for target in range(10)}
    rows, pictures = [], []
    for source in range(num_sources):
        for target in range(10):
            source_id = images.item_ids([source])[0]
            pair = images.tensor([source, example[target]]).numpy()
            pictures.append(0.2 * pair[0] + 0.8 * pair[1])
            rows.append(
                {
                    "item_id": f"{source_id}/{target}/0",
                    "source_id": source_id,
                    "source_index": source,
                    "source_label": int(images.labels[source]),
                    "y_target": relabel(target) if relabel else target,
                    "replicate": 0,
                    "l2": 1.0,
                    "l1": 1.0,
                    "linf": 0.5,
                    "l0": 0.5,
                    "seed": 0,
                    "model_digest": "f" * 64,
                    "config_digest": "0" * 16,
                }
            )
    columns = {key: pa.array([row[key] for row in rows], COUNTERFACTUALS.field(key).type) for key in rows[0]}
    columns["x_ce"] = images_to_column(np.stack(pictures))
    result_set = ResultSet.create(
        str(uri),
        kind="counterfactuals",
        config={"data": {"name": "digits"}, "split": "train", "name": name},
        inputs=inputs,
        num_shards=1,
        image_shape=(1, 8, 8),
    )
    result_set.write_shard(0, pa.table({key: columns[key] for key in COUNTERFACTUALS.names}, schema=COUNTERFACTUALS))
    result_set.commit(seconds=0.0)
    return result_set


def page_config(output: Path, *sets: ResultSet, **changes: Any) -> MakeRatingPageConfig:
    """Twenty pairs, four of them twice, five clean images."""
    values: dict[str, Any] = {
        "counterfactuals": tuple(one.uri for one in sets),
        "num_pairs": 20,
        "repeat_share": 0.2,
        "catch_share": 0.25,
        "output": str(output),
    }
    return MakeRatingPageConfig(**(values | changes))


def aimed_at(trial: Trial) -> int:
    """A rater who always sees the target."""
    return int(trial["y_target"])


def answers_of(
    plan: RatingPlan, rater: str, see: Callable[[Trial], int] = aimed_at, plausible: Callable[[Trial], bool] = bool
) -> dict[str, Any]:
    """What the page would save for a rater who sees and finds plausible by these rules."""
    answers = [
        {"trial": int(one["trial"]), "pair": one["pair"], "seen": int(see(one)), "plausible": bool(plausible(one)),
         "milliseconds": 1000 + len(rater) + int(one["trial"])}
        for one in plan.trials.to_dict("records")
    ]  # fmt: skip
    return {"page": plan.page_id, "rater": rater, "answers": answers}


def save_answers(folder: Path, said: dict[str, Any], name: str = "") -> Path:
    """A file of answers, as a rater would send it."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{name or said['rater']}.json"
    file.write_text(json.dumps(said))
    return file
