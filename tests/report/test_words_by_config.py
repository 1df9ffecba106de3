"""Words beside figures follow what was configured, whatever the defaults are."""

from dataclasses import replace
from typing import Any

import pytest

from advgen_ray.config import AttackConfig
from advgen_ray.report import plots_ablation, plots_distances
from advgen_ray.report.key_figures import key_figures, what_was_run
from advgen_ray.report.page import render
from advgen_ray.report.sections_classifiers import confidence_section, robustness_section
from advgen_ray.report.sections_counterfactuals import grid_section
from advgen_ray.report.sections_runs import words_section
from advgen_ray.report.study import RunRecord, Study
from advgen_ray.report.study_page import result_sections, study_page


@pytest.fixture
def other(study: Study) -> Study:
    """Classifiers trained in Linf, counterfactuals of test images."""

    def changed(one: RunRecord) -> RunRecord:
        config: dict[str, Any] = dict(one.config)
        if one.stage in ("classifier", "judge"):
            config["attack"] = {**config["attack"], "norm": "linf"}
        if one.stage == "counterfactuals":
            config["split"] = "test"
        return replace(one, config=config)

    return replace(study, records=[changed(one) for one in study.records])


def test_sources_are_of_the_split_that_was_asked_for(study: Study, other: Study) -> None:
    for told, images in ((study, "training images"), (other, "test images")):
        assert f"800 counterfactuals of 40 {images}" in what_was_run(told)
        assert key_figures(told)[-1].detail.endswith(f"over 40 {images}")
        assert f"made from 40 {images}" in grid_section(told).sentences[0]
        confidence = confidence_section(told)
        assert f"40 clean {images}" in confidence.blocks[0].caption
        assert "training images" not in " ".join(confidence.sentences)
    unknown = replace(study, records=[one for one in study.records if one.stage != "counterfactuals"])
    assert "800 counterfactuals of 40 images" in what_was_run(unknown)


def test_radii_are_of_the_norm_that_was_trained_in(study: Study, other: Study) -> None:
    for told, radius in ((study, "L2 radius 0.25"), (other, "Linf radius 0.25")):
        assert f"ones adversarially trained at {radius}" in what_was_run(told)
    html = render(study_page(other, result_sections(other)))
    assert "L2 radius" not in html
    assert "One training image" not in html


def test_the_attack_named_is_the_one_whose_accuracies_are_shown(retold: Any) -> None:
    attacks = (
        AttackConfig(kind="apgd", eps=0.1),
        AttackConfig(norm="linf", eps=16 / 255, num_steps=10),
        AttackConfig(norm="linf", eps=8 / 255, num_steps=20),
        AttackConfig(name="far", eps=0.01, num_steps=5),
    )
    told = retold(attacks=tuple({**one.model_dump(), "label": one.label} for one in attacks))
    assert "PGD(20) in Linf at 8/255, 95% binomial" in robustness_section(told).blocks[0].caption


def test_a_score_model_is_told_of_where_there_is_one(study: Study) -> None:
    without = replace(study, records=[one for one in study.records if one.stage != "score model"])
    for told, there in ((study, True), (without, False)):
        caption = robustness_section(told).blocks[1].caption
        assert ("and the score model" in caption) == there
    assert caption.endswith("but for the standard models.")


def test_detectors_of_one_class_are_not_counted() -> None:
    assert "Ten detectors" not in str(words_section().blocks)


def test_l0_is_of_values_not_of_pixels(page: str) -> None:
    assert "L0: share of values changed by more than 0.02" in page
    assert "pixels that changed" not in page
    assert "share of values" in plots_distances.AXIS_NAMES["l0"]
    assert "share of values" in plots_ablation.AXES["l0_mean"]
