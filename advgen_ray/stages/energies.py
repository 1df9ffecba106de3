"""The stage that scores energies: images, their adversarial versions and counterfactuals under every classifier."""

from functools import partial
from importlib.metadata import version
from typing import Any

import numpy as np

from advgen_ray.analysis.attacked_energies import AttackedEnergies, attacked_energies
from advgen_ray.analysis.estimate import standard_error
from advgen_ray.analysis.inputs import ENERGY_COLUMNS
from advgen_ray.config import AttackConfig, ScoreEnergiesConfig
from advgen_ray.config.attacks import check_classes
from advgen_ray.distributed.actors import Map
from advgen_ray.distributed.energy_rows import EnergyRows
from advgen_ray.distributed.pipelines import run_maps
from advgen_ray.distributed.plans import ImageGroup, energy_groups
from advgen_ray.errors import UserError
from advgen_ray.report.energies_page import energies_page
from advgen_ray.stages.inputs import content_digest, load_classifier, load_images, open_counterfactuals, unique_names
from advgen_ray.stages.marks import is_tracked, mark_once_recorded
from advgen_ray.stages.outcome import PAGE, publish, tracked_job
from advgen_ray.storage import ResultSet
from advgen_ray.storage.filesystem import join
from advgen_ray.tracking import Run

ATTACKED_SPLIT = "test"
GROUP_KEYS = ("view", "attack", "attack_eps", "image_set")


def run(config: ScoreEnergiesConfig) -> dict[str, Any]:
    """Score what is missing of the set at ``config.output``; returns accuracy and mean energy of every group.

    Raises UserError, before work starts, for a missing or foreign classifier or set of counterfactuals, two of the
    same name, too many images, another set in the same place or a place that cannot be written.
    """
    scored = map_of(config)
    result_set = scored.result_set
    found = result_set.finished()
    if found and is_tracked(config.output):
        print(f"energies: {config.output} is complete, nothing to compute", flush=True)
        return _publish(config, result_set)
    with tracked_job("energies", config, unless_finished=found) as tracked:
        run_maps("energies", [scored], config.pool)
        summary = _publish(config, result_set, tracked)
        tracked.log_metrics(_metrics(summary))
        mark_once_recorded(tracked, config.output)
    return summary


def attacks_of(result_set: ResultSet) -> list[dict[str, Any]]:
    """The attacks of a set's config, each with the label under which its rows know it."""
    attacks = [AttackConfig.parse(attack) for attack in result_set.plan["config"]["attacks"]]
    return [{**attack.model_dump(), "label": attack.label} for attack in attacks]


def read_attacked(result_set: ResultSet) -> AttackedEnergies:
    """What a finished set says of its attacks."""
    return attacked_energies(result_set.read(list(ENERGY_COLUMNS)).to_pandas(), attacks_of(result_set))


def _publish(config: ScoreEnergiesConfig, result_set: ResultSet, tracked: Run | None = None) -> dict[str, Any]:
    """The summary, stored beside the set and in the run, with a page where something was attacked."""
    summary, page = _summary(result_set), None
    if config.attacks and ATTACKED_SPLIT in config.splits:
        page = energies_page(read_attacked(result_set), config.model_dump(mode="json"), version("advgen_ray"))
        summary["report"] = join(config.output, PAGE)
    publish(config.output, summary, page, tracked)
    return summary


def map_of(config: ScoreEnergiesConfig) -> Map:
    """The set that ``prepare`` gives, and what makes its rows."""
    result_set, groups = prepare(config)
    return Map(result_set, partial(EnergyRows, config, result_set, groups))


def prepare(config: ScoreEnergiesConfig) -> tuple[ResultSet, list[ImageGroup]]:
    """The set that the config makes, begun or continued, with every input checked, and what each shard reads."""
    if not config.classifiers:
        raise UserError("classifiers=[]: nothing to score with; give model directories with --set classifiers=[...]")
    names = unique_names(config.classifiers, "classifiers", depth=1)
    set_names = unique_names(config.counterfactuals, "counterfactuals", depth=0)
    splits = {split: load_images(config.data, split, config.num_images, "num_images") for split in config.splits}
    if ATTACKED_SPLIT in splits:
        check_classes(config.attacks, splits[ATTACKED_SPLIT].info.num_classes)
    loaded = [load_classifier(uri, config.data) for uri in config.classifiers]
    sets = [open_counterfactuals(uri, config.data) for uri in config.counterfactuals]
    inputs = {
        "classifiers": {name: model.digest for name, model in zip(names, loaded, strict=True)},
        "counterfactuals": {name: s.identity for name, s in zip(set_names, sets, strict=True)},
        "images": {split: content_digest(images, config.num_images) for split, images in splits.items()},
    }
    groups = energy_groups(
        len(names),
        split_images={split: config.num_images or len(images) for split, images in splits.items()},
        attacked_splits=(ATTACKED_SPLIT,) if ATTACKED_SPLIT in splits else (),
        num_attacks=len(config.attacks),
        set_shards={name: s.num_shards for name, s in zip(set_names, sets, strict=True)},
        shard_images=config.shard_images,
    )
    if not groups:
        raise UserError("nothing to score; give splits=[train,test] or counterfactuals=[...]")
    result_set = ResultSet.create(
        config.output, kind="energies", config=config.content(), inputs=inputs, num_shards=len(groups)
    )
    return result_set, groups


def _summary(result_set: ResultSet) -> dict[str, Any]:
    rows = result_set.read(["classifier", *GROUP_KEYS, "correct", "energy_x"]).to_pandas()
    by_group = rows.groupby(["classifier", *GROUP_KEYS], sort=False)
    return {
        "output": result_set.uri,
        "identity": result_set.identity,
        "count": len(rows),
        "groups": [
            {
                "classifier": classifier,
                "view": view,
                "attack": attack,
                "attack_eps": round(float(attack_eps), 6),
                "image_set": image_set,
                "count": len(group),
                "accuracy": round(float(np.mean(group["correct"])), 6),
                "mean_energy_x": round(float(np.mean(group["energy_x"])), 6),
                "mean_energy_x_error": round(standard_error(group["energy_x"]), 6),
            }
            for (classifier, view, attack, attack_eps, image_set), group in by_group
        ],
        "seconds": result_set.seconds,
    }


def _metrics(summary: dict[str, Any]) -> dict[str, float]:
    """Flat names for the tracker: ``eps-0.5/clean/test/accuracy``."""
    metrics = {"count": summary["count"], "seconds": summary["seconds"]}
    for group in summary["groups"]:
        view = f"{group['attack']}-{group['attack_eps']:g}" if group["attack"] else group["view"]
        where = f"{group['classifier']}/{view}/{group['image_set']}"
        metrics |= {f"{where}/{name}": group[name] for name in ("accuracy", "mean_energy_x")}
    return metrics
