"""Sets that a job finished and did not come to record are recorded by the next one, and none is recorded twice."""

import os
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from advgen_ray.config import GenerateConfig
from advgen_ray.errors import IncompleteError
from advgen_ray.stages import counterfactuals
from advgen_ray.stages.marks import TRACKED


@dataclass
class Set:
    """In the place of a result set."""

    uri: str
    made: bool = False

    def finished(self) -> bool:
        return self.made


class Workplace:
    """Two sets, whose making is told by a test."""

    def __init__(self, place: Path, patch: pytest.MonkeyPatch) -> None:
        self.patch, self.experiment = patch, place.name
        self.configs = [GenerateConfig(output=str(place / "sets" / name)) for name in ("a", "b")]
        self.sets = {config.output: Set(config.output) for config in self.configs}
        self.a, self.b = self.sets.values()
        patch.chdir(place)
        patch.setenv("MLFLOW_EXPERIMENT_NAME", self.experiment)
        patch.setattr(counterfactuals, "prepare", lambda config: self.sets[config.output])
        patch.setattr(counterfactuals, "_summary", lambda _: {"count": 7})

    def make(self, work: Callable[[], Any]) -> None:
        self.patch.setattr(counterfactuals, "run_maps", lambda *_: work())

    def ends(self) -> Counter[tuple[str, str]]:
        """Names and statuses of the runs in MLflow; each of a set has its numbers once."""
        import mlflow

        client = mlflow.MlflowClient(os.environ["MLFLOW_TRACKING_URI"])
        runs = client.search_runs([client.get_experiment_by_name(self.experiment).experiment_id])
        assert all(run.data.metrics == {"count": 7} for run in runs if run.info.run_name == "counterfactual set")
        return Counter((run.info.run_name, run.info.status) for run in runs)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workplace:
    return Workplace(tmp_path, monkeypatch)


def _killed(made: Set) -> None:
    made.made = True
    raise KeyboardInterrupt


BOTH = Counter({("counterfactuals", "FINISHED"): 1, ("counterfactual set", "FINISHED"): 2})


def test_the_next_job_records_what_a_killed_one_had_made_under_the_same_parent(place: Workplace) -> None:
    place.make(lambda: _killed(place.a))
    with pytest.raises(KeyboardInterrupt):
        counterfactuals.run_all(place.configs)
    assert place.ends() == Counter({("counterfactuals", "KILLED"): 1})
    place.make(lambda: setattr(place.b, "made", True))
    counterfactuals.run_all(place.configs)
    assert place.ends() == BOTH
    place.make(lambda: pytest.fail("all is made and recorded"))
    counterfactuals.run_all(place.configs)
    for one in (place.a, place.b):
        Path(one.uri, TRACKED).unlink()  # as if it was made before there were marks
    place.make(lambda: None)
    counterfactuals.run_all(place.configs)
    assert place.ends()["counterfactual set", "FINISHED"] == 2


def test_a_set_is_recorded_though_another_has_rows_that_cannot_be_made(place: Workplace) -> None:
    def incomplete() -> None:
        place.a.made = True
        raise IncompleteError("failed rows: 1")

    place.make(incomplete)
    for _ in range(2):
        with pytest.raises(IncompleteError):
            counterfactuals.run_all(place.configs)
        assert place.ends() == Counter({("counterfactuals", "FAILED"): 1, ("counterfactual set", "FINISHED"): 1})
    place.make(lambda: setattr(place.b, "made", True))
    counterfactuals.run_all(place.configs)
    assert place.ends() == BOTH


def test_so_it_is_where_sets_are_made_among_others(place: Workplace) -> None:
    place.a.made = True
    for _ in range(2):
        with pytest.raises(IncompleteError), counterfactuals.recorded_if_incomplete(place.configs):
            raise IncompleteError("failed rows: 1")
        assert place.ends() == Counter({("counterfactuals", "FAILED"): 1, ("counterfactual set", "FINISHED"): 1})
    with pytest.raises(IncompleteError), counterfactuals.recorded_if_incomplete([]):
        raise IncompleteError("failed rows: 1")
    with counterfactuals.recorded_if_incomplete(place.configs):
        place.b.made = True
    place.make(lambda: None)
    counterfactuals.run_all(place.configs)
    assert place.ends() == BOTH


def test_the_run_of_one_set_is_completed_after_a_kill_between_its_last_shard_and_its_end(place: Workplace) -> None:
    place.make(lambda: _killed(place.a))
    with pytest.raises(KeyboardInterrupt):
        counterfactuals.run(place.configs[0])
    place.make(lambda: None)
    for _ in range(2):
        assert counterfactuals.run(place.configs[0]) == {"count": 7}
        assert place.ends() == Counter({("counterfactuals", "FINISHED"): 1})
