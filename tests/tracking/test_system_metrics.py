"""What a job takes of its machine: sampled while it lasts, under MLflow's names, on one time axis over its lives."""

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from advgen_ray.tracking import system_metrics, told_instead, tracked_run

CPU = "system/cpu_utilization_percentage"


@pytest.fixture
def stored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Any]:
    """The only run of a name."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", tmp_path.name)
    monkeypatch.setattr(system_metrics, "INTERVAL_SECONDS", 0.1)
    monkeypatch.delenv("MLFLOW_ENABLE_SYSTEM_METRICS_LOGGING")

    def found(name: str) -> Any:
        client = _client()
        runs = client.search_runs([client.get_experiment_by_name(tmp_path.name).experiment_id])
        (run,) = [run for run in runs if run.info.run_name == name]
        return run

    return found


def _client() -> Any:
    import mlflow

    return mlflow.MlflowClient(os.environ["MLFLOW_TRACKING_URI"])


def _history(run: Any, metric: str) -> list[Any]:
    return sorted(_client().get_metric_history(run.info.run_id, metric), key=lambda point: point.timestamp)


def test_the_outermost_run_is_sampled_until_it_ends_and_on_when_it_is_continued(stored: Callable[[str], Any]) -> None:
    def fail() -> None:
        time.sleep(1.0)
        raise KeyError

    with pytest.raises(KeyError), tracked_run("outer", {"output": "o"}), tracked_run("inner", {}):
        fail()
    first = _history(stored("outer"), CPU)
    assert first
    assert first[-1].timestamp <= stored("outer").info.end_time
    assert all(0 <= point.value <= 100 for point in first)
    assert _history(stored("inner"), CPU) == []
    used = _history(stored("outer"), "system/system_memory_usage_megabytes")[0].value
    assert 0 < used < psutil.virtual_memory().total / 1e6
    time.sleep(1.0)
    with tracked_run("outer", {"output": "o"}):
        time.sleep(1.0)
    both = _history(stored("outer"), CPU)
    assert len(both) > len(first)
    steps = [point.step for point in both]
    assert steps == sorted(steps)
    assert steps[-1] >= 2, "seconds since the first life began"
    gap = both[len(first)].timestamp - both[len(first) - 1].timestamp
    assert gap > 900, "nothing is sampled between two lives"


def test_a_stopped_sampler_hands_over_nothing_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(system_metrics, "INTERVAL_SECONDS", 0.2)
    samples: list[Any] = []
    sampler = system_metrics.SystemMetrics(samples.append)
    deadline = time.monotonic() + 60
    while not samples:
        assert time.monotonic() < deadline
    sampler.stop()
    assert {name: value for name, value, _ in samples[0]}[CPU] > 0, "this process was busy all the time"
    handed_over = len(samples)
    time.sleep(1.0)
    assert len(samples) == handed_over


def test_a_short_job_a_trial_and_who_wants_none_have_none(
    stored: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[Any] = []
    with told_instead(lambda *told: heard.append(told)), tracked_run("trial", {}):
        time.sleep(0.5)
    assert heard == []
    monkeypatch.setattr(system_metrics, "INTERVAL_SECONDS", 10.0)
    with tracked_run("short", {}):
        pass
    assert _history(stored("short"), CPU) == []
    monkeypatch.setattr(system_metrics, "INTERVAL_SECONDS", 0.1)
    monkeypatch.setenv("MLFLOW_ENABLE_SYSTEM_METRICS_LOGGING", "false")
    with tracked_run("unwanted", {}):
        time.sleep(0.5)
    assert _history(stored("unwanted"), CPU) == []


def test_samples_grow_rarer_with_the_time() -> None:
    """A day of a training is not ten thousand rows of each metric."""
    seconds, samples = 0.0, 0
    while seconds < 24 * 3600:
        seconds += system_metrics.pause(seconds)
        samples += 1
    assert 500 < samples < 1000


@pytest.mark.parametrize(
    ("printed", "expected"),
    [
        (
            "0, 87, 1000, 4000, 250.50\n1, 0, 0, 4000, 60.00\n",
            {
                "gpu_0_utilization_percentage": 87.0,
                "gpu_0_memory_usage_megabytes": 1048.576,
                "gpu_0_memory_usage_percentage": 25.0,
                "gpu_0_power_usage_watts": 250.5,
                "gpu_1_utilization_percentage": 0.0,
                "gpu_1_memory_usage_megabytes": 0.0,
                "gpu_1_memory_usage_percentage": 0.0,
                "gpu_1_power_usage_watts": 60.0,
            },
        ),
        (
            "0, [N/A], 500, 1000, [N/A]\n",
            {"gpu_0_memory_usage_megabytes": 524.288, "gpu_0_memory_usage_percentage": 50.0},
        ),
        ("", {}),
    ],
)
def test_gpus_are_read_from_what_their_driver_prints(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, printed: str, expected: dict[str, float]
) -> None:
    """A program in the place of the driver's."""
    (tmp_path / "printed").write_text(printed)
    program = tmp_path / "nvidia-smi"
    program.write_text(f"#!/bin/sh\n[ $2 = --format=csv,noheader,nounits ] && cat {tmp_path}/printed\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    assert system_metrics.gpus() == pytest.approx(expected)


def test_a_driver_that_fails_costs_the_gpus_metrics_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "nvidia-smi"
    program.write_text("#!/bin/sh\necho Failed to initialize NVML\nexit 255\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    assert system_metrics.gpus() == {}
