"""A study's results are found again by their places, and its report config says exactly those."""

import json
from pathlib import Path
from typing import Any

import pytest

from advgen_ray.config import StudyConfig
from advgen_ray.config.study import ClassifierViewConfig
from advgen_ray.errors import UserError
from advgen_ray.stages.finished_study import elapsed_seconds, report_config
from advgen_ray.stages.study import StudyPlan
from advgen_ray.storage import ResultSet
from advgen_ray.storage.schemas import SCHEMAS


def store(uri: str, kind: str, config: dict[str, Any], inputs: dict[str, Any]) -> None:
    """A finished set without rows."""
    shape = (1, 8, 8) if kind == "counterfactuals" else None
    result_set = ResultSet.create(uri, kind=kind, config=config, inputs=inputs, num_shards=1, image_shape=shape)
    result_set.write_shard(0, SCHEMAS[kind].empty_table())
    result_set.commit(seconds=1.0)


def store_study(plan: StudyPlan) -> None:
    """What a study leaves, as far as its report is concerned."""
    for config in [*plan.counterfactuals, *plan.by_classifiers.chains]:
        store(config.output, "counterfactuals", config.content(), {})
    names = {uri.split("/")[-2]: "digest" for uri in plan.energies.classifiers}
    sets = {uri.split("/")[-1]: "identity" for uri in plan.energies.counterfactuals}
    store(plan.energies.output, "energies", plan.energies.content(), {"classifiers": names, "counterfactuals": sets})
    Path(plan.score_model.output, "model").mkdir(parents=True)
    Path(plan.explorer.output, "explorer.html").touch()


def test_the_report_of_a_study_is_asked_for_again_as_the_study_did(tmp_path: Path) -> None:
    view = ClassifierViewConfig(eps=(0.25, 1.0), others=("elsewhere/one_vs_rest/model",))
    study = StudyConfig(eps=(0.0, 0.25, 1.0), classifier_view=view, output=str(tmp_path / "study"))
    plan = StudyPlan(study)
    store_study(plan)
    assert report_config(f"{study.output}/") == plan.report
    Path(study.output, "explorer.html").unlink()
    assert report_config(study.output).explorer == "", "a study of before has none to link to"


def test_a_directory_without_a_finished_study_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no finished study here"):
        report_config(str(tmp_path))


def test_the_seconds_that_the_study_measured_are_kept(tmp_path: Path) -> None:
    assert elapsed_seconds(str(tmp_path)) is None
    (tmp_path / "summary.json").write_text(json.dumps({"elapsed_seconds": {"classifiers": 3.5}}))
    assert elapsed_seconds(str(tmp_path)) == {"classifiers": 3.5}
