"""What is said of a row: whether it holds, by how much, how sure that is."""

import dataclasses

import pytest

from advgen_ray.analysis.estimate import Estimate, alone, exact
from advgen_ray.catalogue import chosen
from advgen_ray.catalogue.entry import Reading, Unit
from advgen_ray.catalogue.results import RowResult
from advgen_ray.report.catalogue_page import catalogue_page
from advgen_ray.report.catalogue_words import margin, markdown, told, verdict


def _result(*margins: Estimate, unit: Unit = "share", mistake: str = "") -> RowResult:
    (row,) = chosen(["A1"])
    row = dataclasses.replace(row, claim="Something holds.", margin="gain", unit=unit)
    return RowResult(row, "small", [Reading([], one) for one in margins], mistake, 1.0, [])


@pytest.mark.parametrize(
    ("result", "said", "how_much"),
    [
        (_result(Estimate(0.12, 0.05, 0.19)), "holds", "gain: +12.0 points (+5.0 to +19.0)"),
        (_result(Estimate(0.02, -0.01, 0.05)), "holds, within noise", "gain: +2.0 points (−1.0 to +5.0)"),
        (_result(Estimate(-0.02, -0.05, 0.01)), "does not hold, within noise", "gain: −2.0 points (−5.0 to +1.0)"),
        (_result(Estimate(-1.25, -2.0, -0.5), unit="number"), "does not hold", "gain: −1.25 (−2 to −0.5)"),
        (_result(alone(0.00135), unit="number"), "holds", "gain: +0.00135"),
        (_result(exact(1e-6), unit="number"), "holds", "gain: +1e−06"),
        (_result(exact(1e-6)), "holds", "gain: +0.0001 points"),
        (
            _result(alone(0.1), alone(0.3)),
            "holds in 2 of 2 seeds, within noise",
            "gain: +20.0 points (−107.1 to +147.1)",
        ),
        (_result(alone(0.3), exact(0.31), alone(0.29)), "holds in 3 of 3 seeds", "gain: +30.0 points (+27.5 to +32.5)"),
        (_result(alone(float("nan")), unit="number"), "does not hold", "gain: n/a"),
        (_result(exact(0.0)), "does not hold", "gain: +0 points"),
        (_result(Estimate(-0.02, -0.04, 0.0)), "does not hold", "gain: −2.0 points (−4.0 to +0)"),
    ],
)
def test_in_words(result: RowResult, said: str, how_much: str) -> None:
    assert (verdict(result), margin(result)) == (said, how_much)
    assert told(result) == f"{said}; {how_much}"


def test_a_failed_row_says_why() -> None:
    failed = _result(mistake="no data there")
    assert (verdict(failed), margin(failed), told(failed)) == ("failed", "", "failed: no data there")


def test_a_table_of_a_readme_has_what_fails_in_bold_and_keeps_the_lines_of_other_rows() -> None:
    first, second = _result(Estimate(0.12, 0.05, 0.19)), _result(Estimate(-0.02, -0.05, 0.01))
    second = dataclasses.replace(second, row=dataclasses.replace(second.row, id="A2"))
    former = markdown([first, second], "", ["A1", "A2"])
    assert former.splitlines()[2:] == [
        "| A1 | Something holds. | holds | gain: +12.0 points (+5.0 to +19.0) |",
        "| A2 | Something holds. | **does not hold, within noise** | gain: −2.0 points (−5.0 to +1.0) |",
    ]
    changed = dataclasses.replace(second, readings=first.readings)
    assert markdown([changed], former, ["A3", "A2", "A1"]).splitlines() == [
        *former.splitlines()[:2],
        "| A2 | Something holds. | holds | gain: +12.0 points (+5.0 to +19.0) |",
        "| A1 | Something holds. | holds | gain: +12.0 points (+5.0 to +19.0) |",
    ]
    assert "A1" not in markdown([changed], former, ["A2"]), "a row that the catalogue has no longer"


def test_one_row_is_no_rows() -> None:
    config = {"num_seeds": 1, "rows": ["A1", "A2"], "scale": "small"}
    one, two = (catalogue_page([_result(exact(0.1))] * number, [], config, "1").answer for number in (1, 2))
    assert one.startswith("1 of 2 rows is done so far: of 1 published claim, 1 holds here at small scale, 0 do not,")
    assert two.startswith("Of 2 published claims, 2 hold here")
