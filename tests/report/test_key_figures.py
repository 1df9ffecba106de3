"""The sentences at the top must say what the numbers say, whichever way they went."""

from dataclasses import replace

import pytest

from advgen_ray.report.key_figures import answer, key_figures, what_was_run


def with_effect(study, low, value, high):
    effect = replace(study.tables.effect, robust_drop=value, standard_drop=0.0, low=low, high=high)
    return replace(study, tables=replace(study.tables, effect=effect))


@pytest.mark.parametrize(
    ("low", "value", "high", "verdict", "change"),
    [
        (0.05, 0.10, 0.15, "here they do:", "costs 10.0 points more accuracy"),
        (-0.05, 0.02, 0.09, "It cannot be told here", "costs 2.0 points more accuracy"),
        (-0.15, -0.10, -0.05, "here they do not", "costs 10.0 points less accuracy"),
        (float("nan"), 0.5, float("nan"), "cannot be told: too few", ""),
    ],
)
def test_answer_follows_the_interval(study, low, value, high, verdict, change):
    sentence = answer(with_effect(study, low, value, high))
    assert verdict in sentence
    assert change in sentence


def test_targets_are_judged_by_the_numbers(study):
    keys = {key.title: key for key in key_figures(with_effect(study, 0.0, 0.0599, 0.1))}
    assert keys["Effect of robust training"].reached is False
    assert keys["Effect of robust training"].target == "6 points"
    keys = {key.title: key for key in key_figures(with_effect(study, 0.0, 0.06, 0.1))}
    assert keys["Effect of robust training"].reached is True
    assert len(keys) == 5


def test_r2_stands_with_its_interval(study):
    key, last = key_figures(study)[4], study.tables.confidence.iloc[-1]
    assert last["r2_low"] < last["r2"] < last["r2_high"]
    assert f"95% interval {last['r2_low']:.2f} to {last['r2_high']:.2f}" in key.detail


def test_another_data_set_has_no_targets(retold):
    assert all(key.reached is None and not key.target for key in key_figures(retold(data_name="svhn")))


def test_a_part_that_was_not_run_is_not_missed(retold):
    key = key_figures(retold(held_out=None))[3]
    assert (key.value, key.reached) == ("n/a", None)


def test_every_published_number_names_its_data_set(study):
    for key in key_figures(study):
        assert "CIFAR-10" in key.published


def test_what_was_run_comes_from_the_configs(study):
    sentence = what_was_run(study)
    assert sentence.startswith("A standard classifier and ones adversarially trained at L2 radius 0.25, 0.5 and 1; ")
    assert "800 counterfactuals of 40 training images" in sentence
    assert f"guidance w = {study.first('counterfactuals').config['guidance_scale']:g}" in sentence
    assert "5 min 16 s" in sentence


@pytest.mark.parametrize(
    ("radii", "words"),
    [
        ((0.0,), "A standard classifier"),
        ((0.0, 0.0), "Standard classifiers"),
        ((0.0, 0.5), "A standard classifier and one adversarially trained at L2 radius 0.5"),
        ((0.0, 0.5, 0.5, 1.0), "A standard classifier and ones adversarially trained at L2 radius 0.5 and 1"),
        ((0.5,), "A classifier adversarially trained at L2 radius 0.5"),
        ((0.25, 0.5, 1.0), "Classifiers adversarially trained at L2 radius 0.25, 0.5 and 1"),
    ],
)
def test_radius_0_is_standard_training_and_each_radius_is_told_once(study, radii, words):
    table = study.tables.robustness.iloc[[0] * len(radii)].assign(eps=radii)
    assert what_was_run(replace(study, tables=replace(study.tables, robustness=table))).startswith(f"{words}; ")
