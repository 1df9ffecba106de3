"""What the report reads: models' cards, sets of counterfactuals, energies, and whether they belong together."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from advgen_ray.analysis.inputs import COUNTERFACTUAL_COLUMNS, ENERGY_COLUMNS, CounterfactualSet, StudyInputs
from advgen_ray.config import ReportConfig
from advgen_ray.data.datasets import dataset_info
from advgen_ray.errors import UserError
from advgen_ray.report.search_words import KINDS
from advgen_ray.report.study import RunRecord
from advgen_ray.stages.classifier_images import GENERATED, GRADIENTS
from advgen_ray.stages.energies import attacks_of
from advgen_ray.stages.inputs import (
    check_scored,
    open_counterfactuals,
    open_counterfactuals_of_images,
    open_energies,
    set_name,
    unique_names,
)
from advgen_ray.storage import ResultSet
from advgen_ray.storage.filesystem import join, local_copy
from advgen_ray.storage.schemas import column_to_images
from advgen_ray.training.model_directory import read_card

OUTSIDE = "by-"


@dataclass(frozen=True)
class Stored:
    """A study's tables, what is known of the runs that made them, and the sets whose pictures are read later."""

    inputs: StudyInputs
    records: list[RunRecord]
    pictured: list[tuple[ResultSet, CounterfactualSet]]  # the main one first, then those by classifiers


def read_stored(config: ReportConfig) -> Stored:
    """Read everything that ``config`` names.

    Raises:
        UserError: something is not named, missing, unfinished, of another data set, not what the energies were scored
            with, or made of counterfactuals but no chain.
    """
    for key in ("judge", "counterfactuals", "energies"):
        if not getattr(config, key):
            raise UserError(f"{key} is empty; the report needs it: --set {key}=PATH")
    names = unique_names((*config.classifiers, config.judge), "classifiers and judge", depth=1)
    cards = {name: _card(uri) for name, uri in zip(names, (*config.classifiers, config.judge), strict=True)}
    main = open_counterfactuals_of_images(config.counterfactuals, config.data)
    compared = [
        main if uri == main.uri else open_counterfactuals_of_images(uri, config.data) for uri in config.variants
    ]
    held_out = open_counterfactuals(config.held_out, config.data) if config.held_out else None
    energies = open_energies(config.energies)
    _check_belonging(energies, cards, [main, *compared])
    chains = [open_counterfactuals(uri, config.data) for uri in config.chains]
    sets = {one.uri: _rows(one, cards) for one in _distinct([main, *compared, held_out, *chains])}
    rows = energies.read(list(ENERGY_COLUMNS)).to_pandas()
    inputs = StudyInputs(
        data_name=config.data.name,
        class_names=dataset_info(config.data.name, config.data.root).class_names,
        energies=rows[rows["classifier"].isin(names)],
        judge=names[-1],
        main=sets[main.uri],
        variants=tuple(sets[one.uri] for one in compared),
        held_out=sets[held_out.uri] if held_out else None,
        judge_logits=_judge_logits(energies, names[-1]),
        chains=tuple(_chained(sets[one.uri], one, {c.identity: sets[c.uri].label for c in compared}) for one in chains),
        attacks=tuple(attacks_of(energies)),
    )
    records = [_model_record("judge" if name == names[-1] else "classifier", name, cards[name]) for name in names]
    if config.score_model:
        name = unique_names((config.score_model,), "score_model", depth=1)[0]
        records.append(_model_record("score model", name, _card(config.score_model)))
    records += [_set_record("counterfactuals", one) for one in _distinct([main, *compared, held_out, *chains])]
    by_classifiers = [one for one in compared if "classifier" in one.plan["inputs"]]
    pictured = [(one, sets[one.uri]) for one in (main, *by_classifiers)]
    return Stored(inputs, [*records, _set_record("energies", energies), *_view_records(config)], pictured)


def pictures(result_set: ResultSet, item_ids: Iterable[str]) -> np.ndarray:
    """The pictures ``[N, C, H, W]`` of some rows, in the order asked; reads no further than the last of them."""
    wanted = list(item_ids)
    missing = set(wanted)
    found: dict[str, np.ndarray] = {}
    shape = result_set.image_shape
    assert shape is not None, f"{result_set.uri} holds counterfactuals and hence pictures"
    for table in result_set.tables(["item_id", "x_ce"]):
        here = [row for row, item_id in enumerate(table["item_id"].to_pylist()) if item_id in missing]
        if not here:
            continue
        chosen = table.take(here)
        images = column_to_images(chosen["x_ce"], shape)
        found |= dict(zip(chosen["item_id"].to_pylist(), images, strict=True))
        missing -= found.keys()
        if not missing:
            break
    return np.stack([found[item_id] for item_id in wanted])


def _judge_logits(energies: ResultSet, judge: str) -> pd.DataFrame:
    """Of clean images and counterfactuals; one shard in memory at a time."""
    meant = (pc.field("classifier") == judge) & (pc.field("view") != "attacked")
    columns = ["classifier", "view", "image_set", "image_id", "label", "logits"]
    parts = [table.filter(meant).drop_columns(["classifier", "view"]) for table in energies.tables(columns)]
    found: pd.DataFrame = pa.concat_tables(parts).to_pandas()
    return found


def _card(uri: str) -> dict[str, Any]:
    return read_card(local_copy(uri))


def _check_belonging(energies: ResultSet, cards: dict[str, dict[str, Any]], sets: list[ResultSet]) -> None:
    """The models and sets named must be the very ones that the energies were scored with."""
    for name, card in cards.items():
        check_scored(energies, "classifiers", name, card["weights_sha256"])
    for one in sets:
        check_scored(energies, "counterfactuals", set_name(one), one.identity)


def _rows(result_set: ResultSet, cards: dict[str, dict[str, Any]]) -> CounterfactualSet:
    rows: pd.DataFrame = result_set.read(list(COUNTERFACTUAL_COLUMNS)).to_pandas()
    asked = result_set.plan["config"]
    return CounterfactualSet(
        set_name(result_set), _made_by(result_set, cards), rows, asked["num_sources"], asked["replicates"]
    )


def _made_by(result_set: ResultSet, cards: dict[str, dict[str, Any]]) -> str:
    """What a reader calls its way of making them: the neighborhood of a diffusion, or the classifier that made them."""
    config = result_set.plan["config"]
    if "neighborhood" in config:
        return KINDS[config["neighborhood"]["kind"]]
    maker = result_set.plan["inputs"]["classifier"]
    elsewhere = set_name(result_set).removeprefix(OUTSIDE)  # trained outside the study: called as its set is
    name = next((name for name, card in cards.items() if card["weights_sha256"] == maker), elsewhere)
    return f"classifier {name}" if config["method"]["kind"] == "ascent" else f"DVCE of {name}"


def _chained(chain: CounterfactualSet, result_set: ResultSet, makers: dict[str, str]) -> CounterfactualSet:
    """A chain is called after what made its sources, known by the identity of their set."""
    maker = makers.get(result_set.plan["inputs"].get("sources", ""), "another set")
    return CounterfactualSet(chain.name, f"of those by {maker}", chain.rows)


def _distinct(sets: list[ResultSet | None]) -> list[ResultSet]:
    return list({one.uri: one for one in sets if one is not None}.values())


def _model_record(stage: str, name: str, card: dict[str, Any]) -> RunRecord:
    return RunRecord(
        stage,
        name,
        config=card.get("training", {}),
        config_digest=str(card.get("config_digest", "")),
        digest=str(card["weights_sha256"]),
        seconds=float(card.get("seconds", float("nan"))),
        versions=card.get("versions", {}),
        history=card.get("history", []),
    )


def _view_records(config: ReportConfig) -> list[RunRecord]:
    """What the energy view stored."""
    images = [join(config.images, name) for name in (GENERATED, GRADIENTS)] if config.images else []
    records = (
        [_model_record("classifier", "recorded", _card(join(config.recorded, "model")))] if config.recorded else []
    )
    return records + [
        _set_record("energy view", ResultSet.open(uri)) for uri in (config.attacked, config.detectors, *images) if uri
    ]


def _set_record(stage: str, result_set: ResultSet) -> RunRecord:
    manifest = result_set.manifest
    return RunRecord(
        stage,
        set_name(result_set),
        config=manifest["config"],
        config_digest=str(result_set.shard(0, ["config_digest"])["config_digest"][0].as_py()),
        digest=result_set.identity,
        seconds=result_set.seconds,
        versions=manifest["versions"],
    )
