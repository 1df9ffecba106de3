"""What a job is said to take is what its networks are asked for."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn.modules.module import register_module_forward_hook

from advgen_ray import recipes
from advgen_ray.catalogue import ROWS, chosen, placing
from advgen_ray.catalogue.entry import in_order
from advgen_ray.config import (
    AttackConfig,
    GenerateConfig,
    ReproduceConfig,
    SamplerConfig,
    SearchConfig,
    TrainBinaryConfig,
)
from advgen_ray.config.binary import AscentFromP0Config
from advgen_ray.config.image_sources import NoiseConfig
from advgen_ray.config.jobs import training_passes
from advgen_ray.costs.networks import networks_of
from advgen_ray.costs.passes import FORWARD_AND_BACK, of_attack, passes_of, split_size
from advgen_ray.costs.plan import plan
from advgen_ray.costs.study import parts_of
from advgen_ray.data import datasets
from advgen_ray.data.catalog import SIZES
from advgen_ray.distributed.counterfactual_rows import CounterfactualRows
from advgen_ray.errors import UserError
from advgen_ray.models.image_classifier import ImageClassifier
from advgen_ray.models.unet import UNet
from advgen_ray.stages import binary, classifier, counterfactuals
from tests.models_on_disk import generate_config, save_score_model
from tests.small_training import KeptSession, classifier_config


@contextmanager
def _images_through(kind: type[nn.Module]) -> Iterator[list[int]]:
    """How many images networks of this kind are given meanwhile."""
    seen: list[int] = []
    hook = register_module_forward_hook(
        lambda module, given, _: seen.append(len(given[0])) if isinstance(module, kind) else None
    )
    try:
        yield seen
    finally:
        hook.remove()


def _train(program: Any, config: Any) -> float:
    session: Any = KeptSession()
    with _images_through(ImageClassifier) as seen:
        program.train(config, session)
    return float(sum(seen))


OUTLIERS = {"source": NoiseConfig(num_images=500), "attack": AttackConfig(norm="l2", eps=1.0, num_steps=4)}
TRAININGS: dict[str, dict[str, Any]] = {
    "sat": {"num_epochs": 3},
    "mart": {"loss": "mart", "num_epochs": 3},
    "trades": {"loss": "trades", "num_epochs": 3},
    "stopped": {"num_epochs": 6, "max_steps": 5},
    "outliers": {"outliers": OUTLIERS, "num_epochs": 3},
}


@pytest.mark.parametrize("changes", TRAININGS.values(), ids=TRAININGS)
def test_a_training_forwards_a_third_of_what_it_is_said_to_evaluate(changes: dict[str, Any], tmp_path: Path) -> None:
    config = classifier_config(tmp_path, **changes)
    (told,) = passes_of(config)
    assert told.network == f"{tmp_path}/model"
    assert _train(classifier, config) == pytest.approx(told.images / FORWARD_AND_BACK, rel=0.2)


def test_trainings_are_shared_out_by_what_they_are_said_to_evaluate(tmp_path: Path) -> None:
    costs = {name: classifier.task_of(classifier_config(tmp_path, **of), 100).cost for name, of in TRAININGS.items()}
    config = classifier_config(tmp_path, num_epochs=3)
    (one,) = networks_of(config, {}).values()
    assert costs["sat"] == one.flops * training_passes(config, 100)
    assert costs["sat"] < costs["mart"] < costs["trades"] < costs["outliers"]


@pytest.mark.parametrize("measured", [{}, {"num_images": 40, "num_test_images": 30, "num_steps": 30, "every_steps": 4}])
def test_so_does_one_against_p0(measured: dict[str, int], tmp_path: Path) -> None:
    ascent = AscentFromP0Config(norm="l2", eps=1.0, step_size=0.25, first_steps=6, last_steps=6)
    config = TrainBinaryConfig(
        class_index=3, model={"kind": "two_conv", "channels": (4, 8), "hidden": 16}, ascent=ascent, num_steps=9,
        batch_size=8, output=str(tmp_path), validation=measured or None,
    )  # fmt: skip
    (told,) = passes_of(config)
    assert _train(binary, config) == pytest.approx(told.images / FORWARD_AND_BACK, rel=0.1)


def test_a_search_is_the_sum_of_its_trials_each_with_its_own_network() -> None:
    search: Any = recipes.find("digits_binary_ablation", SearchConfig)
    trials = parts_of(search)
    assert len({one.output for one in trials}) == len(trials) == search.size
    known = {place: network for one in trials for place, network in networks_of(one, {}).items()}
    flops = [known[passes.network].flops for one in trials for passes in passes_of(one)]
    assert sorted(set(flops)) == [flops[1], flops[2], flops[0], flops[3]], "4 to 8, 8 to 16, the base's, 32 to 64"
    drawn = search.override(["proposals=random", "num_trials=7"])
    assert [one.digest() for one in parts_of(drawn)] == [search.job_config.digest()] * 7


def test_counterfactuals_take_their_evaluations_exactly(tmp_path: Path) -> None:
    save_score_model(tmp_path / "score_model")
    config: GenerateConfig = generate_config(
        str(tmp_path / "score_model"), tmp_path / "set", num_sources=3, sampler=SamplerConfig(num_steps=7)
    )
    made = counterfactuals.prepare(config)
    rows = CounterfactualRows(config, made, torch.device("cpu"))
    with _images_through(UNet) as seen:
        for index in range(made.num_shards):
            rows(index)
    (told,) = passes_of(config)
    assert told.images == sum(seen)


def test_arithmetic_is_that_of_the_networks_whatever_makes_them() -> None:
    unet = networks_of(recipes.find("cifar10_score_model", _type_of("cifar10_score_model")), {})
    assert [one.flops for one in unet.values()] == pytest.approx([9.756e9], rel=1e-3)
    together = networks_of(recipes.find("digits_one_vs_rest", _type_of("digits_one_vs_rest")), {})
    one = together["runs/digits/one_vs_rest/class-7/model"]
    assert together["runs/digits/one_vs_rest/model"] == (10 * one.flops, 10 * one.num_weights)


def _type_of(recipe: str) -> Any:
    return next(one.config_type for one in recipes.listing() if one.name == recipe)


@pytest.mark.parametrize("scale", ["small", "paper"])
def test_every_row_has_a_cost_and_the_total_counts_shared_jobs_once(scale: Any) -> None:
    whole = plan(ReproduceConfig(scale=scale))
    hours = {row["row"]: row["gpu_hours"] for row in whole["rows"]}
    assert list(hours) == [row.id for row in ROWS]
    assert all(value > 0 for row, value in hours.items() if row != "D1")
    assert 0 < whole["total"]["gpu_hours"] < sum(hours.values())
    shared = plan(ReproduceConfig(scale=scale, rows=("A1", "C8")))
    assert shared["total"] == {key: value for key, value in shared["rows"][0].items() if key != "row"}, "one study"


def test_cost_follows_the_card_the_price_and_the_seeds() -> None:
    asked = ReproduceConfig(scale="paper", rows=("C9",))
    one, fast, twice = (
        plan(asked.model_copy(update=changes))["total"]
        for changes in ({}, {"card_teraflops": 2 * asked.card_teraflops, "price_per_hour": 6.0}, {"num_seeds": 2})
    )
    assert fast["gpu_hours"] == pytest.approx(one["gpu_hours"] / 2, rel=0.01)
    assert fast["price"] == pytest.approx(1.5 * one["price"], rel=0.01)
    assert twice["evaluations"] == pytest.approx(2 * one["evaluations"], rel=0.01)


def test_a_dry_run_makes_the_configs_of_every_seed(monkeypatch: pytest.MonkeyPatch) -> None:
    def config_of(work: Any, root: str, seed: int) -> Any:
        if seed == 2:
            raise UserError("a config that seed 2 does not have")
        return placing.config_of(work, root, seed)

    monkeypatch.setattr("advgen_ray.costs.plan.config_of", config_of)
    assert plan(ReproduceConfig(rows=("D10",), num_seeds=2))["total"]["evaluations"] > 0
    with pytest.raises(UserError, match="seed 2"):
        plan(ReproduceConfig(rows=("D10",), num_seeds=3))


def test_attacks_are_counted_by_their_runs() -> None:
    assert of_attack(AttackConfig(num_steps=20, num_restarts=2), 10) == 120
    assert of_attack(AttackConfig(kind="apgd", targeted=True, objective="dlr", num_steps=100), 10) == 2700
    assert of_attack(AttackConfig(kind="square", num_steps=5000), 10) == 5000
    assert of_attack(AttackConfig(kind="fab", num_steps=10), 10) == 210
    assert of_attack(AttackConfig(kind="fab", targeted=True, num_steps=10), 10) == 9 * 50, "back from two logits"
    assert of_attack(AttackConfig(kind="highest_logit", num_steps=10), 10) == 9 * 30, "a run to each class"
    few = AttackConfig(targeted=True, num_steps=10, num_targets=99)
    assert of_attack(few, 3) == 2 * 30, "there are no more wrong classes"
    assert of_attack(few.model_copy(update={"kind": "highest_logit"}), 3) == 2 * 30
    assert of_attack(AttackConfig(kind="cw", num_steps=200), 10) == 3 * 200 * 9, "a descent for each weight it tries"


def test_sizes_are_those_of_the_files() -> None:
    assert SIZES["digits"] == tuple(len(datasets.load("digits", "data", split)) for split in ("train", "test"))
    assert split_size("mnist", "test", 20) == 20
    with pytest.raises(UserError, match="data npz: its size is not known"):
        split_size("npz", "train")


def test_what_is_needed_comes_first() -> None:
    (row,) = chosen(["D8"])
    works = in_order(list(row.small.values()))
    assert [work.job for work in works][-1] == "compare_robustness"
    assert len(set(works)) == len(works) == 5
