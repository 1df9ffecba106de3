"""The trials of a rating page, found again from its config and result sets: the truth that the page does not hold."""

import hashlib
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from advgen_ray.analysis.rating_plan import CATCH, COUNTERFACTUAL, order_trials, sample_evenly
from advgen_ray.config import MakeRatingPageConfig
from advgen_ray.data.datasets import LabelledImages
from advgen_ray.errors import UserError
from advgen_ray.stages.inputs import content_digest, load_images, open_counterfactuals_of_images, unique_names
from advgen_ray.stages.report_inputs import pictures
from advgen_ray.storage import ResultSet
from advgen_ray.storage.descriptions import identity_of

COLUMNS = ["item_id", "source_id", "source_index", "source_label", "y_target"]
KIND = "rating_page"


@dataclass(frozen=True)
class RatingPlan:
    """What a page shows and what is true of it.

    ``trials``: one row a trial in the order of the page: trial, pair (the name the page has for it), kind, repeat,
    set, item_id, source_id, source_index, source_label, y_target, key. A clean image is its own target.
    """

    description: dict[str, Any]  # identity, kind, config, inputs
    trials: pd.DataFrame
    class_names: tuple[str, ...]
    sets: dict[str, ResultSet]
    splits: dict[str, LabelledImages]  # by set: the images its source_index points into

    @property
    def page_id(self) -> str:
        """Sixteen hex digits by which answers name their page; neither the plan nor its truth can be told from them."""
        return _digest("page", self.description["identity"])


def plan_of(config: MakeRatingPageConfig) -> RatingPlan:
    """The plan that the config makes, the same each time.

    Raises UserError for a missing, unfinished or foreign set, one made of counterfactuals, one given twice, or fewer
    counterfactuals than asked for.
    """
    names = unique_names(config.counterfactuals, "counterfactuals", depth=0)
    opened = [open_counterfactuals_of_images(uri, config.data) for uri in config.counterfactuals]
    sets = dict(zip(names, opened, strict=True))
    if len({one.identity for one in opened}) < len(opened):
        raise UserError(f"counterfactuals: one set is there twice in {list(config.counterfactuals)}; give it once")
    by_split = {split: load_images(config.data, split, None, "") for split in {_split(one) for one in opened}}
    inputs = {
        "counterfactuals": [one.identity for one in opened],
        "images": {split: content_digest(images) for split, images in sorted(by_split.items())},
    }
    identity = identity_of(KIND, config.content(), inputs)
    trials = _trials(config, sets)
    trials["pair"] = [_digest(identity, *inputs["counterfactuals"], key)[:12] for key in trials["key"]]
    return RatingPlan(
        description={"identity": identity, "kind": KIND, "config": config.content(), "inputs": inputs},
        trials=trials,
        class_names=next(iter(by_split.values())).info.class_names,
        sets=sets,
        splits={name: by_split[_split(one)] for name, one in sets.items()},
    )


def pair_images(plan: RatingPlan, pairs: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Original and changed image of some rows of the plan, each ``[N, C, H, W]`` float32 in [0, 1]."""
    shape = (len(pairs), *next(iter(plan.splits.values())).info.image_shape)
    original, changed = np.empty(shape, np.float32), np.empty(shape, np.float32)
    for name, result_set in plan.sets.items():
        here = (pairs["set"] == name).to_numpy()
        original[here] = plan.splits[name].tensor(pairs.loc[here, "source_index"].to_numpy()).numpy()
        made = here & (pairs["kind"] == COUNTERFACTUAL).to_numpy()
        changed[here] = original[here]
        if made.any():
            changed[made] = pictures(result_set, pairs.loc[made, "item_id"])
    return original, changed


def _trials(config: MakeRatingPageConfig, sets: dict[str, ResultSet]) -> pd.DataFrame:
    tables = [
        one.read(COLUMNS).to_pandas().assign(set=name, key=lambda rows, one=one: f"{one.identity}/" + rows["item_id"])
        for name, one in sets.items()
    ]
    rows = pd.concat(tables, ignore_index=True)
    if config.num_pairs > len(rows):
        raise UserError(f"num_pairs={config.num_pairs}: the sets have {len(rows)} counterfactuals together; lower it")
    sources = rows.drop_duplicates("source_id").assign(key=lambda rows: "clean/" + rows["source_id"])
    sources = sources.assign(item_id=sources["source_id"], y_target=sources["source_label"])
    num_catches = round(config.catch_share * config.num_pairs)
    if num_catches > len(sources):
        raise UserError(
            f"catch_share={config.catch_share}: {num_catches} clean images of {len(sources)} sources; lower it"
        )
    pairs = sample_evenly(rows, ["y_target", "set"], config.num_pairs, config.seed, "rating pair")
    if (pairs["y_target"] == pairs["source_label"]).all():
        raise UserError(
            f"num_pairs={config.num_pairs}: no counterfactual drawn is of another class than its source; raise it"
        )
    catches = sample_evenly(sources, ["source_label"], num_catches, config.seed, "rating catch")
    shown = pd.concat([pairs.assign(kind=COUNTERFACTUAL), catches.assign(kind=CATCH)], ignore_index=True)
    return order_trials(shown, round(config.repeat_share * config.num_pairs), config.seed)


def _split(result_set: ResultSet) -> Any:
    return result_set.plan["config"]["split"]


def _digest(*words: str) -> str:
    return hashlib.sha256("/".join(words).encode()).hexdigest()[:16]
