"""Trainings and maps run in this process, without Ray: what a stage makes of them can then be tested in seconds."""

from collections.abc import Sequence
from typing import Any

import pytest

from advgen_ray.config import TrainClassifierConfig
from advgen_ray.stages import classifier, energies
from advgen_ray.training.model_directory import save_model
from tests.classifier_jobs import fill_maps
from tests.small_training import KeptSession


class InProcess:
    """Takes the place of Ray Train and Ray Data; knows what was trained, and may stop after some trainings."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.trained: list[str] = []
        self.stop_after: int | None = None
        monkeypatch.setattr(classifier, "run_all", self._run_all)
        monkeypatch.setattr(energies, "run_maps", fill_maps)

    def _run_all(self, configs: Sequence[TrainClassifierConfig]) -> list[dict[str, Any]]:
        for config in configs:
            task = classifier.task_of(config)
            if not task.finished():
                if self.stop_after is not None and len(self.trained) >= self.stop_after:
                    raise InterruptedError
                session = KeptSession()
                classifier.train(task.config, session)  # type: ignore[arg-type]
                save_model(f"{config.output}/model", session.model, session.card | {"config_digest": task.digest})
                self.trained.append(config.output)
        return [{"model": f"{config.output}/model"} for config in configs]
