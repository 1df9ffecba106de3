"""What jobs tell: the numbers behind the metrics, where they come from, and silence where Ray is not."""

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from advgen_ray.config import AscentConfig, CounterfactualsConfig, DVCEConfig, TrainClassifierConfig
from advgen_ray.diffusion.vp_sde import VPSDE
from advgen_ray.distributed import metrics
from advgen_ray.distributed import session as session_module
from advgen_ray.distributed.ce_generators import evaluations_of
from advgen_ray.distributed.counterfactual_rows import CounterfactualRows, Judge
from advgen_ray.distributed.progress import Progress
from advgen_ray.distributed.search_meter import SearchMeter
from advgen_ray.distributed.session import Session, Task
from advgen_ray.distributed.train_meter import JobMeter, TrainingMeter
from advgen_ray.distributed.tune import Trial
from advgen_ray.stages import counterfactuals
from advgen_ray.training.model_directory import load_model
from advgen_ray.training.worker import Worker
from tests.classifier_jobs import fill
from tests.models_on_disk import by_classifier_config, generate_config


class Told(dict[tuple[str, ...], float]):
    """The last value of each gauge and the sum of each counter, by name and by the values of its tags."""

    def show(self, name: str, value: float | None, **tags: str) -> None:
        described = metrics.GAUGES[name]
        assert tags.keys() <= {*metrics.TAGS, *described.tags}
        assert tags.keys() >= set(described.tags)
        if value is not None:
            self[(name, *tags.values())] = value

    def count(self, name: str, amount: float) -> None:
        assert name in metrics.COUNTERS
        self[(name,)] = self.get((name,), 0) + amount


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> Told:
    told = Told()
    monkeypatch.setattr(metrics, "show", told.show)
    monkeypatch.setattr(metrics, "count", told.count)
    return told


def test_without_a_cluster_nothing_is_told_and_ray_is_not_loaded() -> None:
    program = (
        "import sys\n"
        "from advgen_ray.distributed import metrics\n"
        "metrics.label('w', 'o'); metrics.show('rows_done', 3); metrics.count('counterfactuals_total', 3)\n"
        "assert 'ray' not in sys.modules\n"
        "import ray\n"
        "metrics.show('rows_done', 3); metrics.count('counterfactuals_total', 3)\n"
        "assert not metrics._instruments and not ray.is_initialized()\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


@pytest.mark.parametrize(
    ("uri", "place"),
    [
        ("runs/demo/counterfactuals/main", "counterfactuals/main"),
        ("/data/runs/", "data/runs"),
        ("set", "set"),
        ("s3://key:secret@bucket/runs/mine", "runs/mine"),
        ("s3://key:secret@bucket", ""),
        ("s3://key:secret@bucket/set", "set"),
    ],
)
def test_a_place_is_known_by_its_end_and_names_no_host(uri: str, place: str) -> None:
    assert metrics.place(uri) == place


def test_a_map_tells_of_rows_done_left_and_failed(told: Told) -> None:
    with Progress("count", num_shards=6, shards_before=1, output="runs/set") as progress:

        def of(name: str) -> float:
            return told[(name, "count", "runs/set")]

        progress.show()
        assert (of("running"), of("rows_done"), of("shards_left")) == (1, 0, 5)
        assert ("rows_left", "count", "runs/set") not in told, "nobody knows before the first shard"
        begin = time.time()
        progress.begin -= 10
        progress.add(20)
        progress.add(10, num_retries=2)
        assert (of("rows_done"), of("rows_left"), of("shards_left"), of("retries")) == (30, 45, 3, 2)
        assert of("images_per_second") == pytest.approx(3.0, rel=0.2)
        progress.fail(4, num_retries=1)
        assert (of("rows_done"), of("rows_left"), of("rows_failed"), of("retries")) == (30, 30, 4, 3)
        assert of("last_progress_seconds") >= begin
    assert (of("running"), of("rows_left"), of("shards_left"), of("images_per_second")) == (0, 0, 0, 0)
    assert (of("rows_done"), of("rows_failed")) == (30, 4)


def test_a_training_tells_of_steps_speed_accuracies_and_restarts(
    told: Told, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session_module, "RECORD_SECONDS", -1.0)  # as if none came right after another
    config = TrainClassifierConfig(output=str(tmp_path / "runs" / "mine"), batch_size=50)
    task = Task("classifier", lambda *_: None, config, config.output)
    task.write_progress(None)
    meter, labels = TrainingMeter(task, task.progress()), ("classifier", "runs/mine")
    assert not meter.look(task.progress())
    session = Session(task, Worker(), None)
    session.begin()
    assert meter.look(task.progress())
    assert not meter.look(task.progress()), "the same again is nothing new"
    assert told[("retries", *labels)] == 0
    begun_at = task.progress()["at"]
    session.on_step(10, 60)
    assert meter.look(task.progress())
    assert (told[("step", *labels)], told[("steps_left", *labels)]) == (10, 50)
    seconds = task.progress()["at"] - begun_at
    assert told[("images_per_second", *labels)] == pytest.approx(500 / max(seconds, 1e-3))
    record = {"step": 12, "loss": 0.5, "learning_rate": 0.1, "train_accuracy": 0.7, "validation_pgd_accuracy": 0.6}
    session.report(record, None)
    assert meter.look(task.progress())
    assert (told[("loss", *labels)], told[("learning_rate", *labels)]) == (0.5, 0.1)
    assert (told[("step", *labels)], told[("steps_left", *labels)]) == (12, 48)
    assert told[("accuracy", "train", "training", *labels)] == 0.7
    assert told[("accuracy", "validation", "pgd", *labels)] == 0.6
    again = Session(task, Worker(), None)
    again.begin()
    assert task.progress()["record"] == record, "what was recorded stays in sight"
    meter.look(task.progress())
    assert told[("retries", *labels)] == 1
    again.on_step(5, 60)  # from an older checkpoint
    meter.look(task.progress())
    assert (told[("step", *labels)], told[("steps_left", *labels)]) == (5, 55)
    again.finish(torch.nn.Linear(1, 1), {"metrics": {"clean_accuracy": 0.9, "pgd_accuracy": 0.8}})
    meter.look(task.progress())
    assert (told[("accuracy", "test", "none", *labels)], told[("accuracy", "test", "pgd", *labels)]) == (0.9, 0.8)


def test_a_driver_killed_with_its_workers_is_no_restart_of_theirs(told: Told, tmp_path: Path) -> None:
    config = TrainClassifierConfig(output=str(tmp_path))
    task = Task("classifier", lambda *_: None, config, config.output)
    Session(task, Worker(), None).begin()  # in the life before
    meter = TrainingMeter(task, task.progress())
    Session(task, Worker(), None).begin()
    meter.look(task.progress())
    assert told[("retries", "classifier", metrics.place(config.output))] == 0


def test_trainings_of_a_job_stall_together(told: Told) -> None:
    configs = [TrainClassifierConfig(output=f"runs/study/{name}") for name in "ab"]
    tasks = [Task(f"classifier {n}", lambda *_: None, config, config.output) for n, config in enumerate(configs)]
    job = JobMeter(tasks)
    job.begin()
    assert told[("running", "2 trainings", "runs/study")] == 1
    assert told[("last_progress_seconds", "2 trainings", "runs/study")] == pytest.approx(time.time(), abs=60)
    job.end()
    assert told[("running", "2 trainings", "runs/study")] == 0
    JobMeter(tasks[:1]).begin()
    assert told[("running", "classifier 0", "study/a")] == 1


def test_a_search_tells_of_trials_and_of_the_best_each_way(told: Told) -> None:
    meter, labels = SearchMeter("runs/search", 5, {"validity": "max", "l2": "min"}), ("search", "runs/search")
    trials = [Trial(str(number), {}) for number in range(3)]
    meter.begin()
    assert told[("trials", *labels, "waiting")] == 5
    trials[0].status, trials[1].status = "finished", "failed"
    meter.look(trials)
    counts = {status: told[("trials", *labels, status)] for status in ("waiting", "running", "finished", "failed")}
    assert counts == {"waiting": 2, "running": 1, "finished": 1, "failed": 1}
    meter.reported(trials[0], {"validity": 0.5, "l2": 2.0})
    meter.reported(trials[1], {"validity": 0.8, "l2": 3.0})
    meter.reported(trials[2], {"validity": 0.7, "other": 1.0})
    assert told[("best_objective", *labels, "validity")] == 0.8
    assert told[("best_objective", *labels, "l2")] == 2.0
    assert told[("trial_objective", *labels, "2", "validity")] == 0.7
    meter.end()
    assert told[("running", *labels)] == 0


def test_counterfactuals_and_evaluations_are_counted_and_judged_where_a_classifier_is(
    told: Told, score_model: str, classifiers: tuple[str, str], tmp_path: Path
) -> None:
    def counted(config: CounterfactualsConfig, judge: Judge | None = None) -> Callable[[str], float]:
        told.clear()
        result_set = counterfactuals.prepare(config)
        made.append(fill(result_set, CounterfactualRows(config, result_set, torch.device("cpu"), judge)))
        assert told[("counterfactuals_total",)] == len(made[-1]) == 30
        return lambda name: told.get((name,), 0)

    def seen(classifier: str) -> int:
        """How many of the last that were made the classifier takes for their target."""
        images = np.stack([np.frombuffer(image, np.float32) for image in made[-1]["x_ce"]]).reshape(30, 1, 8, 8)
        with torch.no_grad():
            predicted = load_model(Path(classifier)).model.eval()(torch.from_numpy(images.copy())).argmax(1).numpy()
        return int((predicted == made[-1]["y_target"]).sum())

    made: list[pd.DataFrame] = []
    diffusion = generate_config(score_model, tmp_path / "a", replicates=1)
    by = counted(diffusion)
    assert by("network_evaluations_total") == 30 * evaluations_of(diffusion, VPSDE()) == 30 * 20
    assert by("counterfactuals_judged_total") == 0, "no classifier is loaded"
    judge = Judge(classifiers[1], load_model(Path(classifiers[1])).digest)
    by = counted(diffusion.override([f"output={tmp_path}/judged"]), judge)
    assert (by("counterfactuals_judged_total"), by("counterfactuals_valid_total")) == (30, seen(classifiers[1]))
    ascent = by_classifier_config(classifiers[0], tmp_path / "b", method=AscentConfig())
    by = counted(ascent)
    assert by("counterfactuals_judged_total") == 30
    assert by("counterfactuals_valid_total") == seen(classifiers[0]) > 0
    assert by("network_evaluations_total") == 0, "each image ends at a step of its own"
    dvce = by_classifier_config(classifiers[0], tmp_path / "c", method=DVCEConfig(score_model=score_model, num_steps=5))
    assert counted(dvce)("network_evaluations_total") == 30 * 5 * 2
