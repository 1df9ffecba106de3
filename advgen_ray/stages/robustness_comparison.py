"""The stage that compares classifiers by test radius: robust evaluations in one pool, the worst case, page."""

from collections.abc import Sequence
from functools import partial
from importlib.metadata import version
from typing import Any

import pandas as pd

from advgen_ray.analysis.robustness_by_radius import WORST, accuracies, ahead_from, differences, standing
from advgen_ray.config.attacks import check_classes
from advgen_ray.config.robustness_comparison import CompareRobustnessConfig, Evaluation
from advgen_ray.data.datasets import LabelledImages
from advgen_ray.distributed.actors import Map
from advgen_ray.distributed.pipelines import run_maps
from advgen_ray.distributed.robustness_rows import PROGRESS, RobustnessRows, suite_of
from advgen_ray.report.page import Page
from advgen_ray.report.robustness_comparison_page import Compared, robustness_comparison_page
from advgen_ray.stages.inputs import load_classifier, load_images
from advgen_ray.stages.outcome import PAGE, publish, tracked_job
from advgen_ray.stages.ownership import take_output
from advgen_ray.stages.robustness import doubts_of_falls, doubts_of_model, prepare
from advgen_ray.storage import ResultSet
from advgen_ray.storage.filesystem import join, remove_tree
from advgen_ray.training.model_directory import LoadedModel, training_eps

PLAN = "comparison.json"


def run(config: CompareRobustnessConfig) -> dict[str, Any]:
    """Evaluate what is missing under ``config.output``; returns accuracies, differences and from where on one is ahead.

    Raises UserError, before work starts, for a missing or foreign classifier, too many images, another comparison in
    the same place or a place that cannot be written.
    """
    return run_with_page(config)[0]


def run_with_page(config: CompareRobustnessConfig) -> tuple[dict[str, Any], Page]:
    """The same, and the page it has written."""
    images, loaded = _inputs(config)
    evaluations = list(config.evaluations())
    attacks = [attack for one in evaluations for attack in suite_of(one.config, images.info.num_classes)]
    doubts = [
        f"{name}: {line}"
        for name, one in loaded.items()
        for line in doubts_of_model(config.classifiers[name], one, images, attacks)
    ]
    maps = _maps(config, images, loaded)
    sets = [one.result_set for one in maps]
    with tracked_job("robustness comparison", config, unless_finished=all(one.finished() for one in sets)) as tracked:
        run_maps("robustness comparison", maps, config.pool)
        for made in sets:
            remove_tree(join(made.uri, PROGRESS))
        rows = _rows(evaluations, sets)
        doubts += _doubts_of_falls(evaluations, rows, images)
        stands = standing(rows)
        table, apart = accuracies(stands), differences(stands, config.compared_with)
        facts = {name: describe(one) for name, one in loaded.items()}
        compared = Compared(table, apart, config.compared_with, facts)
        summary = _summary(config, sets, compared, doubts)
        page = robustness_comparison_page(compared, doubts, config.model_dump(mode="json"), version("advgen_ray"))
        publish(config.output, summary, page, tracked)
        tracked.log_metrics(_metrics(table))
    for doubt in doubts:
        print(f"warning: {doubt}", flush=True)
    return summary, page


def describe(loaded: LoadedModel) -> dict[str, Any]:
    """What a classifier is: its ``parameters``, and ``training_eps``, where its card says in which radius it was."""
    num_parameters = sum(one.numel() for one in loaded.model.parameters())
    return {"parameters": num_parameters, "training_eps": training_eps(loaded.card)}


def maps_of(config: CompareRobustnessConfig) -> list[Map]:
    """The set of every evaluation, begun or continued, with every input checked, and what makes its rows."""
    return _maps(config, *_inputs(config))


def _inputs(config: CompareRobustnessConfig) -> tuple[LabelledImages, dict[str, LoadedModel]]:
    images = load_images(config.data, config.split, config.num_images, "num_images").first(config.num_images)
    for suite in config.suites:
        check_classes(suite.attacks, images.info.num_classes, f"suites: {suite.name}")
    loaded = {name: load_classifier(uri, config.data) for name, uri in config.classifiers.items()}
    return images, loaded


def _maps(config: CompareRobustnessConfig, images: LabelledImages, loaded: dict[str, LoadedModel]) -> list[Map]:
    take_output(
        config, config.output, PLAN, "robustness_comparison", {name: one.digest for name, one in loaded.items()}
    )
    maps = []
    for one in config.evaluations():
        made = prepare(one.config, images, loaded[one.classifier])
        maps.append(Map(made, partial(RobustnessRows, one.config, made)))
    return maps


def _rows(evaluations: Sequence[Evaluation], sets: Sequence[ResultSet]) -> pd.DataFrame:
    return pd.concat(
        [
            made.read(["item_id", "fallen_to"])
            .to_pandas()
            .assign(classifier=one.classifier, suite=one.suite, eps=one.eps)
            for one, made in zip(evaluations, sets, strict=True)
        ],
        ignore_index=True,
    )


def _doubts_of_falls(evaluations: Sequence[Evaluation], rows: pd.DataFrame, images: LabelledImages) -> list[str]:
    """Signs of masked gradients in any of the evaluations, and whose they are."""
    found = []
    of = rows.groupby(["classifier", "suite", "eps"], sort=False)["fallen_to"]
    for one in evaluations:
        attacks = suite_of(one.config, images.info.num_classes)
        fallen_to = of.get_group((one.classifier, one.suite, one.eps))
        found += [f"{one.classifier} at {one.eps:g}: {line}" for line in doubts_of_falls(fallen_to, attacks)]
    return found


def _summary(
    config: CompareRobustnessConfig, sets: Sequence[ResultSet], compared: Compared, doubts: list[str]
) -> dict[str, Any]:
    others = [name for name in config.classifiers if name != config.compared_with]
    return {
        "output": config.output,
        "report": join(config.output, PAGE),
        "count": int(compared.accuracies["count"].iloc[0]),
        "norm": config.norm,
        "reference": config.compared_with,
        "ahead_from": {name: ahead_from(compared.differences, name) for name in others},
        "classifiers": [{"classifier": name, **facts} for name, facts in compared.classifiers.items()],
        "accuracies": _told(compared.accuracies),
        "differences": _told(compared.differences),
        "warnings": doubts,
        "seconds": round(sum(made.seconds for made in sets), 3),
    }


def _told(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows of a table; the radius is a word too, by which a search finds its row."""
    rows: list[dict[str, Any]] = table.round(6).to_dict("records")  # type: ignore[assignment]
    return [{**row, "at": f"eps {row['eps']:g}"} for row in rows]


def _metrics(table: pd.DataFrame) -> dict[str, float]:
    worst = table[table["suite"] == WORST]
    return {f"{row['classifier']}/eps-{row['eps']:g}": float(row["accuracy"]) for _, row in worst.iterrows()}
