"""A study's config: what its parts would refuse of each other is one line of the dry run, whatever the network."""

from pathlib import Path

import pytest

from advgen_ray import recipes
from advgen_ray.config import DataConfig, ResNetConfig, StudyConfig, resolve
from advgen_ray.errors import UserError
from advgen_ray.job import run_job
from advgen_ray.stages.study import StudyPlan, planned


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (["classifier.record_energies_at_epochs=[1]"], "classifier at eps 0: record_energies_at_epochs: energies are"),
        (["eps=[0,0.5,50]", "classifier_view=null"], "classifier at eps 50: eps is in [0, 1] pixel units, got 50.0"),
        (["classifier.attack.norm=linf"], "classifier at eps 1.5: eps is in [0, 1] pixel units, got 1.5"),
        (
            ["classifier_view.dvce.replicates=1", "classifier_view.dvce.method={kind: ascent}"],
            "dvce.method.kind is ascent: expected dvce, or dvce=null",
        ),
        (["classifier_view.ascent.method={kind: dvce}"], "ascent.method.kind is dvce: expected ascent"),
        (["classifier_view.others=[elsewhere/eps-0.0/model]"], "'eps-0.0' is a classifier of the study"),
        (["binary_view.synthesis.feature_classifier=", "binary_view.synthesis.inception=w.pth"], "give one of the two"),
        (
            ["counterfactuals.sources=runs/another"],
            "counterfactuals.sources=runs/another: those of a study are made of",
        ),
        (["energy_view.recorded.record_energies_at_epochs=[]"], "recorded.record_energies_at_epochs=[]: this training"),
        (["energy_view.attacked.splits=[train]"], "attacked.splits=['train']: images of the test split are attacked"),
        (["energies.attacks=[]"], "energies.attacks: got [], but the report rests on one called 'pgd'"),
        (["energies.attacks=[{kind: apgd}]"], "energies.attacks: got ['apgd'], but the report rests on"),
        (["energies.attacks=[{name: PGD-20}]"], "energies.attacks: got ['PGD-20'], but the report rests on"),
        (["energies.splits=[train]"], "energies.splits=['train']: the report needs those of the test split"),
        (["energies.splits=[test]"], "take energies.splits=[test,train]"),
        (
            ["data.name=mnist", "classifier_view.ascent.data.name=svhn"],
            "classifier_view.ascent.data.name is svhn, data.name is mnist: a study has one data set; set data.name",
        ),
    ],
)
def test_parts_that_do_not_go_together_are_one_line_of_the_dry_run(
    settings: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    views = [f"{name}=null" for name in ("energy_view", "binary_view") if not any(name in one for one in settings)]
    words = [word for setting in [*views, *settings] for word in ("--set", setting)]
    assert run_job(StudyConfig, pytest.fail, [*words, "--dry-run"], plan=planned) == 2
    told = capsys.readouterr().err
    assert told.startswith("error: ")
    assert told.count("\n") == 1, told
    assert message in told


def test_test_images_are_enough_where_counterfactuals_are_of_them() -> None:
    study = recipes.find("digits_study", StudyConfig)
    assert study.override(["energies.splits=[test]", "counterfactuals.split=test"]).energies.splits == ("test",)


@pytest.mark.parametrize("recipe", ["digits_study", "cifar10_study"])
def test_the_parts_have_the_images_that_the_study_is_given(recipe: str, tmp_path: Path) -> None:
    study = recipes.find(recipe, StudyConfig)
    own = DataConfig(name="npz", root="mine")
    (tmp_path / "own.yaml").write_text("data: {name: npz, root: mine}\nclassifier: {data: {name: npz}, seed: 5}\n")
    for given in (study.override(["data.name=npz", "data.root=mine"]), resolve(study, str(tmp_path / "own.yaml"), [])):
        assert given.data == given.score_model.data == given.counterfactuals.data == given.energies.data == own
        assert given.classifier.data.name == "npz"
        view, binary = given.energy_view, given.binary_view
        assert view.attacked.data == view.detectors.data == view.images.data == view.recorded.data == own
        assert given.classifier_view.ascent.data == own
        if recipe == "digits_study":
            assert binary.detectors.training.data == binary.evaluation.data == binary.synthesis.data == own
            assert binary.robustness.data == own


def test_a_network_without_dropout_is_trained_as_it_is() -> None:
    study = recipes.find("digits_study", StudyConfig)
    plan = StudyPlan(study.override(["classifier.model={kind: resnet, depth: 18}"]))
    assert {one.model for one in [*plan.classifiers, plan.judge]} == {ResNetConfig(depth=18)}


def test_a_copy_with_changes_is_validated_and_names_the_mistake() -> None:
    classifier = recipes.find("digits_study", StudyConfig).classifier
    assert classifier.changed(seed=7).model_dump() == classifier.model_dump() | {"seed": 7}
    for changes, message in (({"seed": -1}, "seed: input should be"), ({"sed": 1}, "did you mean 'seed'")):
        with pytest.raises(UserError, match=message):
            classifier.changed(**changes)
