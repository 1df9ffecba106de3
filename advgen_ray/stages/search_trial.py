"""One trial of a search: the job itself with the trial's settings, which tells on its way how good it is."""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import nullcontext
from typing import Any

from advgen_ray.config import Config, SearchConfig, TrainClassifierConfig, TrainScoreModelConfig
from advgen_ray.config.searchable import METRICS, TRAININGS
from advgen_ray.distributed.counterfactual_rows import Judge
from advgen_ray.distributed.pipelines import mapped_here
from advgen_ray.distributed.resources import fits_one_process
from advgen_ray.distributed.schedules import PROGRESS, Parameters
from advgen_ray.distributed.tune import Report
from advgen_ray.errors import UserError
from advgen_ray.stages import (
    binary,
    calibration,
    class_detection,
    classifier,
    classifier_images,
    counterfactuals,
    detectors,
    distance_classifier,
    distortion,
    energies,
    explanation,
    gradient_alignment,
    one_vs_rest,
    one_vs_rest_evaluation,
    ood,
    restoration,
    robustness,
    robustness_comparison,
    score_model,
    synthesis,
)
from advgen_ray.stages.judged import measured
from advgen_ray.storage.filesystem import join, local_copy
from advgen_ray.tracking import told_instead
from advgen_ray.training.model_directory import read_card

REPORT_SECONDS = 30.0  # between two reports of a map that goes on
RUNS: dict[str, Callable[[Any], dict[str, Any]]] = {
    "train_classifier": classifier.run,
    "train_score_model": score_model.run,
    "train_binary": binary.run,
    "train_one_vs_rest": one_vs_rest.run,
    "generate_counterfactuals": counterfactuals.run,
    "generate_counterfactuals_by_classifier": counterfactuals.run,
    "classify_by_distance": distance_classifier.run,
    "align_gradients": gradient_alignment.run,
    "score_energies": energies.run,
    "evaluate_robustness": robustness.run,
    "evaluate_one_vs_rest": one_vs_rest_evaluation.run,
    "evaluate_detection": class_detection.run,
    "evaluate_ood": ood.run,
    "measure_distortion": distortion.run,
    "compare_detectors": detectors.run,
    "calibrate_classifier": calibration.run,
    "compare_robustness": robustness_comparison.run,
    "generate_from_classifier": classifier_images.run,
    "synthesize": synthesis.run,
    "restore_images": restoration.run,
    "explain_predictions": explanation.run,
}


def run_trial(config: SearchConfig, judge: Judge | None, settings: Parameters, trial_id: str, report: Report) -> None:
    """Run the job of a trial, or what is left of it, and report what it is measured by.

    Raises UserError as the job does, and where the judge is no longer the one of its digest.
    """
    place = join(config.output, "trials", config.trial_name(settings, trial_id))
    job: Any = config.trial_config(settings).override([f"output={place}"])
    wanted = [objective.metric for objective in config.objectives]

    def hear(metrics: Mapping[str, float], step: int) -> None:
        if config.job in TRAININGS and wanted[0] in metrics:
            report(
                {PROGRESS: share_of_way(job, metrics, step), **{key: metrics[key] for key in wanted if key in metrics}}
            )

    here = mapped_here(_now_and_then(report)) if fits_one_process(job) else nullcontext()
    with told_instead(hear), here:
        summary = counterfactuals.run(job, judge) if judge else RUNS[config.job](job)
    found = measured(job, judge) if judge else _measured(config, summary)
    missing = [metric for metric in wanted if metric not in found]
    if missing:
        raise UserError(f"objectives: {missing[0]!r}: {config.job} ends in {', '.join(found)}")
    report({PROGRESS: 1.0, **{metric: found[metric] for metric in told_of(config) if metric in found}})


def told_of(config: SearchConfig) -> list[str]:
    """What a finished trial reports: all that it is measured by, or the objectives among the numbers of a summary."""
    return list(METRICS.get(config.job) or [objective.metric for objective in config.objectives])


def _measured(config: SearchConfig, summary: Mapping[str, Any]) -> dict[str, float]:
    """The numbers that a finished job is measured by."""
    if config.job in TRAININGS:
        return kept_record(config.job, read_card(local_copy(summary["model"])))
    return dict(_numbers(summary))


def _now_and_then(report: Report) -> Callable[[float], None]:
    """Reports of a long map in a trial's own process."""
    told, far = time.monotonic(), 0.0

    def came_to(share: float) -> None:
        nonlocal told, far
        if far < share < 1 and time.monotonic() - told > REPORT_SECONDS:
            told, far = time.monotonic(), share
            report({PROGRESS: share})

    return came_to


def kept_record(job: str, card: Mapping[str, Any]) -> dict[str, float]:
    """What was measured of a training at the model that it keeps: the best one by validation, else the last."""
    kept = card.get("selection", {}).get("step")
    history: list[dict[str, float]] = [record for record in card["history"] if METRICS[job][0] in record]
    return next((record for record in history if record["step"] == kept), history[-1])


def share_of_way(job: Config, metrics: Mapping[str, float], step: int) -> float:
    """How much of its way a training has gone; less than 1, as after its last step the model is still to be stored."""
    if isinstance(job, TrainClassifierConfig):
        share = metrics["epoch"] / job.num_epochs
    else:
        assert isinstance(job, TrainScoreModelConfig)
        share = step / job.num_steps
    return min(0.99, share)


def _numbers(summary: Any, place: str = "") -> Iterator[tuple[str, float]]:
    """Every number of a summary by its dotted place; a row of a table by its words: ``detectors.LID.PGD (2).auroc``.

    Rows of the same words are told apart by their place, from 0: ``detectors.LID.PGD (2).3.auroc``.
    """
    if isinstance(summary, Mapping):
        for key, value in summary.items():
            yield from _numbers(value, f"{place}.{key}" if place else str(key))
    elif isinstance(summary, (list, tuple)):
        words = [_words(value) for value in summary]
        alike = Counter(words)
        for at, (told, value) in enumerate(zip(words, summary, strict=True)):
            names = (place, told, "" if told and alike[told] == 1 else str(at))
            yield from _numbers(value, ".".join(filter(None, names)))
    elif isinstance(summary, (int, float)) and not isinstance(summary, bool):
        yield place, float(summary)


def _words(row: Any) -> str:
    return ".".join(one for one in row.values() if isinstance(one, str) and one) if isinstance(row, Mapping) else ""
