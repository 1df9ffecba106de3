"""A population in this process: legs make one training, takers begin where others ended, a kill changes nothing."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from advgen_ray.config import (
    ObjectiveConfig,
    OptimizerConfig,
    SearchConfig,
    TrainScoreModelConfig,
    UNetConfig,
)
from advgen_ray.config.population import PopulationConfig
from advgen_ray.distributed.legs import Leg
from advgen_ray.distributed.population import Member
from advgen_ray.distributed.session import run_tasks
from advgen_ray.errors import AwayError, UserError
from advgen_ray.stages import classifier, population, score_model, search
from advgen_ray.training.checkpoint import load_tensors
from advgen_ray.training.model_directory import load_model
from tests.same_weights import same_weights
from tests.small_population import PGD, SPACE, Here, outcome, population_config, run_here

SETTINGS = {"attack.eps": 0.2, "optimizer.learning_rate": 1e-2}


def _score_config(output: Path) -> SearchConfig:
    training = TrainScoreModelConfig(
        model=UNetConfig(base_channels=4, channel_multipliers=(1, 2), num_blocks=1, channels_per_group=4),
        optimizer=OptimizerConfig(schedule="one_cycle"), num_steps=4, batch_size=50, checkpoint_every_steps=2,
    )  # fmt: skip
    return population_config(
        output, job="train_score_model", base=training.model_dump(mode="json"), space=SPACE[1:],
        objectives=(ObjectiveConfig(metric="loss", goal="min"),), population=PopulationConfig(rounds=2),
    )  # fmt: skip


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> Here:
    return Here(monkeypatch)


def _run_leg(config: SearchConfig, way: Sequence[Member]) -> list[dict[str, Any]]:
    reports: list[dict[str, Any]] = []
    ways = {way[-1].trial: way}
    population.run_leg(config, ways, {"member": way[-1].trial}, "random", lambda one: reports.append(dict(one)))
    return reports


def _without_time(history: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{key: value for key, value in record.items() if key != "seconds"} for record in history]


@pytest.mark.parametrize("make", [population_config, _score_config])
def test_legs_one_after_the_other_are_the_unbroken_training(make: Any, here: Here, tmp_path: Path) -> None:
    config = make(tmp_path / "legs")
    settings = {parameter.key: SETTINGS[parameter.key] for parameter in config.space}
    way = [Member("01", settings, "01") for _ in range(config.population.rounds)]
    for number in range(1, len(way) + 1):
        reports = _run_leg(config, way[:number])
        assert reports[-1]["progress"] == 1.0
        assert config.objectives[0].metric in reports[-1]
    whole: Any = config.trial_config(settings).override([f"output={tmp_path / 'whole'}"])
    task = (classifier if make is population_config else score_model).task_of(whole)
    assert run_tasks([task], 1, f"{task.output}/train") is None
    legs, unbroken = load_model(tmp_path / "legs/trials/01/model"), load_model(tmp_path / "whole/model")
    assert same_weights(legs.model.state_dict(), unbroken.model.state_dict())
    assert _without_time(legs.card["history"]) == _without_time(unbroken.card["history"])
    assert legs.card.get("selection") == unbroken.card.get("selection")
    assert legs.card["lineage"] == [{"trial": "01", "settings": settings}] * len(way)


def test_a_taker_begins_with_all_of_its_sources_state_and_its_own_settings(
    here: Here, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = population_config(tmp_path)
    source, taker = Member("01", SETTINGS), Member("02", SETTINGS | {"attack.eps": 0.4}, "01")
    _run_leg(config, [source])
    left = load_tensors(tmp_path / "rounds/1/01/state/tensors.safetensors")
    begun: list[Any] = []
    train = classifier.train_classifier

    def watched(trainee: Any, images: Any, attack_at: Any, **more: Any) -> None:
        trainee.save(tmp_path / "begun")
        begun.append((trainee.step, attack_at(1.0, torch.randn_like).threat_model.eps))
        train(trainee, images, attack_at, **more)

    (tmp_path / "begun").mkdir()
    monkeypatch.setattr(classifier, "train_classifier", watched)
    _run_leg(config, [source, taker])
    assert begun == [(3, 0.4)]
    taken = load_tensors(tmp_path / "begun/tensors.safetensors")
    assert same_weights(taken, left)
    assert {name.split("/")[0] for name in taken} == {"model", "optimizer", "ema", "best"}
    went_on = load_tensors(tmp_path / "rounds/2/02/state/tensors.safetensors")
    assert not same_weights(went_on, left)


def test_legs_end_at_the_last_step_and_their_digest_is_of_the_whole_way() -> None:
    def leg(*ways: tuple[str, float]) -> Leg:
        return Leg(3, tuple({"trial": trial, "settings": {"eps": eps}} for trial, eps in ways))

    way = (("01", 0.1), ("02", 0.2), ("02", 0.3))
    assert [leg(*way[:number]).until(11) for number in (1, 2, 3)] == [3, 7, 11]
    assert leg(*way).digest("config") == leg(("03", 0.1), *way[1:]).digest("config"), "names decide nothing"
    others = (leg(("01", 0.4), *way[1:]), leg(*way[:2], ("02", 0.4)), leg(*way[:2]))
    assert len({one.digest("config") for one in (leg(*way), *others)}) == 4


def test_a_state_that_is_gone_or_anothers_is_one_line(here: Here, tmp_path: Path) -> None:
    config = population_config(tmp_path)
    way = [Member("01", SETTINGS), Member("01", SETTINGS, "01")]
    leg = Leg(3, tuple({"trial": member.trial, "settings": member.settings} for member in way), str(tmp_path / "gone"))
    with pytest.raises(UserError, match="gone/state: not found, a trial was to go on from it"):
        leg.fetch(tmp_path)
    _run_leg(config, [Member("01", SETTINGS | {"attack.eps": 0.3})])
    other = Leg(3, leg.lineage, str(tmp_path / "rounds/1/01"))
    with pytest.raises(UserError, match="rounds/1/01/state: is of another training"):
        other.fetch(tmp_path)


def test_a_killed_population_ends_as_an_unbroken_one_with_nothing_trained_twice(
    here: Here, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rounds = run_here(population_config(tmp_path / "unbroken", num_trials=2))
    assert len(here.trained) == 6
    assert any(member.takes_over for members in rounds for member in members)
    schedule, models = outcome(tmp_path / "unbroken")
    assert not list((tmp_path / "unbroken").glob("rounds/*/0*")), "states that no round begins with are removed"

    broken = population_config(tmp_path / "broken", num_trials=2)
    here.trained.clear()
    for place in ("rounds/1/02", "rounds/2/01", "trials/02"):
        here.die_at = place
        with pytest.raises(InterruptedError):
            run_here(broken)
    here.die_at = ""
    assert run_here(broken) == run_here(broken) == rounds
    assert len(here.trained) == len(set(here.trained)) == 6
    again, same_models = outcome(tmp_path / "broken")
    assert again == schedule
    assert models.keys() == same_models.keys() == {"01", "02"}
    assert all(same_weights(models[name], same_models[name]) for name in models)
    assert "goes on from" in capsys.readouterr().out


def test_a_trial_that_failed_goes_on_from_a_better_one_and_the_page_says_so(
    here: Here, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    here.fail_at = "rounds/2/02"
    summary = search.run(population_config(tmp_path))
    assert "trial 02  failed in round 2: the loss is nan" in capsys.readouterr().out
    assert summary["trials"] == {"finished": 3}
    rounds = json.loads((tmp_path / "schedule.json").read_text())["rounds"]
    failed, later = rounds[1]["trials"][1], rounds[2]["trials"][1]
    assert (failed["trial"], failed["failed"], failed["values"]) == ("02", "the loss is nan", {})
    assert later["source"] in ("01", "03")
    assert later["values"][PGD] > 0
    page = (tmp_path / "report.html").read_text()
    assert "failed: the loss is nan" in page
    assert "Settings on the way" in page
    best = (tmp_path / "best.yaml").read_text()
    assert yaml.safe_load(best)["attack"]["eps"] == pytest.approx(summary["best"]["attack.eps"])
    assert f"trials/{summary['best']['trial']}/model" in best
    assert "these from its start is another one" in best
    card = load_model(summary["best_model"]).card
    assert [one["trial"] for one in card["lineage"]] == [one["trial"] for one in summary["best_way"]]
    way = [one["attack.eps"] for one in summary["best_way"]]
    assert [one["settings"]["attack.eps"] for one in card["lineage"]] == pytest.approx(way)
    assert len(way) == 3


def test_a_trial_that_storage_fails_is_not_given_up_with_its_round(
    here: Here, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_here(population_config(tmp_path / "unbroken"))
    run_leg = population.run_leg

    def away(config: SearchConfig, ways: Any, parameters: Any, *others: Any) -> None:
        if len(ways["02"]) == 2 and parameters["member"] == "02":
            raise AwayError("s3://bucket/out: does not answer")
        run_leg(config, ways, parameters, *others)

    monkeypatch.setattr(population, "run_leg", away)
    with pytest.raises(AwayError, match=r"round 2 is not over; s3://bucket/out: does not answer$"):
        run_here(population_config(tmp_path / "broken"))
    monkeypatch.setattr(population, "run_leg", run_leg)
    run_here(population_config(tmp_path / "broken"))
    assert outcome(tmp_path / "broken")[0] == outcome(tmp_path / "unbroken")[0]


def test_where_every_trial_fails_the_search_ends_in_one_line(here: Here, tmp_path: Path) -> None:
    def fail(*_: Any) -> None:
        raise UserError("the loss is nan")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(population, "run_leg", fail)
        with pytest.raises(UserError, match="no trial came to the end of round 1; the loss is nan"):
            run_here(population_config(tmp_path))
    assert not (tmp_path / "schedule.json").exists(), "the same command tries that round again"
