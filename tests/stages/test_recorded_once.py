"""A finished job that is run again computes nothing, and adds no second run to those in MLflow."""

import os
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from advgen_ray.config import (
    AttackConfig,
    Config,
    EvaluateOneVsRestConfig,
    EvaluateOODConfig,
    ExplainPredictionsConfig,
    LogitAttackConfig,
    OODAttackConfig,
    OODDetectorConfig,
    OODSetConfig,
)
from advgen_ray.config.image_sources import NoiseConfig
from advgen_ray.distributed.pipelines import mapped_here
from advgen_ray.stages import classifier_images, detectors, explanation, one_vs_rest_evaluation, ood, robustness
from advgen_ray.stages.outcome import SUMMARY
from tests.classifier_jobs import detectors_config, images_config
from tests.models_on_disk import robustness_config, save_classifier, save_detectors


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("models")
    save_classifier(root / "model")
    save_detectors(root)
    return root


def _of_robustness(models: Path, output: Path) -> Config:
    attacks = (AttackConfig(kind="pgd", eps=0.5, num_steps=1),)
    return robustness_config(str(models / "model"), output, num_images=12, attacks=attacks)


def _of_explanations(models: Path, output: Path) -> Config:
    classifiers = (str(models / "model"),)
    return ExplainPredictionsConfig(classifiers=classifiers, num_images=4, num_steps=2, output=str(output))


def _of_one_vs_rest(models: Path, output: Path) -> Config:
    attacks = (LogitAttackConfig(norm="l2", eps=0.5, num_steps=1, step_size=0.2),)
    return EvaluateOneVsRestConfig(
        detectors=str(models), classes=(3,), num_images=10, attacks=attacks, output=str(output)
    )


def _of_ood(models: Path, output: Path) -> Config:
    return EvaluateOODConfig(
        detectors=(OODDetectorConfig(name="msp", model=str(models / "model"), detection_score="msp"),),
        sets=(OODSetConfig(name="noise", source=NoiseConfig(num_images=20)),),
        attack=OODAttackConfig(eps=0.8, num_steps=1, num_restarts=1),
        num_in_images=20,
        output=str(output),
    )


JOBS: dict[str, tuple[Callable[[Any], Any], Callable[[Path, Path], Config]]] = {
    "robustness": (robustness.run, _of_robustness),
    "explanations": (explanation.run, _of_explanations),
    "one_vs_rest": (one_vs_rest_evaluation.run, _of_one_vs_rest),
    "ood": (ood.run, _of_ood),
    "detectors": (detectors.run, lambda models, output: detectors_config(str(models / "model"), output)),
    "classifier images": (
        classifier_images.run,
        lambda models, output: images_config((str(models / "model"),), output),
    ),
}


@pytest.mark.parametrize("name", JOBS)
def test_a_finished_job_is_recorded_once(
    name: str, models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, config_of = JOBS[name]
    config = config_of(models, tmp_path / "out")
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", tmp_path.name)
    with mapped_here(lambda share: None):
        summary = run(config)
        for _ in range(2):
            (tmp_path / "out" / SUMMARY).unlink()
            assert run(config) == summary
            assert (tmp_path / "out" / SUMMARY).exists()
            assert _ends(tmp_path.name) == Counter({(name, "FINISHED"): 1})


def test_a_set_without_its_run_gets_one(models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Made where another server took the records, say."""
    config = _of_robustness(models, tmp_path / "out")
    with mapped_here(lambda share: None):
        for place in ("first", "second"):
            experiment = f"{tmp_path.name}-{place}"
            monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", experiment)
            robustness.run(config)
            assert _ends(experiment) == Counter({("robustness", "FINISHED"): 1})


def _ends(experiment: str) -> Counter[tuple[str, str]]:
    """Names and statuses of the runs in MLflow."""
    import mlflow

    client = mlflow.MlflowClient(os.environ["MLFLOW_TRACKING_URI"])
    found = client.search_runs([client.get_experiment_by_name(experiment).experiment_id])
    return Counter((run.info.run_name, run.info.status) for run in found)
