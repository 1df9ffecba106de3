"""Sentences of the study's page where there is one of a thing or none, where nothing differs, where parts lack."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pandas as pd
import pytest

from advgen_ray.analysis.attacked_energies import AttackedEnergies
from advgen_ray.report import numbers
from advgen_ray.report.energies_page import energies_page
from advgen_ray.report.key_figures import answer, what_was_run
from advgen_ray.report.sections_attacks import evasion_section, separation_section, steps_section
from advgen_ray.report.sections_classifiers import confidence_section, robustness_section
from advgen_ray.report.sections_counterfactuals import distance_classifier_section
from advgen_ray.report.sections_effect import effect_section
from advgen_ray.report.sections_energy import detector_section, energy_section
from advgen_ray.report.study import RunRecord, Study

NAN = float("nan")
Retold = Callable[..., Study]


def _with(study: Study, **tables: Any) -> Study:
    return replace(study, tables=replace(study.tables, **tables))


def _separated(**areas: float) -> AttackedEnergies:
    rows = [
        {"attack": name, "fooled": 1.0, "shift_energy_x": area, "auroc_energy_x": area, "shift_energy_xy": 0.0,
         "auroc_energy_xy": 0.5, "count": 8}
        for name, area in areas.items()
    ]  # fmt: skip
    natural = pd.DataFrame({"energy_x": [1.0, 2.0], "energy_xy": [1.0, 2.0]})
    attacked = {"std": dict.fromkeys(areas, natural)}
    return AttackedEnergies({}, {"std": pd.DataFrame(rows)}, {}, {"std": natural}, attacked)


@pytest.mark.parametrize(
    ("areas", "told"),
    [
        ({"pgd": 0.9}, "Under std, E(x) of pgd has AUROC 0.90, below natural energies."),
        ({"pgd": 0.9, "cw": 0.4}, "Under std, pgd is told apart best by E(x) (AUROC 0.90, below natural energies), "
         "cw worst (AUROC 0.40, above natural energies)."),
        ({"pgd": 0.9, "cw": 0.501}, "cw worst (AUROC 0.50, level with natural energies)."),
        ({"pgd": 0.999, "cw": 0.001}, "Under std, E(x) tells all 2 attacks apart equally well: each AUROC lies 0.50"),
    ],
)  # fmt: skip
def test_best_and_worst_are_two_attacks(areas: dict[str, float], told: str) -> None:
    assert told in separation_section(_separated(**areas)).sentences[0]


def test_one_attack_moves_energies_once() -> None:
    one, two = (energies_page(_separated(**areas), {"data": {"name": "digits"}}, "1") for areas in (
        {"pgd": 0.9}, {"pgd": 0.9, "cw": 0.4}
    ))  # fmt: skip
    assert one.answer == "Under std, pgd moves the mean of E(x) by +0.90."
    assert two.answer == "Under std, cw moves the mean of E(x) by +0.40, pgd by +0.90."
    assert one.lead.startswith("Classifier: std;")


@pytest.mark.parametrize(
    ("ends", "told"),
    [
        ((-4.0,), "PGD, a moves the mean of E(x) by −4.00 in 1 step."),
        ((1.0, 3.0), "None of 2 ends below the natural images in mean E(x); PGD, b goes farthest, +3.00 in 1 step."),
        ((-0.001, -3.0), "1 of 2 ends below the natural images in mean E(x); PGD, b goes farthest, −3.00 in 1 step."),
        ((-1.0, -3.0), "2 of 2 end below"),
    ],
)
def test_the_farthest_series_is_the_farthest(ends: tuple[float, ...], told: str) -> None:
    rows = [
        {"series": name, "num_steps": steps, "mean_energy_x": steps * end, "std_energy_x": 1.0, "mean_energy_xy": 0.0,
         "std_energy_xy": 1.0, "accuracy": 0.5, "accuracy_low": 0.4, "accuracy_high": 0.6, "count": 8}
        for name, end in zip("ab", ends, strict=False)
        for steps in (0, 1)
    ]  # fmt: skip
    assert told in steps_section({"PGD": pd.DataFrame(rows)}).sentences[0]


@pytest.mark.parametrize(
    ("passing", "told"),
    [((0.3, 0.1), "at no other lambda do more pass."), ((0.1, 0.1), "at no other"), ((0.1, 0.3), "at lambda 1 it")],
)
def test_a_lambda_is_set_beside_another_one(passing: tuple[float, float], told: str) -> None:
    table = pd.DataFrame({"lambda": [0.0, 1.0], "undetected_success": passing, "detection_rate": 0.5, "success": 0.5})
    table = table.assign(count=4, num_validation=4, auroc=0.5, mean_energy_x=0.0, natural_energy_x=0.0)
    assert told in evasion_section({"std": table}).sentences[0]


@pytest.mark.parametrize(
    ("difference", "told"),
    [(0.02, "rises by 2.0 points"), (-0.02, "falls by 2.0 points"), (NAN, "moves by n/a"),
     (0.0004, "stays the same to a tenth of a point"), (-0.0004, "stays the same to a tenth of a point")],
)  # fmt: skip
def test_what_rounds_to_zero_neither_rises_nor_falls(study: Study, difference: float, told: str) -> None:
    assert numbers.moves(difference) == told
    table = study.tables.robustness.assign(clean_accuracy=0.5, pgd_accuracy=[0.5, 0.5, 0.5, 0.5 + difference])
    words = robustness_section(_with(study, robustness=table)).sentences[0]
    assert f"clean test accuracy stays the same to a tenth of a point and accuracy under attack {told} (" in words


@pytest.mark.parametrize("value", [0.0, 0.0004, -0.0004])
def test_no_effect_is_neither_more_nor_less(study: Study, value: float) -> None:
    effect = replace(study.tables.effect, robust_drop=value, standard_drop=0.0, low=-0.1, high=0.1)
    same = _with(study, effect=effect)
    assert "costs as much accuracy at eps 1 as without adversarial training" in answer(same)
    assert "loses as much accuracy as the standard one (95% interval" in effect_section(same).sentences[0]


def test_an_effect_without_interval_claims_none(study: Study) -> None:
    effect = replace(study.tables.effect, low=NAN, high=NAN, num_sources=1)
    words = effect_section(_with(study, effect=effect)).sentences[0]
    assert "the standard one (no interval: too few sources; 1 source)." in words


def test_a_single_classifier_is_compared_with_nothing(study: Study, retold: Retold) -> None:
    energies = study.tables.inputs.energies
    alone = retold(energies=energies[energies["classifier"].isin(["eps-0.0", "judge"])])
    assert answer(alone) == "On digits this cannot be told: no model but the standard one was scored."
    told = [
        *effect_section(alone).sentences, *confidence_section(alone).sentences, *robustness_section(alone).sentences,
        *energy_section(alone).sentences,
    ]  # fmt: skip
    assert any("explains" in one and "standard model's confidence (95% interval" in one for one in told)
    assert not [one for one in told if "largest training radius (eps" in one or "no smaller a shift" in one]


@pytest.mark.parametrize(
    ("wrong", "gap", "told"),
    [
        (1, 0.5, "The 1 of these images that it gets wrong has counterfactuals 0.50 nearer on average"),
        (2, -0.5, "The 2 of these images that it gets wrong have counterfactuals 0.50 farther on average"),
        (2, -0.001, "have counterfactuals as far away on average as the others."),
    ],
)
def test_wrong_images_by_number_and_distance(study: Study, wrong: int, gap: float, told: str) -> None:
    table = study.tables.confidence.assign(num_incorrect=wrong, mean_distance_correct=gap, mean_distance_incorrect=0.0)
    assert told in confidence_section(_with(study, confidence=table)).sentences[1]


@pytest.mark.parametrize(
    ("stages", "radii", "told"),
    [
        ("classifier judge", (0.0, 0.5, 1.0, 2.0), "5 classifiers, one run each. Loss and accuracy are those on the "
         "images trained on: attacked ones, but for the standard models."),
        ("classifier", (0.0, 0.5, 1.0, 2.0), "trained on: attacked ones, but for the standard model."),
        ("classifier", (0.1, 0.5, 1.0, 2.0), "4 classifiers, one run each. Loss and accuracy are those on the images "
         "trained on: attacked ones."),
        ("classifier", (0.0, 0.0, 0.0, 0.0), "images trained on."),
        ("judge", (0.0, 0.5, 1.0, 2.0), "1 classifier, one run. Loss and accuracy are those on the images trained on."),
        ("classifier score", (0.1, 0.5, 1.0, 2.0), "attacked ones, but for the score model."),
        ("classifier score", (0.0, 0.5, 1.0, 2.0), "but for the standard model and the score model."),
    ],
)  # fmt: skip
def test_the_caption_of_training_counts_standard_models(
    study: Study, stages: str, radii: tuple[float, ...], told: str
) -> None:
    kept = [one for one in study.records if one.stage.split()[0] in stages.split()]
    other = replace(_with(study, robustness=study.tables.robustness.assign(eps=radii)), records=kept)
    caption = robustness_section(other).blocks[1].caption
    assert told in caption
    assert caption.endswith(told[-20:])


@pytest.mark.parametrize(
    ("method", "words"),
    [
        ({"kind": "ascent"}, "; 800 counterfactuals of 40 images (by a classifier's gradients); and energies"),
        ({"kind": "dvce"}, "; a diffusion model; 800 counterfactuals of 40 images (DVCE); and energies"),
        (None, "; a diffusion model; 800 counterfactuals of 40 images; and energies"),
    ],
)
def test_no_diffusion_model_is_told_of_where_none_was(study: Study, method: Any, words: str) -> None:
    made = RunRecord("counterfactuals", "held-out", {"method": method} if method else {}, "", "", 1.0, {})
    told = replace(study, records=[made])
    assert words in what_was_run(told)
    section = distance_classifier_section(told)
    assert section is not None
    assert ("The score model never sees" in section.sentences[0]) == (method is None)


def test_one_step_is_no_steps(study: Study) -> None:
    def once(one: RunRecord) -> RunRecord:
        config = {**one.config, "num_steps": 1}
        if one.stage == "counterfactuals":
            config["sampler"] = {**config["sampler"], "num_steps": 1}
        return replace(one, config=config)

    words = what_was_run(replace(study, records=[once(one) for one in study.records]))
    assert "a diffusion model of 1 training step;" in words
    assert " step);" in words


@pytest.mark.parametrize("auc", [0.5, 0.501, 0.499])
def test_a_detector_at_chance_points_nowhere(study: Study, auc: float) -> None:
    detectors = [replace(one, auc=auc) for one in study.tables.detectors]
    words = detector_section(_with(study, detectors=detectors)).sentences[1]
    assert "neither lower nor higher" in words
