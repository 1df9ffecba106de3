"""One trial of a search: the job itself with the trial's settings, which tells on its way how good it is."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from advgen_ray.analysis.ce_ablation import measures
from advgen_ray.config import Config, GenerateConfig, SearchConfig, TrainClassifierConfig, TrainScoreModelConfig
from advgen_ray.config.search import GENERATIONS, METRICS, TRAININGS
from advgen_ray.diffusion.vp_sde import VPSDE
from advgen_ray.distributed.ce_generators import evaluations_of
from advgen_ray.distributed.loading import own_device
from advgen_ray.distributed.schedules import PROGRESS, Parameters
from advgen_ray.distributed.tune import Report
from advgen_ray.errors import UserError
from advgen_ray.stages import (
    binary,
    class_detection,
    classifier,
    classifier_images,
    counterfactuals,
    detectors,
    distance_classifier,
    energies,
    explanation,
    gradient_alignment,
    one_vs_rest,
    one_vs_rest_evaluation,
    restoration,
    robustness,
    score_model,
    synthesis,
)
from advgen_ray.stages.judged import judged_rows, load_judge
from advgen_ray.storage import ResultSet
from advgen_ray.storage.filesystem import join, local_copy
from advgen_ray.tracking import told_instead
from advgen_ray.training.model_directory import read_card

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
    "compare_detectors": detectors.run,
    "generate_from_classifier": classifier_images.run,
    "restore_images": restoration.run,
    "explain_predictions": explanation.run,
    "synthesize": synthesis.run,
}


def run_trial(config: SearchConfig, judge_digest: str, settings: Parameters, trial_id: str, report: Report) -> None:
    """Run the job of a trial, or what is left of it, and report the objectives; raises UserError as the job does."""
    job = config.trial_config(settings).override([f"output={join(config.output, 'trials', trial_id)}"])
    wanted = [objective.metric for objective in config.objectives]

    def hear(metrics: Mapping[str, float], step: int) -> None:
        if config.job in TRAININGS and wanted[0] in metrics:
            report(
                {PROGRESS: share_of_way(job, metrics, step), **{key: metrics[key] for key in wanted if key in metrics}}
            )

    with told_instead(hear):
        summary = RUNS[config.job](job)
    found = _measured(config, job, summary, judge_digest)
    missing = [metric for metric in wanted if metric not in found]
    if missing:
        raise UserError(f"objectives: {missing[0]!r}: {config.job} ends in {', '.join(found)}")
    report({PROGRESS: 1.0, **{metric: found[metric] for metric in wanted}})


def _measured(config: SearchConfig, job: Any, summary: Mapping[str, Any], judge_digest: str) -> dict[str, float]:
    """The numbers that a finished job is measured by."""
    if config.job in TRAININGS:
        return kept_record(config.job, read_card(local_copy(summary["model"])))
    if config.job in GENERATIONS:
        device = own_device()
        judge = load_judge(config.judge, judge_digest, job.data, device)
        rows = judged_rows(ResultSet.open(job.output), judge, job.images_at_once, device)
        spent = {"network_evaluations": evaluations_of(job, VPSDE())} if isinstance(job, GenerateConfig) else {}
        return {**measures(rows), **spent}
    return dict(_numbers(summary))


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
    """Every number of a summary by its dotted place; a row of a table by its words: ``detectors.LID.PGD (2).auroc``."""
    if isinstance(summary, Mapping):
        for key, value in summary.items():
            yield from _numbers(value, f"{place}.{key}" if place else str(key))
    elif isinstance(summary, (list, tuple)):
        for at, value in enumerate(summary):
            told = value.values() if isinstance(value, Mapping) else ()
            words = ".".join(one for one in told if isinstance(one, str) and one)
            yield from _numbers(value, f"{place}.{words or at}")
    elif isinstance(summary, (int, float)) and not isinstance(summary, bool):
        yield place, float(summary)
