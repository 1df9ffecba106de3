"""What Tune is told to try: what Optuna proposes for several goals, and settings given; nothing is started."""

from typing import Any, Literal

import numpy as np
import pytest
from ray import tune

from advgen_ray.config import ParameterConfig
from advgen_ray.distributed.schedules import TRIAL_CPUS, Asha, Schedule, settings_of

SPACE = (
    ParameterConfig(key="neighborhood.sigma_ce", kind="log_uniform", low=0.01, high=1.0),
    ParameterConfig(key="neighborhood.kind", kind="choice", values=("a", "b")),
)
GIVEN = ({"neighborhood.sigma_ce": 0.2, "neighborhood.kind": "b"},)


def _proposals(seed: int) -> list[dict[str, object]]:
    goals: dict[str, Literal["max", "min"]] = {"validity": "max", "l2_mean": "min"}
    schedule = Schedule(goals, 2, GIVEN, "optuna", 30, own_process={"CPU": 1.0}, seed=seed)
    plan = schedule.tune_config()
    searcher = plan.search_alg
    assert searcher is not None
    assert (plan.num_samples, plan.max_concurrent_trials, plan.scheduler) == (30, 2, None)
    assert (plan.metric, plan.mode) == (None, None), "Optuna's goals are several, and Tune's own none"
    assert searcher.set_search_properties(None, None, schedule.param_space(SPACE))
    found = []
    for number in range(30):
        settings = settings_of(searcher.suggest(str(number)))
        found.append(settings)
        near = abs(settings["neighborhood.sigma_ce"] - 0.1)
        searcher.on_trial_complete(str(number), {"validity": 1 - near, "l2_mean": near})
    return found


def test_optuna_begins_with_what_is_given_stays_in_the_space_and_learns() -> None:
    found = _proposals(seed=0)
    assert found[0] == GIVEN[0]
    sigmas = [float(one["neighborhood.sigma_ce"]) for one in found]  # type: ignore[arg-type]
    assert all(0.01 <= sigma <= 1 for sigma in sigmas)
    assert {one["neighborhood.kind"] for one in found} == {"a", "b"}
    early, late = ([abs(sigma - 0.1) for sigma in some] for some in (sigmas[1:11], sigmas[-10:]))
    assert sum(late) < sum(early), "the later proposals lie nearer to where both goals are met"


def test_proposals_follow_from_the_seed() -> None:
    assert _proposals(seed=1) == _proposals(seed=1) != _proposals(seed=2)


def test_asha_asks_for_the_first_goal_and_so_does_optuna_beside_it() -> None:
    plan = Schedule({"a": "min", "b": "max"}, 2, (), "optuna", 9, Asha(0.2, 3.0)).tune_config()
    assert (plan.metric, plan.mode, plan.num_samples) == ("a", "min", 9)
    scheduler: Any = plan.scheduler
    assert (scheduler._time_attr, scheduler._max_t) == ("progress", 1.0)
    rungs = [milestone for milestone, _ in scheduler._brackets[0]._rungs]
    assert rungs == pytest.approx([0.6, 0.2])
    assert not plan.reuse_actors


def test_random_proposals_begin_with_what_is_given_and_follow_from_the_seed() -> None:
    plan = Schedule({"validity": "max"}, 2, GIVEN, "random", 6, seed=4).tune_config()
    searcher: Any = plan.search_alg
    assert (plan.num_samples, searcher._points_to_evaluate) == (6, [dict(GIVEN[0])])
    assert searcher._random_state.integers(1 << 30) == np.random.default_rng(4).integers(1 << 30)


def test_without_a_space_each_setting_is_a_trial_once() -> None:
    given = ({"w": 1.0}, {"w": 4.0, "kind": "a"})
    schedule = Schedule({}, 3, given, own_process={"CPU": 2.0, "GPU": 0.5})
    assert schedule.resources() == {"CPU": 2.0, "GPU": 0.5}
    assert Schedule({}, 3, given).resources() == {"CPU": TRIAL_CPUS}
    assert schedule.param_space(()) == {"given": tune.grid_search([dict(one) for one in given])}
    plan = schedule.tune_config()
    assert (plan.num_samples, plan.search_alg, plan.scheduler, plan.reuse_actors) == (1, None, None, True)
    assert settings_of({"given": given[1]}) == given[1]
    assert settings_of(given[0]) == given[0]


@pytest.mark.parametrize(("kind", "low", "high"), [("uniform", 0.4, 0.6), ("log_uniform", 0.007, 0.02)])
def test_ranges_are_drawn_in_equal_or_in_multiplied_steps(kind: Any, low: float, high: float) -> None:
    schedule = Schedule({"validity": "max"}, 1, GIVEN, "random", 30)
    space = schedule.param_space([ParameterConfig(key="rate", kind=kind, low=1e-4, high=1.0)])
    assert low < np.median(space["rate"].sample(size=2000, random_state=0)) < high
    assert schedule.planned == 30, "what is given is among them"
