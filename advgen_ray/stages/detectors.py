"""The stage that compares detectors: checks, Ray Data map, fits and thresholds on stored numbers, page."""

import json
from functools import partial
from importlib.metadata import version
from typing import Any

import pandas as pd

from advgen_ray.analysis.detector_scores import compare, detector_inputs, names_of, only_fooled
from advgen_ray.config import AttackConfig
from advgen_ray.config.attacks import check_classes
from advgen_ray.config.detectors import CompareDetectorsConfig
from advgen_ray.data.subsets import reference_images
from advgen_ray.distributed.actors import Map
from advgen_ray.distributed.detector_comparison_rows import DetectionRows, detection_groups
from advgen_ray.distributed.pipelines import run_maps
from advgen_ray.report.detectors_page import DetectorResults, detectors_page
from advgen_ray.report.page import Page
from advgen_ray.stages.detector_inputs import check_fit
from advgen_ray.stages.inputs import content_digest, load_classifier, load_images
from advgen_ray.stages.outcome import PAGE, publish, rounded, tracked_job
from advgen_ray.storage import ResultSet
from advgen_ray.storage.filesystem import join, read_bytes, write_atomic

COLUMNS = [
    "image_id", "half", "view", "attack", "attack_eps", "correct", "energy_x", "energy_xy", "kd_bu", "bandwidth", "lid",
]  # fmt: skip
RATES = ("detection_rate", "false_positive_rate", "noisy_positive_rate", "auroc")
CONFIG = "config.json"


def run(config: CompareDetectorsConfig) -> dict[str, Any]:
    """Read what is missing of the set at ``config.output``, fit and measure; returns the rates of every detector.

    Raises UserError, before work starts, for a missing or foreign classifier, too many images, layers that the model
    lacks, a reference without some class, another set in the same place or a place that cannot be written.
    """
    read = map_of(config)
    result_set = read.result_set
    with tracked_job("detectors", config, unless_finished=result_set.finished()) as tracked:
        run_maps("detectors", [read], config.pool)
        results = _results(config, result_set)
        summary = _summary(config, result_set, results)
        write_atomic(join(config.output, CONFIG), config.model_dump_json(indent=1).encode())
        publish(config.output, summary, _page(config, results), tracked)
        tracked.log_metrics(
            {f"{row['detector']}/{row['attack']}/{key}": row[key] for row in summary["detectors"] for key in RATES}
        )
    for warning in results.warnings:
        print(f"warning: {warning}", flush=True)
    return summary


def read_page(uri: str) -> Page:
    """The page of a finished comparison, from what is stored; raises UserError where there is none."""
    result_set = ResultSet.open(uri)
    config = CompareDetectorsConfig.parse(json.loads(read_bytes(join(uri, CONFIG))))
    return _page(config, _results(config, result_set))


def map_of(config: CompareDetectorsConfig) -> Map:
    """The set that ``prepare`` gives, and what makes its rows."""
    result_set = prepare(config)
    return Map(result_set, partial(DetectionRows, config, result_set))


def prepare(config: CompareDetectorsConfig) -> ResultSet:
    """The set that the config makes, begun or continued, with every input checked."""
    images = load_images(config.data, "test", config.num_images, "num_images").first(config.num_images)
    check_classes(config.attacks, images.info.num_classes)
    train = load_images(config.data, "train", config.num_reference, "num_reference")
    loaded = load_classifier(config.classifier, config.data)
    reference = reference_images(train, config.num_reference)
    check_fit(config.detectors, config.layers, (config.classifier, loaded.model), reference)
    return ResultSet.create(
        config.output,
        kind="detections",
        config=config.content(),
        inputs={
            "classifier": loaded.digest,
            "images": content_digest(images),
            "reference": content_digest(reference),
        },
        num_shards=len(detection_groups(len(images), len(config.attacks), config.shard_images)),
    )


def _page(config: CompareDetectorsConfig, results: DetectorResults) -> Page:
    return detectors_page(results, config.model_dump(mode="json"), version("advgen_ray"))


def _results(config: CompareDetectorsConfig, result_set: ResultSet) -> DetectorResults:
    rows = result_set.read(COLUMNS).to_pandas()
    dropout = len(rows["kd_bu"].iloc[0]) > 1  # else there is no uncertainty beside the density
    names = attack_names(config.attacks)
    inputs = detector_inputs(rows, names)
    detectors = names_of(config.detectors, dropout)
    everything = compare(inputs, detectors)
    first = next(iter(names.values()))
    return DetectorResults(
        inputs=inputs,
        everything=everything,
        fooled=compare(only_fooled(inputs), detectors),
        unprepared=compare(inputs, detectors, fitted_on=first) if len(names) > 1 else None,
        warnings=_warnings(config, rows, everything.table, dropout),
    )


def attack_names(attacks: tuple[AttackConfig, ...]) -> dict[tuple[str, float], str]:
    """Each attack by its label and radius, and what a page calls it: ``PGD (8/255)``."""
    names = {}
    for attack in attacks:
        kind, *words = attack.label.replace("_", " ").split("-")
        in_255ths = attack.norm == "linf" and abs(255 * attack.eps - round(255 * attack.eps)) < 1e-6
        radius = f"{255 * attack.eps:.0f}/255" if in_255ths else f"{attack.eps:g}"
        name = attack.name or " ".join([kind.upper(), *words])
        names[attack.label, attack.eps] = f"{name} ({radius})"
    return names


def _warnings(config: CompareDetectorsConfig, rows: pd.DataFrame, table: pd.DataFrame, dropout: bool) -> list[str]:
    """What a reader of the rates should know."""
    found = []
    if "kd_bu" in config.detectors and not dropout:
        found.append("The classifier has no dropout and so no Bayesian uncertainty: KD+BU is run as KD alone.")
    bandwidth = float(rows["bandwidth"].iloc[0])
    if len(config.bandwidths) > 1 and bandwidth in (min(config.bandwidths), max(config.bandwidths)):
        found.append(f"The bandwidth chosen for KD, {bandwidth:g}, is at the end of the candidates: widen bandwidths.")
    for _, row in table[table["auroc"] < 0.5].iterrows():
        found.append(
            f"{row['detector']} points the wrong way on {row['attack']}: area under ROC {row['auroc']:.2f}, below the "
            ".5 of chance."
        )
    return found


def _summary(config: CompareDetectorsConfig, result_set: ResultSet, results: DetectorResults) -> dict[str, Any]:
    attacked = results.inputs.attacked
    return {
        "output": config.output,
        "report": join(config.output, PAGE),
        "identity": result_set.identity,
        "count": len(results.inputs.natural),
        "clean_accuracy": rounded(results.inputs.natural["correct"].mean()),
        "accuracy_under_attack": {name: rounded(table["correct"].mean()) for name, table in attacked.items()},
        "detectors": [
            {
                **{key: row[key] for key in ("detector", "attack", "num_test")},
                **{key: rounded(row[key]) for key in RATES},
            }
            for _, row in results.everything.table.iterrows()
        ],
        "warnings": list(results.warnings),
        "seconds": result_set.seconds,
    }
