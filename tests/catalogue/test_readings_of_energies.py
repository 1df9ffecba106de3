"""How the margins of section B are made of what jobs say, and by what trainings."""

from typing import Any

import pytest

from advgen_ray.catalogue import ROWS, chosen
from advgen_ray.catalogue.entry import Reading, Scale, in_order
from advgen_ray.catalogue.placing import command, config_of
from advgen_ray.config import TrainClassifierConfig
from advgen_ray.costs.study import parts_of
from tests.catalogue.test_readings import SCALES, invented


def _invented(row_id: str, scale: Scale = "small") -> Any:
    return invented(*chosen([row_id]), scale)


def _read(row_id: str, found: Any) -> Reading:
    (row,) = chosen([row_id])
    return row.read(found)


def _figures(reading: Reading) -> dict[str, float | None]:
    return {figure.name: figure.ours for figure in reading.figures}


@pytest.mark.parametrize("scale", SCALES)
def test_no_epoch_of_a_standard_training_is_chosen_by_an_attack(scale: Scale) -> None:
    """It would be one of the first: accuracy under PGD falls to nothing while the training goes on."""
    for work in in_order([work for row in ROWS for work in row.works(scale).values()]):
        for part in parts_of(config_of(work, "root", seed=0)):
            if isinstance(part, TrainClassifierConfig) and not part.attack.eps:
                assert not part.num_validation_images, command(work)


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("work", ["steps", "study"])
def test_energy_that_rises_with_the_steps_of_one_ladder_fails_the_row(work: str, scale: Scale) -> None:
    """Whichever ladder it is, of the networks of several depths or of the study's."""
    falling = {"pgd-1": -4.0, "pgd": -9.0, "pgd-kl-1": -5.0, "pgd-kl-40": -8.0, "": -4.5}

    def margin(**changed: float) -> float:
        found = _invented("B2", scale)
        for name, summary in found.items():
            energies = falling | {key.replace("_", "-"): value for key, value in changed.items() if name == work}
            for row in summary.get("attacked_energies", summary)["groups"]:
                row["mean_energy_x"] = energies.get(row["attack"], -6.0)
        return _read("B2", found).margin.value

    assert margin() == 3.0
    assert margin(pgd_kl_40=-4.0) == -1.0
    assert margin(pgd_1=-10.0) == -1.0


def test_energy_that_falls_but_stays_above_natural_fails_the_row() -> None:
    found = _invented("B2")
    for row in found["steps"]["groups"]:
        if not row["attack"]:
            row["mean_energy_x"] = -5.5
        elif row["attack"] in ("pgd-1", "pgd-kl-1"):
            row["mean_energy_x"] = -3.0
    assert _read("B2", found).margin.value == -0.5


def test_a_rise_on_the_way_down_is_shown() -> None:
    found = _invented("B2")
    for row in found["steps"]["groups"]:
        row["mean_energy_x"] = {"pgd-1": -4.0, "pgd-2": -3.5, "pgd-5": -3.25, "pgd": -9.0}.get(row["attack"], -5.0)
    figures = _figures(_read("B2", found))
    assert figures["wrn-10, cross-entropy, largest rise of E(x) on the way"] == 0.5
    assert figures["wrn-10, TRADES, largest rise of E(x) on the way"] == 0.0
