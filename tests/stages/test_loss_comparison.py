"""Losses compared end to end: what is trained, said, kept after a kill, and tracked."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from advgen_ray.config import AttackConfig, CompareLossesConfig, LossConfig
from advgen_ray.errors import UserError
from advgen_ray.stages import loss_comparison
from tests.in_process import InProcess
from tests.small_training import classifier_config

LOSSES = (LossConfig(loss="sat"), LossConfig(loss="trades", start="near"))


def _config(output: Path, **changes: Any) -> CompareLossesConfig:
    training = classifier_config(
        output, attack=AttackConfig(num_steps=1), evaluation_attack=AttackConfig(num_steps=1), num_epochs=1,
        batch_size=700, checkpoint_every_epochs=1, num_evaluation_images=50, record_energies_at_epochs=(1,),
        num_energy_images=20,
    )  # fmt: skip
    values = {"training": training, "losses": LOSSES, "seeds": (0, 1), "output": str(output)}
    return CompareLossesConfig(**(values | changes))


def _numbers(output: Path) -> dict[str, Any]:
    """The summary without what depends on place and time."""
    summary = json.loads((output / "summary.json").read_text())
    for row in (*summary["losses"], *summary["trainings"]):
        for key in [key for key in row if "seconds" in key]:
            del row[key]
    return {key: value for key, value in summary.items() if key not in ("output", "report")}


def test_a_killed_comparison_continues_and_says_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ray = InProcess(monkeypatch)
    summary = loss_comparison.run(_config(tmp_path / "unbroken"))
    assert len(ray.trained) == 4
    ray.trained, ray.stop_after = [], 3
    with pytest.raises(InterruptedError):
        loss_comparison.run(_config(tmp_path / "killed"))
    assert not (tmp_path / "killed" / "report.html").exists()
    ray.stop_after = None
    loss_comparison.run(_config(tmp_path / "killed"))
    assert len(ray.trained) == len(set(ray.trained)) == 4  # none twice
    assert _numbers(tmp_path / "killed") == _numbers(tmp_path / "unbroken")

    assert [row["loss"] for row in summary["losses"]] == ["sat", "trades"]
    cards = {
        loss: [
            json.loads((tmp_path / "unbroken" / loss / f"seed-{seed}" / "model" / "model.json").read_text())["metrics"]
            for seed in (0, 1)
        ]
        for loss in ("sat", "trades")
    }
    for row in summary["losses"]:
        robust = [metrics["pgd_accuracy"] for metrics in cards[row["loss"]]]
        assert row["pgd_accuracy_mean"] == pytest.approx(sum(robust) / 2, abs=1e-6)
    difference = next(one for one in summary["differences"] if one["quantity"] == "clean_accuracy")
    assert difference["difference"] == "sat - trades"
    expected = [
        one["clean_accuracy"] - other["clean_accuracy"]
        for one, other in zip(cards["sat"], cards["trades"], strict=True)
    ]
    assert difference["mean"] == pytest.approx(sum(expected) / 2, abs=1e-6)
    assert 0 <= summary["largest_trades_identity_error"] < 1e-5

    page = (tmp_path / "unbroken" / "report.html").read_text()
    assert "TRADES read as energies" in page
    assert "Energies while SAT trains, seed 0" in page

    with pytest.raises(UserError, match=r"seeds is \[0, 1\] there, \[0, 2\] here"):
        loss_comparison.run(_config(tmp_path / "killed", seeds=(0, 2)))


def test_losses_without_terms_or_records_have_a_page_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    InProcess(monkeypatch)
    base = _config(tmp_path)
    training = base.training.override(["record_energies_at_epochs=[]"])
    summary = loss_comparison.run(
        _config(
            tmp_path,
            training=training,
            losses=(LOSSES[0], LossConfig(loss="mart", name="mart-6")),
            reference="sat",
            seeds=(5,),
        )
    )
    assert summary["largest_trades_identity_error"] is None
    assert {one["zero_in_interval"] for one in summary["differences"]} == {None}
    page = (tmp_path / "report.html").read_text()
    assert "One seed says nothing" in page
    assert "mart-6 minus SAT" in page
    assert "TRADES read as energies" not in page


def test_data_that_is_missing_is_said_before_anything_is_written(tmp_path: Path) -> None:
    config = _config(tmp_path / "out")
    with pytest.raises(UserError, match=r"train\.npz: not found"):
        loss_comparison.run(config.override(["training.data.name=npz", f"training.data.root={tmp_path}"]))
    assert not (tmp_path / "out").exists()


@pytest.mark.long
@pytest.mark.ray
@pytest.mark.usefixtures("ray_session")
def test_all_losses_share_one_worker_group_and_are_tracked_under_one_run(tmp_path: Path) -> None:
    import mlflow

    summary = loss_comparison.run(_config(tmp_path, seeds=(0,)))
    assert {row["loss"] for row in summary["trainings"]} == {"sat", "trades"}
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "losses.json", "report.html", "sat", "summary.json", "trades",
    ]  # fmt: skip
    client = mlflow.MlflowClient(os.environ["MLFLOW_TRACKING_URI"])
    experiments = [experiment.experiment_id for experiment in client.search_experiments()]
    runs = client.search_runs(experiments, f"tags.output LIKE '{tmp_path}%'")
    (parent,) = (run for run in runs if run.info.run_name == "losses")
    children = [run for run in runs if run.data.tags.get("mlflow.parentRunId") == parent.info.run_id]
    outputs = sorted(run.data.tags["output"] for run in children)  # each training once, its results in the same run
    assert outputs == [f"{tmp_path}/{loss}/seed-0" for loss in ("sat", "trades")]
    assert all({"loss", "pgd_accuracy"} <= run.data.metrics.keys() for run in children)
    assert {run.info.status for run in runs} == {"FINISHED"}
    assert parent.data.metrics["trades/pgd_accuracy_mean"] == pytest.approx(summary["losses"][1]["pgd_accuracy_mean"])
