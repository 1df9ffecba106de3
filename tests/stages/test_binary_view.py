"""The binary view: where its parts lie, whose models they take, and one page out of three jobs, without Ray."""

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from advgen_ray import recipes
from advgen_ray.config import BinaryViewConfig, EvaluateOneVsRestConfig, LogitAttackConfig, StudyConfig, resolve
from advgen_ray.errors import UserError
from advgen_ray.stages import binary_view, one_vs_rest, one_vs_rest_evaluation, robustness_comparison, synthesis
from advgen_ray.stages.finished_study import report_config
from advgen_ray.stages.study import StudyPlan
from tests.classifier_jobs import fill_maps
from tests.small_synthesis import save_models, synthesis_config
from tests.stages.test_finished_study import store_study
from tests.stages.test_robustness_comparison import SUITES


def test_models_places_and_data_follow_from_the_study() -> None:
    plan = StudyPlan(resolve(recipes.find("digits_study", StudyConfig), None, ["output=out", "data.root=images"]))
    view = plan.binary
    assert view is not None
    detectors = one_vs_rest.trainings_of(view.detectors)
    assert [one.output for one in detectors] == [f"out/binary/one_vs_rest/class-{k}" for k in range(10)]
    parts = [*detectors, view.evaluation, view.synthesis, view.robustness]
    assert {one.data.root for one in parts} == {"images"}
    assert len({one.output for one in parts}) == len(parts)
    softmax = "out/classifiers/eps-1.0/model"
    assert view.synthesis.models == ("out/binary/one_vs_rest/model", softmax)
    assert view.synthesis.judge == view.synthesis.feature_classifier == plan.report.judge
    assert list(view.robustness.classifiers.values()) == ["out/binary/one_vs_rest/model", softmax]
    assert view.evaluation.detectors == "out/binary/one_vs_rest"


def test_a_view_beside_a_classifier_that_is_not_there_is_refused() -> None:
    for change, said in (
        ("binary_view.eps=3.0", r"binary_view\.eps 3\.0 is none of eps"),
        ("binary_view.synthesis.data.name=mnist", "a study has one data set"),
    ):
        with pytest.raises(UserError, match=said):
            resolve(recipes.find("digits_study", StudyConfig), None, [change])


def test_a_finished_study_finds_its_view_again(tmp_path: Path) -> None:
    study = StudyConfig(binary_view=BinaryViewConfig(eps=1.0), output=str(tmp_path / "study"))
    plan = StudyPlan(study)
    store_study(plan)
    assert report_config(study.output).binary == "", "unfinished: nothing to link to"
    Path(study.output, binary_view.PAGE).parent.mkdir()
    Path(study.output, binary_view.PAGE).touch()
    assert report_config(study.output) == plan.report


def test_one_page_of_three_jobs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    models, root = tmp_path / "models", tmp_path / "study"
    save_models(models)
    for name in ("softmax", "judge"):
        shutil.copytree(models / name, root / "classifiers" / {"softmax": "eps-1.0"}.get(name, name))
    config = StudyConfig(
        binary_view=BinaryViewConfig(
            evaluation=EvaluateOneVsRestConfig(
                num_images=20, attacks=(LogitAttackConfig(norm="l2", eps=1.0, num_steps=2, step_size=0.5),)
            ),
            synthesis=synthesis_config(models, tmp_path, num_interpolations=0),
            robustness={"num_images": 20, "radii": (0.5, 1.0), "suites": SUITES},  # type: ignore[arg-type]
        ),
        output=str(root),
    )
    plan = binary_view.plan_of(config, str(root))
    assert plan is not None
    asked: list[Any] = []

    def trained(of: Any) -> dict[str, Any]:
        asked.append(of)
        for k in range(10):
            shutil.copytree(models / f"class-{k}", Path(of.output, f"class-{k}"), dirs_exist_ok=True)
        shutil.copytree(models / "rest/model", Path(of.output, "model"), dirs_exist_ok=True)
        return {"output": of.output}

    monkeypatch.setattr(one_vs_rest, "run", trained)
    for stage in (one_vs_rest_evaluation, synthesis, robustness_comparison):
        monkeypatch.setattr(stage, "run_maps", fill_maps)
    jobs = binary_view.run(plan)
    assert all(one.result_set.finished() for _, one in binary_view.maps_of(plan)), "the sets that its jobs read"
    assert asked == [plan.detectors]
    assert json.loads((root / binary_view.SUMMARY).read_text()) == jobs
    html = (root / binary_view.PAGE).read_text()
    anchors = re.findall(r'<section id="(\w+)"', html)
    assert anchors == ["auc", "logits", "samples", "quality", "neighbors", "curves", "attacks", "doubts", "run"]
    assert (root / "binary" / re.findall(r'<a href="([^"#]+)"', html)[0]).resolve() == root.resolve() / "report.html"
    assert f"{jobs['evaluation']['lowest_auc_worst']:.4f}" in html
    for name in ("evaluation", "synthesis", "robustness"):
        own = Path(jobs[name]["report"]).read_text()
        pictures = re.findall(r'src="(data:image/svg[^"]+)"', own)
        assert pictures
        assert all(picture in html for picture in pictures), f"every picture of {name}'s own page"
    assert html.count("<details>") == 3
