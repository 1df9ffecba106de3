"""Which attacks belong together, and the three tables from one set of energies."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from advgen_ray.analysis.attacked_energies import attacked_energies, families
from advgen_ray.config import AttackConfig
from advgen_ray.recipes.attacks import every_attack, ladder, lambda_sweep
from advgen_ray.report.energies_page import energies_page
from advgen_ray.report.page import panels_of, render
from advgen_ray.report.sections_attacks import evasion_section, separation_section

NUM_IMAGES = 8


def _told(*attacks: AttackConfig) -> list[dict[str, Any]]:
    return [{**attack.model_dump(), "label": attack.label} for attack in attacks]


ATTACKS = _told(
    *ladder("l2", 2.0, 0.25),
    *ladder("l2", 2.0, 0.25, "high_energy"),
    *lambda_sweep("l2", 2.0, 0.25),
    *every_attack("l2", 2.0, 0.25),
)


@pytest.fixture(scope="module")
def energies() -> pd.DataFrame:
    """PGD falls with its steps, HE-PGD ends where natural images are, all others rise; every attack fools."""
    rows = []

    def add(attack: str, eps: float, shift: float, correct: bool) -> None:
        for image in range(NUM_IMAGES):
            energy = -8.0 + 0.1 * image + shift
            rows.append(
                {
                    "classifier": "standard", "view": "attacked" if attack else "clean", "image_set": "test",
                    "image_id": f"t{image}", "attack": attack, "attack_eps": np.float32(eps), "energy_x": energy,
                    "energy_xy": energy + (0.0 if correct else 5.0), "correct": correct,
                }
            )  # fmt: skip

    add("", 0.0, 0.0, True)
    for attack in ATTACKS:
        plain = attack["kind"] == "pgd" and attack["objective"] == "cross_entropy" and attack["start"] == "uniform"
        weight = attack["energy_weight"] if attack["objective"] == "high_energy" else 0.0
        shift = -float(attack["num_steps"]) / 10 if plain else 0.0 if weight else 2.0
        if attack["objective"] == "high_energy":
            shift = -4.0 + 2 * weight
        add(attack["label"], attack["eps"], shift, correct=False)
    return pd.DataFrame(rows)


def test_a_ladder_differs_in_steps_alone_and_a_sweep_in_lambda_alone() -> None:
    ladders = families(ATTACKS, "num_steps")
    assert [[one["num_steps"] for one in one_ladder] for one_ladder in ladders] == [[1, 2, 5, 10, 20, 40]] * 2
    assert {one["objective"] for one in ladders[0]} == {"cross_entropy"}
    (sweep,) = families(ATTACKS, "energy_weight")
    assert [one["energy_weight"] for one in sweep] == [0.0, 0.3, 0.6, 1.2, 2.4]
    assert families(ATTACKS[:2], "num_steps") == []


def test_every_table_from_one_set(energies: pd.DataFrame) -> None:
    found = attacked_energies(energies, ATTACKS)
    steps = found.by_steps["standard"]
    assert list(steps["series"].unique()) == ["PGD", "HE-PGD lambda 1.2"]
    steps = steps[steps["series"] == "PGD"]
    assert steps["num_steps"].tolist() == [0, 1, 2, 5, 10, 20, 40]
    assert set(steps["count"]) == {NUM_IMAGES}
    np.testing.assert_allclose(steps["mean_energy_x"].diff().iloc[-1], -2.0)
    assert steps["accuracy"].tolist() == [1.0] + [0.0] * 6
    table = found.separation["standard"].set_index("attack")
    assert table.loc["pgd", "shift_energy_x"] == pytest.approx(-4.0)
    assert table.loc["fgsm", "shift_energy_x"] == pytest.approx(2.0)
    assert "he-pgd-40" in table.index, "the last rung stands for its ladder and its sweep"
    assert not {"pgd-1", "pgd-20", "he-pgd-lambda-0"} & set(table.index)
    assert len(table) == 1 + 1 + 9
    sweep = found.sweeps["standard"].set_index("lambda")
    assert sweep.loc[0.0, "detection_rate"] == 1.0
    assert sweep.loc[2.4, "detection_rate"] == 0.0
    assert sweep.loc[2.4, "undetected_success"] == 1.0


def test_the_page_tells_of_each_part(energies: pd.DataFrame) -> None:
    config = {"data": {"name": "digits"}}
    page = energies_page(attacked_energies(energies, ATTACKS), config, "1")
    assert [section.anchor for section in page.sections] == ["energy-by-steps", "energy-by-attack", "evasion", "run"]
    assert "pgd moves the mean of E(x) by −4.00" in page.answer
    html = render(page)
    assert "8 test images" in html
    assert len({panel.name for panel in panels_of(page.sections)}) == len(panels_of(page.sections))


def test_several_classifiers_share_a_table_for_each_ladder(energies: pd.DataFrame) -> None:
    both = pd.concat([energies, energies.assign(classifier="robust", energy_x=energies["energy_x"] + 1)])
    found = attacked_energies(both, ATTACKS).by_steps
    assert list(found) == ["PGD", "HE-PGD lambda 1.2"]
    means = found["PGD"].pivot(index="num_steps", columns="series", values="mean_energy_x")
    assert list(means.columns) == ["robust", "standard"]
    np.testing.assert_allclose(means["robust"] - means["standard"], 1.0)


def test_ladders_of_one_objective_are_told_apart_by_radius(energies: pd.DataFrame) -> None:
    wider = energies[energies["attack"].str.startswith("pgd")].assign(attack_eps=np.float32(3.0))
    attacks = [*ATTACKS, *_told(*ladder("l2", 3.0, 0.25))]
    found = attacked_energies(pd.concat([energies, wider.assign(energy_x=-1.0)]), attacks).by_steps["standard"]
    assert set(found["series"]) == {"PGD at 2", "PGD at 3", "HE-PGD lambda 1.2"}
    assert set(found["count"]) == {NUM_IMAGES}


@pytest.mark.parametrize(
    ("changes", "names"),
    [
        ({"start": "image"}, {"PGD, start uniform", "PGD, start image"}),
        ({"targeted": True}, {"PGD, not targeted", "PGD, targeted"}),
        ({"eps": 3.0, "num_restarts": 2}, {"PGD at 2, restarts 1", "PGD at 3, restarts 2"}),
    ],
)
def test_ladders_of_one_objective_are_told_apart_by_what_differs(
    energies: pd.DataFrame, changes: dict[str, Any], names: set[str]
) -> None:
    """A line for each, of its own images alone."""
    eps = changes.get("eps", 2.0)
    other = [one.changed(name=f"other-{one.num_steps}", **changes) for one in ladder("l2", 2.0, 0.25)]
    rows = energies[energies["attack"] == "pgd"].assign(energy_x=-1.0, attack_eps=np.float32(eps))
    of_other = [rows.assign(attack=one.label) for one in other]
    found = attacked_energies(pd.concat([energies, *of_other]), [*ATTACKS, *_told(*other)]).by_steps["standard"]
    assert set(found["series"]) == {*names, "HE-PGD lambda 1.2"}
    assert set(found["count"]) == {NUM_IMAGES}
    means = found[found["num_steps"] == 40].set_index("series")["mean_energy_x"]
    assert means[max(names, key=lambda name: means[name])] == -1.0
    assert means[min(names, key=lambda name: means[name])] == pytest.approx(-8.0 + 0.35 - 4.0)


def test_two_attacks_are_no_ladder_but_still_compared(energies: pd.DataFrame) -> None:
    few = [attack for attack in ATTACKS if attack["label"] in ("pgd", "square")]
    found = attacked_energies(energies, few)
    assert not found.by_steps
    assert not found.sweeps
    assert found.separation["standard"]["attack"].tolist() == ["pgd", "square"]
    sections = energies_page(found, {"data": {"name": "digits"}}, "1").sections
    assert [section.anchor for section in sections] == ["energy-by-attack", "run"]


def test_energies_above_natural_ones_are_told_apart_too(energies: pd.DataFrame) -> None:
    """Square lies above every natural image, AUROC 0; PGD, hardly below them, is the worst told apart."""
    level = energies.assign(energy_x=energies["energy_x"] + 3.95 * (energies["attack"] == "pgd"))
    few = [attack for attack in ATTACKS if attack["label"] in ("pgd", "square")]
    (sentence, _) = separation_section(attacked_energies(level, few)).sentences
    assert sentence == (
        "Under standard, square is told apart best by E(x) (AUROC 0.00, above natural energies), pgd worst (AUROC "
        "0.56, below natural energies)."
    )


def test_the_threshold_is_said_to_be_of_the_images_it_was_chosen_on(energies: pd.DataFrame) -> None:
    odd = energies[energies["image_id"] != "t7"]
    (figure,) = evasion_section(attacked_energies(odd, ATTACKS).sweeps).blocks
    assert "3 test images; the threshold was chosen against lambda 0 on 4 other images." in figure.caption
