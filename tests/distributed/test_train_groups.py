"""Several models, several worker groups: who trains what, at the same time, and what a mistake in one leaves."""

import sys
import time
from pathlib import Path
from typing import Any

import pytest
from ray import cloudpickle

from advgen_ray.config import TrainClassifierConfig, WorkersConfig
from advgen_ray.distributed.session import Session, Task
from advgen_ray.distributed.train import run_training, shared_out
from advgen_ray.errors import UserError
from advgen_ray.recipes.digits import digits_study
from advgen_ray.stages import classifier
from advgen_ray.stages.study import StudyPlan
from advgen_ray.training.model_directory import load_model
from tests.same_weights import same_weights
from tests.small_training import KeptSession, classifier_config

cloudpickle.register_pickle_by_value(sys.modules[__name__])  # workers cannot import a test


def _tasks(costs: dict[str, float]) -> list[Task]:
    return [Task(name, classifier.train, TrainClassifierConfig(), name, cost) for name, cost in costs.items()]


@pytest.mark.parametrize(
    ("costs", "num_groups", "groups"),
    [
        ({"a": 1, "b": 1, "c": 1}, 1, ["abc"]),
        ({"a": 1, "b": 1, "c": 1}, 2, ["ac", "b"]),
        ({"a": 1, "b": 5, "c": 2, "d": 3}, 2, ["ab", "cd"]),
        ({"a": 1, "b": 2}, 8, ["b", "a"]),
    ],
)
def test_the_costliest_go_first_to_whoever_has_least_and_keep_their_order(
    costs: dict[str, float], num_groups: int, groups: list[str]
) -> None:
    shared = shared_out(_tasks({name: 1e15 * cost for name, cost in costs.items()}), num_groups)
    assert ["".join(task.name for task in group) for group in shared] == groups


def test_many_small_ones_count_for_what_lies_around_them() -> None:
    """As much arithmetic as the large one, and ten times images to load and a model to store."""
    tasks = _tasks({"large": 4e11} | {f"small-{k}": 4e10 for k in range(10)})
    first, second = shared_out(tasks, 2)
    assert (len(first), len(second)) == (3, 8)


def test_a_training_costs_what_its_passes_and_arithmetic_say(tmp_path: Path) -> None:
    one = classifier_config(tmp_path)
    cost = classifier.task_of(one, 1000).cost
    assert classifier.task_of(one.override(["num_epochs=24"]), 1000).cost == 2 * cost
    assert classifier.task_of(one.override(["attack.eps=0"]), 1000).cost == cost / 3  # the attack took two of three
    assert classifier.task_of(one.override(["model.widen_factor=2"]), 1000).cost > 2 * cost


def test_the_demo_trains_two_models_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[list[Task], WorkersConfig]] = []
    monkeypatch.setattr("advgen_ray.stages.study.run_tracked", lambda *given: asked.append(given[:2]))
    StudyPlan(digits_study()).train()
    ((tasks, workers),) = asked
    first, second = (sum(task.cost for task in group) for group in shared_out(tasks, workers.num_groups))
    assert workers.num_workers == 1
    assert 0.7 < first / second < 1.4


def _meet_and_train(config: TrainClassifierConfig, session: Session) -> None:
    """Train once another training has begun as well, for ever waiting if they come one after the other."""
    here = Path(config.output).parent
    (here / f"begun-{config.seed}").touch()
    while len(list(here.glob("begun-*"))) < 2:
        time.sleep(0.05)
    classifier.train(config, session)


def _fail(config: TrainClassifierConfig, session: Session) -> None:
    raise UserError("the loss is nan at step 3")


@pytest.mark.long
@pytest.mark.ray
def test_two_groups_work_at_once_and_a_mistake_in_one_costs_the_other_nothing(
    ray_session: None, tmp_path: Path
) -> None:
    configs = [classifier_config(tmp_path / str(seed), seed=seed, num_epochs=2) for seed in range(3)]
    programs = (_meet_and_train, _meet_and_train, _fail)
    tasks = [
        Task(f"model {config.seed}", program, config, config.output)
        for program, config in zip(programs, configs, strict=True)
    ]
    workers = WorkersConfig(num_workers=1, num_groups=2)
    seen: list[str] = []
    with pytest.raises(UserError, match="model 2: the loss is nan"):
        run_training(tasks, workers, lambda *_: "", lambda task, _: seen.append(task.name))
    assert set(seen) == {"model 0", "model 1"}
    for config in configs[:2]:
        alone: Any = KeptSession()
        classifier.train(config, alone)
        assert same_weights(load_model(f"{config.output}/model").model.state_dict(), alone.model.state_dict())
    assert not tasks[2].finished()

    tasks[2] = Task("model 2", classifier.train, configs[2], configs[2].output)
    cards = run_training(tasks, workers, lambda *_: "", lambda *_: None)
    assert [card["training"]["seed"] for card in cards] == [0, 1, 2]
    assert not (tmp_path / "train").exists()
