"""The stage that trains classifiers, without Ray: what it exports, stores beside it, and resumes."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch

from advgen_ray.config import (
    AttackConfig,
    Config,
    PreActResNetConfig,
    ResNetConfig,
    TrainClassifierConfig,
    WideResNetConfig,
)
from advgen_ray.data.datasets import load
from advgen_ray.models.preact_resnet import PreActResNet
from advgen_ray.models.resnet import ResNet
from advgen_ray.models.wide_resnet import WideResNet
from advgen_ray.stages import classifier
from advgen_ray.stages.training_split import split_training
from advgen_ray.training.classifier import accuracy
from advgen_ray.training.loop import Record, Save
from advgen_ray.training.model_directory import load_model, save_model
from advgen_ray.training.trainee import Trainee
from advgen_ray.training.worker import Worker
from tests.same_weights import same_weights
from tests.small_training import KeptSession, classifier_config
from tests.training.conftest import Keeper, without_time

ROBUST: dict[str, Any] = {
    "loss": "trades",
    "beta": 3.0,
    "attack": AttackConfig(num_steps=2, start="near"),
    "evaluation_attack": AttackConfig(num_steps=2),
    "num_epochs": 4,
    "num_evaluation_images": 50,
    "num_validation_images": 50,
    "checkpoint_every_epochs": 1,
    "record_energies_at_epochs": (0, 2, 4),
    "num_energy_images": 30,
}


class _Session(KeptSession):
    """Keeps checkpoints in a folder, ends the run after some of them, continues from one."""

    def __init__(self, folder: Path, resume: Path | None = None, stop_after: int | None = None) -> None:
        super().__init__()
        self.resume, self.keeper = resume, Keeper(folder, stop_after)

    def report(self, record: Record, save: Save | None) -> None:
        super().report(record, save)
        self.keeper(record, save)


def _train(config: TrainClassifierConfig) -> KeptSession:
    session = KeptSession()
    classifier.train(config, session)  # type: ignore[arg-type]
    return session


@pytest.mark.parametrize(
    ("model", "built"),
    [
        (WideResNetConfig(depth=10, widen_factor=1, base_channels=4), WideResNet),
        (ResNetConfig(depth=18, base_channels=2), ResNet),
        (PreActResNetConfig(depth=18, base_channels=2), PreActResNet),
    ],
)
def test_every_kind_of_model_is_trained_exported_and_found_again(
    model: Config, built: type[torch.nn.Module], tmp_path: Path
) -> None:
    config = classifier_config(tmp_path, model=model, max_steps=1, num_evaluation_images=20)
    session = _train(config)
    assert session.card["kind"] == config.model.kind
    save_model(tmp_path / "model", session.model, session.card)
    loaded = load_model(tmp_path / "model")
    assert isinstance(loaded.model, built)
    assert same_weights(loaded.model.state_dict(), session.model.state_dict())


def test_without_validation_the_last_model_is_exported(tmp_path: Path) -> None:
    session = _train(classifier_config(tmp_path, num_epochs=2, num_evaluation_images=20))
    assert "selection" not in session.card
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("changes", [{}, {"ema_decay": 0.9, "precision": "bf16"}])
def test_the_best_model_is_exported_and_the_last_one_stored_beside_it(
    changes: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Validated after epoch 3 and at the end, after 4; the former is made the best."""
    keep = Trainee.keep_if_best
    monkeypatch.setattr(Trainee, "keep_if_best", lambda self, value, epoch: epoch == 3 and keep(self, value, epoch))
    config = classifier_config(tmp_path, **(ROBUST | {"validate_every_epochs": 3} | changes))
    session = _train(config)
    measured = {r["epoch"]: r["validation_pgd_accuracy"] for r in session.records if "validation_pgd_accuracy" in r}
    selection = session.card["selection"]
    assert sorted(measured) == [3, 4]
    assert selection["by"] == "validation_pgd_accuracy"
    assert selection["epoch"] == 3
    assert selection["value"] == measured[3]
    _, held_out = split_training(load("digits", "", "train"), config)
    attack = classifier.attack_at(config.evaluation_attack)
    again = accuracy(session.model, held_out, attack, batch_size=50, seed=config.seed, worker=Worker())
    assert again == selection["value"]
    last = load_model(tmp_path / "last")
    assert last.card["metrics"] == selection["last"]
    assert not same_weights(last.model.state_dict(), session.model.state_dict())


def test_a_killed_training_leaves_what_an_unbroken_one_leaves(tmp_path: Path) -> None:
    """Exported model, selection and recorded energies, though a second life records only what the first did not."""
    cards, weights, tables = [], [], []
    for name, stop_after in (("unbroken", None), ("killed", 2)):
        config = classifier_config(tmp_path / name, **ROBUST)
        session = _Session(tmp_path / f"{name}-checkpoints", stop_after=stop_after)
        if stop_after:
            with pytest.raises(InterruptedError):
                classifier.train(config, session)  # type: ignore[arg-type]
            session = _Session(tmp_path / "resumed", resume=session.keeper.checkpoints[-1])
        classifier.train(config, session)  # type: ignore[arg-type]
        cards.append({name: session.card[name] for name in ("metrics", "selection", "num_steps")})
        cards[-1]["history"] = without_time(session.card["history"])
        weights.append(session.model.state_dict())
        files = sorted((tmp_path / name / "energies").iterdir())
        assert [file.name for file in files] == ["epoch-0000.parquet", "epoch-0002.parquet", "epoch-0004.parquet"]
        tables.append(pd.concat([pd.read_parquet(file) for file in files]))
    assert cards[0] == cards[1]
    assert same_weights(*weights)
    pd.testing.assert_frame_equal(*tables)


def test_recorded_energies_are_of_the_same_training_images(tmp_path: Path) -> None:
    config = classifier_config(tmp_path, **(ROBUST | {"num_epochs": 2, "record_energies_at_epochs": (0, 2)}))
    _train(config)
    first, second = (pd.read_parquet(tmp_path / "energies" / f"epoch-000{epoch}.parquet") for epoch in (0, 2))
    assert list(first["item_id"]) == list(second["item_id"])
    assert first["item_id"].nunique() == 30
    assert all(name.startswith("digits-train-") for name in first["item_id"])
    assert set(second["epoch"]) == {2}
    assert not first["natural_energy_x"].equals(second["natural_energy_x"])
    kinds = {f"{kind}_{value}" for kind in ("natural", "attacked") for value in ("energy_x", "energy_xy", "predicted")}
    assert set(first.columns) == {"epoch", "item_id", "label"} | kinds


@pytest.mark.parametrize("loss", ["sat", "trades", "mart", "mail_trades", "weat_adv", "weat_nat"])
def test_every_loss_by_its_name(loss: str, tmp_path: Path) -> None:
    config = classifier_config(tmp_path, loss=loss, max_steps=4, num_evaluation_images=20, mail_burn_in_epochs=1)
    session = _train(config)
    logged = set(session.records[-1])
    assert ("kl" in logged) == (loss not in ("sat", "mart"))
    assert ("energy_weight" in logged) == loss.startswith("weat")
    assert ("weighted_kl" in logged) == (loss == "mart")
    assert ("probabilistic_margin" in logged) == (loss == "mail_trades")
    assert classifier.describe(config, session.records[-1]).startswith("epoch 1.3333/12  loss ")


def test_at_eps_zero_every_loss_is_standard_training(tmp_path: Path) -> None:
    weights = []
    for loss in ("sat", "weat_nat"):
        attack = AttackConfig(eps=0.0)
        config = classifier_config(tmp_path, loss=loss, attack=attack, max_steps=2, num_evaluation_images=20)
        weights.append(_train(config).model.state_dict())
    assert same_weights(*weights)
