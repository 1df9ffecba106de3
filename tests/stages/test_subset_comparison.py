"""The I, C, H, L experiment end to end: what is left out, what is trained, and the same answer after a kill."""

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from advgen_ray.analysis.training_subsets import select_subsets
from advgen_ray.config import AttackConfig, CompareSubsetsConfig, OptimizerConfig, PoolConfig
from advgen_ray.data.datasets import load
from advgen_ray.errors import UserError
from advgen_ray.rng import Stream
from advgen_ray.stages import classifier, subset_comparison
from advgen_ray.stages.training_split import split_training
from advgen_ray.storage import ResultSet
from tests.in_process import InProcess
from tests.small_training import classifier_config

SUBSETS = ("full", "I", "C", "H", "L")


def _config(output: Path, **changes: Any) -> CompareSubsetsConfig:
    """The first model is right on most images after 3 epochs, and still wrong on some."""
    training = classifier_config(
        output, attack=AttackConfig(num_steps=1, eps=0.1), evaluation_attack=AttackConfig(num_steps=1), num_epochs=3,
        batch_size=100, num_evaluation_images=50,
        optimizer=OptimizerConfig(learning_rate=2e-2, schedule="one_cycle"),
    )  # fmt: skip
    values = {
        "training": training, "seeds": (1,), "output": str(output), "pool": PoolConfig(min_actors=1, max_actors=1),
    }  # fmt: skip
    return CompareSubsetsConfig(**(values | changes))


def _numbers(output: Path) -> dict[str, Any]:
    summary = json.loads((output / "summary.json").read_text())
    for row in summary["trainings"]:
        del row["seconds"]
    return {key: value for key, value in summary.items() if key not in ("output", "report")}


def _scored(output: Path) -> pd.DataFrame:
    rows = ResultSet.open(str(output / "energies")).read(["image_id", "energy_x", "correct"]).to_pandas()
    return rows.rename(columns={"image_id": "item_id"})


@pytest.mark.long
def test_a_killed_experiment_continues_and_says_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ray = InProcess(monkeypatch)
    summary = subset_comparison.run(_config(tmp_path / "unbroken"))
    assert len(ray.trained) == 6
    for stop_after in (0, 1, 3, None):  # before the first model, before the others, among them
        ray.trained, ray.stop_after = [] if stop_after == 0 else ray.trained, stop_after
        if stop_after is None:
            subset_comparison.run(_config(tmp_path / "killed"))
        else:
            with pytest.raises(InterruptedError):
                subset_comparison.run(_config(tmp_path / "killed"))
    assert len(ray.trained) == len(set(ray.trained)) == 6
    assert _numbers(tmp_path / "killed") == _numbers(tmp_path / "unbroken")

    assert [row["subset"] for row in summary["error_rates"]] == list(SUBSETS)
    assert summary["num_images"] == 1400
    scored = _scored(tmp_path / "unbroken")
    num_incorrect = int((~scored["correct"]).sum())
    assert 0 < num_incorrect < 600, "the small model must be worth choosing by"
    sizes = {row["subset"]: row["num_left_out"] for row in summary["composition"]}
    assert sizes == {"I": num_incorrect, "C": num_incorrect, "H": 182, "L": 182}
    expected = select_subsets(scored, Stream(0, "subsets")).left_out
    for letter in "ICHL":
        card = json.loads((tmp_path / "unbroken/trainings" / letter / "seed-1/model/model.json").read_text())
        named = json.loads(Path(card["training"]["exclude"]).read_text())["item_ids"]
        assert tuple(named) == expected[letter]
    assert {row["seed"] for row in summary["trainings"]} == {1}
    assert summary["base_model"]["clean_accuracy"] > 0.3
    page = (tmp_path / "unbroken" / "report.html").read_text()
    assert "40,183" in page  # the published table B beside ours

    with pytest.raises(UserError, match=r"energy_share is 0.13 there, 0.2 here"):
        subset_comparison.run(_config(tmp_path / "killed", energy_share=0.2))


def test_with_validation_the_sets_are_chosen_among_what_was_trained_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    InProcess(monkeypatch)
    config = _config(tmp_path).override(["training.num_validation_images=300", "training.max_steps=1"])
    classifier.run(config.base())
    scored = subset_comparison._scored(config, config.base())
    trained_on, _ = split_training(load("digits", "", "train"), config.training)
    assert scored["item_id"].tolist() == trained_on.item_ids(range(1100))


def test_a_first_model_that_is_wrong_on_most_is_a_mistake_of_the_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    InProcess(monkeypatch)
    config = _config(tmp_path)
    with pytest.raises(
        UserError, match=r"base: only \d+ of 1400 training images are correct: .* a smaller training.att"
    ):
        subset_comparison.run(config.override(["training.max_steps=1"]))


@pytest.mark.long
@pytest.mark.ray
@pytest.mark.usefixtures("ray_session")
def test_by_ray_train_and_ray_data(tmp_path: Path) -> None:
    config = _config(tmp_path).override(["training.num_evaluation_images=20"])
    summary = subset_comparison.run(config)
    assert [row["subset"] for row in summary["error_rates"]] == list(SUBSETS)
    again = subset_comparison.run(config)  # everything is there
    assert again == summary
