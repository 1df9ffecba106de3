"""Costs by hand, of jobs whose networks no test asks one by one."""

from pathlib import Path
from typing import Any

import pytest

from advgen_ray.config import AttackConfig, CompareSubsetsConfig, ReproduceConfig, ScoreEnergiesConfig
from advgen_ray.config.evaluation import EvaluateRobustnessConfig
from advgen_ray.costs.passes import passes_of
from advgen_ray.costs.plan import Cost, _cost, _told
from advgen_ray.training.arithmetic import Network
from tests.models_on_disk import generate_config
from tests.small_training import classifier_config

ATTACK = AttackConfig(norm="l2", eps=0.5, num_steps=10, num_restarts=2)
ONE_ATTACKED = 3 * 10 * 2


def _images(config: Any) -> float:
    (one,) = passes_of(config)
    return one.images


def test_hours_money_and_gigabytes() -> None:
    asked = ReproduceConfig(card_teraflops=50.0, price_per_hour=3.0)
    told = _told(Cost(evaluations=1234.0, flops=2 * 3600 * 50e12, stored_bytes=3.21e9), asked)
    assert told == {"evaluations": 1230.0, "gpu_hours": 2.0, "gigabytes": 3.2, "price": 6.0}


def test_counterfactuals_are_stored_as_single_precision(tmp_path: Path) -> None:
    score_model = f"{tmp_path}/score_model"
    config = generate_config(score_model, tmp_path / "set", num_sources=3)
    made = _cost(config, {score_model: Network(flops=7, num_weights=0)})
    assert made.stored_bytes == 4 * 8 * 8 * 3 * 10 * config.replicates
    assert made.flops == 7 * made.evaluations


def test_images_are_read_as_they_are_and_under_attacks() -> None:
    robustness = EvaluateRobustnessConfig(num_images=50, attacks=(ATTACK,))
    assert _images(robustness) == 50 * (1 + ONE_ATTACKED)
    standard = robustness.model_copy(update={"attacks": "standard"})
    assert _images(standard) == 50 * (1 + 3 * 100 + 9 * 3 * 100 + 9 * 5 * 100 + 5000), "two APGDs, FAB and Square"
    energies = ScoreEnergiesConfig(num_images=50, attacks=(ATTACK,))
    assert _images(energies) == 50 + 50 + 50 * ONE_ATTACKED, "attacks are of the test split alone"


def test_images_held_out_choose_a_second_model_to_test(tmp_path: Path) -> None:
    none, some = (classifier_config(tmp_path, num_validation_images=number) for number in (0, 100))
    measure = 1 + 3 * some.evaluation_attack.num_steps
    validated = 100 * (some.num_epochs // some.validate_every_epochs)
    assert _images(some) - _images(none) == pytest.approx((397 + validated) * measure)


def test_subsets_take_five_trainings_a_seed_and_the_one_that_chooses(tmp_path: Path) -> None:
    config = CompareSubsetsConfig(training=classifier_config(tmp_path), seeds=(1, 2))
    assert _images(config) == pytest.approx(11 * _images(config.base()))
