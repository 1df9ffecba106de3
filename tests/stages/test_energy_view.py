"""The energy view of a study: which classifiers it looks at, where its parts lie, what the page reads back."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from advgen_ray import recipes
from advgen_ray.config import DataConfig, ReportConfig, StudyConfig, resolve
from advgen_ray.errors import UserError
from advgen_ray.stages import energy_view
from advgen_ray.stages.study import StudyPlan
from advgen_ray.training.model_directory import save_model
from tests.models_on_disk import save_classifier


@pytest.fixture
def config() -> StudyConfig:
    return resolve(recipes.find("digits_study", StudyConfig), None, ["output=out", "data.root=images"])


def test_the_view_compares_the_standard_model_with_a_robust_one(config: StudyConfig) -> None:
    plan = StudyPlan(config)
    view = plan.view
    assert view is not None
    standard, robust = "out/classifiers/eps-0.0/model", "out/classifiers/eps-1.0/model"
    assert view.attacked.classifiers == (standard, robust)
    assert view.detectors.classifier == standard
    assert view.images.classifiers == (standard, robust, "out/recorded/trades/model")
    assert view.images.judge == "out/classifiers/judge/model"
    trained = {f"{training.output}/model" for training in plan.trainings}
    assert {standard, robust, view.images.judge, "out/recorded/trades/model"} <= trained
    parts = (view.attacked, view.detectors, view.images, view.recorded)
    assert len({part.output for part in parts}) == 4
    assert {part.data.root for part in parts} == {"images"}
    assert plan.report.attacked == view.attacked.output
    assert plan.report.recorded == "out/recorded/trades"


def test_a_quasi_robust_model_is_looked_at_between_the_two(config: StudyConfig) -> None:
    view = StudyPlan(resolve(config, None, ["energy_view.quasi_robust_eps=0.5"])).view
    assert view is not None
    names = [one.split("/")[-2] for one in view.images.classifiers]
    assert names == ["eps-0.0", "eps-0.5", "eps-1.0", "trades"]
    assert len(view.attacked.classifiers) == 2


def test_the_study_of_cifar10_looks_at_the_three_models_of_the_figure() -> None:
    view = StudyPlan(recipes.find("cifar10_study", StudyConfig)).view
    assert view is not None
    names = [one.split("/")[-2] for one in view.images.classifiers]
    assert names == ["eps-0.0", "eps-0.1", "eps-1.0", "trades"]
    assert view.images.generators == ("eps-1.0",)


@pytest.mark.parametrize(
    ("setting", "told"), [("eps=0.7", r"\.eps 0\.7"), ("quasi_robust_eps=0.2", r"\.quasi_robust_eps 0\.2")]
)
def test_a_view_of_a_classifier_that_is_not_trained_is_refused(setting: str, told: str) -> None:
    with pytest.raises(UserError, match=rf"energy_view{told} is none of eps"):
        resolve(recipes.find("digits_study", StudyConfig), None, [f"energy_view.{setting}"])


def test_a_study_may_do_without_it(config: StudyConfig) -> None:
    plan = StudyPlan(resolve(config, None, ["energy_view=null"]))
    assert plan.view is None
    assert len(plan.trainings) == len(config.eps) + 1
    assert energy_view.sections(plan.report) == []


def test_a_recorded_training_is_read_back(tmp_path: Path) -> None:
    save_classifier(tmp_path / "model")
    (tmp_path / "energies").mkdir()
    for epoch in (1, 10):
        values = np.full(6, -float(epoch))
        columns = {f"{kind}_{name}": values for kind in ("natural", "attacked") for name in ("energy_x", "energy_xy")}
        table = pd.DataFrame({"epoch": epoch, "item_id": [f"i{i}" for i in range(6)], "label": range(6), **columns})
        table.to_parquet(tmp_path / "energies" / f"epoch-{epoch:04}.parquet")
    rows, card = energy_view.read_recorded(str(tmp_path))
    assert rows["epoch"].tolist() == [1] * 6 + [10] * 6
    assert card["kind"] == "wide_resnet"
    terms = {"kl": 0.1, "natural_loss": 1.0, "kl_conditional": 0.2, "kl_marginal": -0.1, "trades_identity_error": 1e-7}
    config = ReportConfig(data=DataConfig(name="digits"), recorded=str(tmp_path))
    for loss, measured, anchors in (("trades", terms, ["dynamics", "trades"]), ("sat", {}, ["dynamics"])):
        told = {"history": [{"epoch": 1, **measured}], "training": {"loss": loss, "beta": 6.0}}
        save_model(tmp_path / "model", torch.nn.Linear(1, 1), card | told)
        assert [section.anchor for section in energy_view.sections(config)] == anchors


def test_a_training_that_recorded_none_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=rf"{tmp_path}: this training recorded no energies; expected one with"):
        energy_view.read_recorded(str(tmp_path))
