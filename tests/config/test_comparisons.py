"""Comparisons of trainings: what they derive for each training, and what cannot be compared."""

from typing import Any

import pytest

from advgen_ray import recipes
from advgen_ray.config import AttackConfig, CompareLossesConfig, CompareSubsetsConfig, LossConfig, TrainClassifierConfig
from advgen_ray.errors import UserError

LOSSES = ({"loss": "sat"}, {"loss": "trades", "start": "near", "beta": 3.0}, {"loss": "trades", "name": "trades-1"})


def _losses(**changes: Any) -> CompareLossesConfig:
    values = {"losses": [*map(dict, LOSSES)], "output": "runs/here/"}
    return CompareLossesConfig.parse(values | changes)


def test_a_loss_changes_what_it_names_and_nothing_else() -> None:
    config = _losses()
    trainings = [config.training_with(loss, seed) for loss in config.losses for seed in config.seeds]
    assert [t.output for t in trainings[:4]] == [*(f"runs/here/sat/seed-{seed}" for seed in (0, 1, 2)),
                                                 "runs/here/trades/seed-0"]  # fmt: skip
    assert [(t.loss, t.beta, t.attack.start, t.seed) for t in trainings[2:5]] == [
        ("sat", 6.0, "uniform", 2), ("trades", 3.0, "near", 0), ("trades", 3.0, "near", 1),
    ]  # fmt: skip
    assert trainings[-1].beta == config.training.beta
    assert len({t.digest() for t in trainings}) == 9
    same = ["loss=sat", "beta=6.0", "attack.start=uniform", "seed=0"]
    assert {t.override(same).digest() for t in trainings} == {config.training.digest()}


def test_where_it_runs_is_not_what_it_computes() -> None:
    config = _losses()
    assert (
        config.override(["output=x", "training.output=y", "training.workers.num_workers=7"]).digest() == config.digest()
    )
    assert config.override(["training.num_epochs=7"]).digest() != config.digest()
    subsets = CompareSubsetsConfig()
    assert subsets.override(["output=x", "pool.max_actors=7"]).digest() == subsets.digest()
    assert subsets.override(["energy_share=0.2"]).digest() != subsets.digest()


def test_a_subset_changes_exclusion_seed_and_place() -> None:
    config = CompareSubsetsConfig(training=TrainClassifierConfig(seed=9), output="runs/here")
    assert config.base() == config.training.override(["output=runs/here/base"])
    without = config.training_without("H", "runs/here/left_out/H.json", 2)
    assert (without.exclude, without.seed) == ("runs/here/left_out/H.json", 2)
    assert without.output == "runs/here/trainings/H/seed-2"
    assert without.override(["seed=9"]).digest() == config.training.digest()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"losses": [{"loss": "sat"}]}, "losses: expected two or more of different names"),
        ({"losses": [*map(dict, LOSSES), {"loss": "sat"}]}, "losses: expected two or more of different names"),
        ({"reference": "mart"}, "reference: 'mart' is none of the losses"),
        ({"seeds": []}, "seeds: expected different ones, at least one, got"),
        ({"seeds": [1, 1]}, "seeds: expected different ones"),
        ({"losses": [{"loss": "sat", "name": "../sat"}, {"loss": "trades"}]}, "name"),
        ({"losses": [{"loss": "sat", "beta": -1.0}, {"loss": "trades"}]}, "beta"),
        ({"losses": [{"loss": "sat"}, {"loss": "trades", "start": "image"}]}, "flat at the image; take near"),
    ],
)
def test_what_cannot_be_compared_is_one_line(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message) as refused:
        _losses(**changes)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("key", ["attack", "evaluation_attack"])
def test_standard_training_is_not_compared(key: str) -> None:
    training = TrainClassifierConfig(**{key: AttackConfig(eps=0.0)}).model_dump(mode="json")
    for config_type in (CompareLossesConfig, CompareSubsetsConfig):
        with pytest.raises(UserError, match=rf"training.{key}.eps is 0"):
            config_type.parse({"training": training})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (["seeds=[0, 1]"], "0 is training.seed; the model that chooses the images is not compared"),
        (["training.exclude=x.json"], "training.exclude: this job chooses itself"),
        (["energy_share=13.0"], "energy_share"),
    ],
)
def test_subsets_that_make_no_sense_are_refused(changes: list[str], message: str) -> None:
    with pytest.raises(UserError, match=message):
        CompareSubsetsConfig().override(changes)


@pytest.mark.parametrize("data", ["digits", "mnist", "cifar10"])
def test_recipes_compare_every_loss_as_its_own_recipe_trains_it(data: str) -> None:
    config = recipes.find(f"{data}_losses", CompareLossesConfig)
    assert [loss.label for loss in config.losses] == ["sat", "trades", "mart", "mail_trades", "weat_adv", "weat_nat"]
    assert (config.reference, len(config.seeds)) == ("trades", 3)
    for loss in config.losses:
        alone = recipes.find(f"{data}_{loss.label}", TrainClassifierConfig)
        mine = config.training_with(loss, 0)
        assert (mine.loss, mine.beta, mine.attack.start) == (alone.loss, alone.beta, alone.attack.start)
    assert config.training.mail_burn_in_epochs == int(0.75 * config.training.num_epochs)


def test_paper_scale_is_the_papers() -> None:
    """S001 A.3 and A.4."""
    losses = recipes.find("cifar10_losses", CompareLossesConfig)
    for loss in losses.losses:
        alone = recipes.find(f"cifar10_{loss.label}", TrainClassifierConfig)
        recorded = ["record_energies_at_epochs=[1,50,100]", "num_energy_images=2000", "mail_burn_in_epochs=75"]
        assert losses.training_with(loss, alone.seed).digest() == alone.override(recorded).digest()
    subsets = recipes.find("cifar10_subsets", CompareSubsetsConfig)
    assert subsets.training.digest() == recipes.find("cifar10_sat", TrainClassifierConfig).digest()
    assert subsets.energy_share * 50_000 == pytest.approx(6500)


def test_a_label_is_the_name_or_the_loss() -> None:
    assert LossConfig(loss="mart").label == "mart"
    assert LossConfig(loss="mart", name="mart-6").label == "mart-6"
