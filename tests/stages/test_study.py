"""The study's plan: every stage has its own place, one data set, and the judge takes part in nothing."""

from contextlib import nullcontext
from types import SimpleNamespace

import pytest

from advgen_ray import recipes
from advgen_ray.config import PoolConfig, StudyConfig, resolve
from advgen_ray.errors import IncompleteError, UserError
from advgen_ray.stages import counterfactuals, study
from advgen_ray.stages.stage_clock import StageClock
from advgen_ray.stages.study import StudyPlan


@pytest.fixture
def plan() -> StudyPlan:
    return StudyPlan(resolve(recipes.find("digits_study", StudyConfig), None, ["output=out", "data.root=images"]))


def test_every_stage_has_its_own_place(plan: StudyPlan):
    outputs = [stage.output for stage in [*plan.classifiers, plan.judge, plan.score_model, *plan.counterfactuals]]
    assert len(set(outputs)) == len(outputs)
    assert all(output.startswith("out/") for output in outputs)


def test_classifiers_rise_from_standard_and_only_that_one_has_dropout(plan: StudyPlan):
    assert plan.classifiers[0].attack.eps == 0
    assert plan.classifiers[0].model.dropout > 0
    assert all(c.attack.eps > 0 and c.model.dropout == 0 for c in plan.classifiers[1:])
    assert {c.output for c in plan.classifiers} >= {"out/classifiers/eps-0.0"}


def test_the_judge_is_a_standard_model_of_another_seed(plan: StudyPlan):
    assert plan.judge.attack.eps == 0
    assert plan.judge.seed not in {c.seed for c in plan.classifiers}
    assert plan.report.judge == f"{plan.judge.output}/model"
    assert plan.report.judge not in plan.report.classifiers


def test_one_data_set_for_all(plan: StudyPlan):
    stages = [*plan.classifiers, plan.judge, plan.score_model, *plan.counterfactuals, plan.energies, plan.report]
    assert {stage.data.root for stage in stages} == {"images"}
    with pytest.raises(UserError, match="a study has one data set"):
        resolve(recipes.find("digits_study", StudyConfig), None, ["energies.data.name=mnist"])


@pytest.mark.parametrize(("changes", "groups"), [([], [17]), (["score_model.workers.num_workers=3"], [6, 1, 10])])
def test_trainings_with_the_same_workers_share_groups(
    monkeypatch: pytest.MonkeyPatch, changes: list[str], groups: list[int]
):
    seen = []
    monkeypatch.setattr(study, "check_data", lambda configs: [1] * len(configs))
    monkeypatch.setattr(study, "run_tracked", lambda tasks, workers, describe: seen.append((tasks, workers)))
    base = recipes.find("digits_study", StudyConfig)
    plan = StudyPlan(resolve(base, None, ["output=out", *changes]))
    plan.train()
    assert [len(tasks) for tasks, _ in seen] == groups
    assert [task.output for tasks, _ in seen for task in tasks] == [
        *(one.output for one in plan.trainings), plan.score_model.output,
        *(f"out/binary/one_vs_rest/class-{k}" for k in range(10)),
    ]  # fmt: skip
    assert seen[1 if changes else 0][1] == plan.score_model.workers


def test_every_training_is_told_of_in_its_own_words(plan: StudyPlan):
    record = {"step": 3, "epoch": 1, "loss": 0.5, "seconds": 1.0, "train_accuracy": 0.25}
    assert study._describe(plan.score_model, record).startswith("step 3/1500  loss 0.5000")
    assert study._describe(plan.judge, record).startswith("epoch 1/20  loss 0.500  accuracy 0.250")
    assert plan.binary is not None
    of_both = {"k": 10.0, "data_probability": 0.75, "out_probability": 0.25}
    told = study._describe(plan.binary.detectors.training, record | of_both)
    assert told.startswith("step 3/250  loss 0.5000  K 10.0  D 0.750 / 0.250")


def test_variants_differ_from_the_main_set_in_the_neighborhood_alone(plan: StudyPlan):
    kinds = {plan.main.neighborhood.kind, *(variant.neighborhood.kind for variant in plan.variants)}
    assert kinds == {"gaussian", "boltzmann_hardtanh", "boltzmann_exact", "bounded"}
    assert len(plan.report.variants) == 4 + len(plan.by_classifiers.sets)
    for variant in plan.variants:
        assert variant.neighborhood.sigma_ce == plan.main.neighborhood.sigma_ce
        assert (variant.seed, variant.split) == (plan.main.seed, plan.main.split)
    assert plan.held_out.split == "test"


def test_classifiers_make_counterfactuals_of_the_variants_sources_and_those_are_sources_again():
    view = ["classifier_view={eps: [1.0]}", "output=out", "variant_sources=7"]
    plan = StudyPlan(resolve(recipes.find("digits_study", StudyConfig), None, view)).by_classifiers
    (ascent,), (dvce,), (chain,) = plan.ascents, plan.dvce, plan.chains
    assert ascent.classifier == dvce.method.cone_classifier == "out/classifiers/eps-1.0/model"
    assert dvce.classifier == "out/classifiers/eps-0.0/model"
    assert dvce.method.score_model == chain.score_model == "out/score_model/model"
    assert (ascent.num_sources, dvce.num_sources) == (7, 7)
    assert (chain.sources, chain.num_sources) == (ascent.output, 70)
    with pytest.raises(UserError, match=r"classifier_view\.eps 3\.0 is none of eps"):
        resolve(recipes.find("digits_study", StudyConfig), None, ["classifier_view={eps: [3.0]}"])


def test_classifiers_from_elsewhere_make_counterfactuals_of_the_same_sources_and_end_no_chain():
    view = "classifier_view={eps: [1.0], others: [runs/digits/detectors/model]}"
    config = resolve(recipes.find("digits_study", StudyConfig), None, [view, "output=out", "variant_sources=7"])
    plan = StudyPlan(config)
    other, own = plan.by_classifiers.others
    assert (other.classifier, other.num_sources) == ("runs/digits/detectors/model", 7)
    assert (own.classifier, own.num_sources) == ("out/binary/one_vs_rest/model", 7), "its detectors make some too"
    for one, name in ((other, "by-detectors"), (own, "by-one_vs_rest")):
        assert one.output == f"out/counterfactuals/{name}"
        assert one.output in plan.report.variants
        assert one.output in plan.energies.counterfactuals
    assert len(plan.by_classifiers.chains) == 1
    same = resolve(config, None, ["classifier_view.others=[elsewhere/eps-1.0/model]"])
    with pytest.raises(UserError, match=r"'eps-1\.0' is a classifier of the study"):
        StudyPlan(same)


def test_the_explorer_lies_beside_the_report_and_each_links_to_the_other(plan: StudyPlan):
    assert plan.explorer.output == plan.report.output == "out"
    assert (plan.explorer.report, plan.report.explorer) == ("report.html", "explorer.html")
    assert (plan.explorer.counterfactuals, plan.explorer.energies) == (plan.main.output, plan.energies.output)
    assert plan.report.judge.split("/")[-2] == plan.explorer.judge


def test_sets_that_ask_for_the_same_pool_share_one(monkeypatch: pytest.MonkeyPatch):
    made = []
    monkeypatch.setattr(study, "run_maps", lambda name, maps, pool: made.append((pool.max_actors, maps)))
    two, four = (PoolConfig(min_actors=1, max_actors=number) for number in (2, 4))
    study._make([(two, "a"), (four, "b"), (PoolConfig(min_actors=1, max_actors=2), "c")], [])
    assert made == [(2, ["a", "c"]), (4, ["b"])]


def test_where_a_shared_pool_leaves_rows_out_the_whole_sets_are_recorded(
    plan: StudyPlan, monkeypatch: pytest.MonkeyPatch
):
    def incomplete(*_: object) -> None:
        raise IncompleteError("failed rows: 1")

    recorded = []
    monkeypatch.setattr(study, "run_maps", incomplete)
    monkeypatch.setattr(counterfactuals, "prepare", lambda config: SimpleNamespace(uri=config.output))
    monkeypatch.setattr(counterfactuals, "_parent", lambda _: nullcontext())
    monkeypatch.setattr(counterfactuals, "_record", lambda sets, _: recorded.extend(one.uri for _, one in sets))
    with pytest.raises(IncompleteError):
        study._make([(PoolConfig(), "a")], plan.counterfactuals)
    assert recorded == [one.output for one in plan.counterfactuals]


def test_eps_must_rise_from_zero():
    for eps in ("[0.5, 1.0]", "[0.0, 1.0, 0.5]", "[0.0, 0.5, 0.5]", "[]"):
        with pytest.raises(UserError, match="eps must rise from 0"):
            resolve(recipes.find("digits_study", StudyConfig), None, [f"eps={eps}"])


def test_the_clock_counts_every_life_of_a_study(tmp_path):
    def killed() -> None:
        raise KeyboardInterrupt

    first = StageClock(str(tmp_path), num_stages=2)
    first.seconds["classifiers"] = 40.0
    with pytest.raises(KeyboardInterrupt):
        first.run("classifiers", killed)
    second = StageClock(str(tmp_path), num_stages=2)
    second.run("classifiers", lambda: None)
    second.run("energies", lambda: None)
    assert second.seconds["classifiers"] >= 40.0
    assert set(second.seconds) == {"classifiers", "energies"}
