"""The effect's table and sentences: what is lost beyond the standard model, and whether the radius reaches CEs."""

from dataclasses import replace

import pytest

from advgen_ray.analysis.proportion import Proportion
from advgen_ray.report.sections_effect import effect_section


def _reached(study, num_hits, count=40):
    reach = [*study.tables.reach[:-1], Proportion(num_hits, count)]
    return effect_section(replace(study, tables=replace(study.tables, reach=reach)))


def test_effect_and_reach_stand_beside_each_classifier(study):
    table = effect_section(study).blocks[1]
    cells = {name: [row[place] for row in table.rows] for place, name in enumerate(table.columns)}
    last, first = study.tables.accuracy.iloc[-1], study.tables.accuracy.iloc[0]
    drops = [row["same_class_accuracy"] - row["different_class_accuracy"] for row in (first, last)]
    assert cells["effect, points"][0] == "0.0"
    assert cells["effect, points"][-1] == f"{100 * (drops[1] - drops[0]):+.1f}"
    assert last["effect"] == pytest.approx(study.tables.effect.value)
    assert cells["sources with a valid CE within eps"][0] == "0 of 40", "no radius, none within it"


def test_reach_grows_with_the_radius(study):
    reached = [one.num_hits for one in study.tables.reach]
    assert reached == sorted(reached)
    assert reached[-1] > 0


@pytest.mark.parametrize(
    ("num_hits", "count", "told"),
    [
        (31, 40, "31 of 40 sources have a valid counterfactual of another class within the largest training radius"),
        (0, 40, "None of the 40 sources has a valid counterfactual of another class within"),
        (0, 0, "cannot be told: the judge scored none"),
    ],
)
def test_the_caveat_says_what_was_counted(study, num_hits, count, told):
    sentences = " ".join(_reached(study, num_hits, count).sentences)
    assert told in sentences
    assert ("SVHN" in sentences) == (num_hits > 0)
