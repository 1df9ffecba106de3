"""How the margins of section B are made of what jobs say, and by what trainings."""

from typing import Any

import pytest

from advgen_ray.analysis.proportion import wilson
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


@pytest.mark.parametrize(
    ("scale", "published"),
    [
        ("small", {"Energy, PGD (2), found": 0.9838, "Energy, APGD (2), found": 0.8545, "LID, PGD (2), found": 0.9439}),
        (
            "paper",
            {
                "Energy, APGD (8/255), false alarms": 0.0119,
                "KD+BU, PGD (8/255), false alarms": 0.0096,
                "imagenette, Energy, PGD (8/255), found": 0.9824,
                "imagenette, Energy, PGD (16/255), found": 0.996,
                "imagenette, Energy, PGD (16/255), false alarms": 0.0,
            },
        ),
    ],
)
def test_each_row_of_the_table_of_detectors_stands_beside_ours(scale: Scale, published: dict[str, float]) -> None:
    printed = {one.name: one.published for one in _read("B4", _invented("B4", scale)).figures}
    assert printed | published == printed
    assert sum(value is not None for value in printed.values()) == 2 * (6 if scale == "paper" else 4)
    assert "Energy, PGD (0.5), found" in printed or scale == "paper"
    assert printed.get("LID, APGD (2), found") is None


def test_the_energy_must_be_the_best_detector_on_both_data_sets() -> None:
    found = _invented("B4", "paper")
    for work, others in (("detectors", 0.5), ("imagenette", 0.75)):
        part = found[work]["detectors"]
        for row in part["detectors"] if isinstance(part, dict) else part:
            row |= {"detection_rate": 1.0 if row["detector"] == "Energy" else others, "false_positive_rate": 0.0}
    assert _read("B4", found).margin.value == pytest.approx(0.25)
    for row in found["imagenette"]["detectors"]:
        if row["detector"] == "LID":
            row["detection_rate"] = 1.0
    assert _read("B4", found).margin.value == 0.0


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize(
    ("ladder", "accuracy", "margin"),
    [
        ((-5.0, -5.0), 0.5, 4.0),
        ((-3.0, -5.0), 0.5, 2.0),  # it fell on its way
        ((0.0, 0.0), 0.5, -1.0),  # flat, but farther from natural energy than PGD ends
        ((-5.0, -5.0), 0.7, -4.0),  # it fools less than PGD does
    ],
)
def test_an_attack_evades_that_fools_and_stays_at_natural_energy(
    ladder: tuple[float, float], accuracy: float, margin: float, scale: Scale
) -> None:
    found = _invented("B5", scale)
    own = {"pgd": -9.0, "he-pgd-1": ladder[0], "he-pgd-40": ladder[1]}
    for row in found["attacked"].get("attacked_energies", found["attacked"])["groups"]:
        row["mean_energy_x"] = own.get(row["attack"], -5.0)
        if row["attack"] == "he-pgd-40":
            row["accuracy"] = accuracy
    assert _read("B5", found).margin.value == pytest.approx(margin)


def test_attacks_are_made_as_the_document_makes_them() -> None:
    """S003 section 5.2 has steps of 1/255 for all, and figure 3a imagenette."""
    (row,) = chosen(["B5"])
    config: Any = config_of(row.paper["attacked"], "root", seed=0)
    assert config.data.name == "imagenette"
    assert config.classifiers == ("root/imagenette/classifier/model",)
    ladder = [one for one in config.attacks if one.label == "pgd" or one.label.startswith("he-pgd")]
    assert {round(255 * one.step_size, 6) for one in ladder} == {1.0}
    assert {one.energy_weight for one in ladder if one.label in ("he-pgd-1", "he-pgd-40")} == {1.2}


def test_energies_must_lie_so_on_both_data_sets() -> None:
    found = _invented("B3", "paper")
    for summary in found.values():
        for row in summary.get("attacked_energies", summary)["groups"]:
            row["mean_energy_x"] = {"pgd": -9.0, "": -5.0}.get(row["attack"], -4.0)
    assert _read("B3", found).margin.value == 1.0
    for row in found["imagenette"]["groups"]:
        if row["attack"] == "pgd":
            row["mean_energy_x"] = -4.5
    assert _read("B3", found).margin.value == -0.5


def test_images_of_the_least_recognized_robust_classifier_decide() -> None:
    """However far E(x) falls, and whatever a standard classifier's images show."""
    found = _invented("B10", "paper")
    assert set(found) == {"study", "trades"}
    (of_trades,) = found["trades"]["generated"]
    of_trades |= {"judged": 0.6, "energy_x": of_trades["start_energy_x"] + 1}
    reading = _read("B10", found)
    assert reading.margin == pytest.approx((0.5, wilson(0.6, 100)[0] - 0.1, wilson(0.6, 100)[1] - 0.1))
    assert _figures(reading)["trades, start seen as its class by a judge"] == 0.2
    small = _invented("B10")
    for row in small["study"]["classifier_images"]["generated"]:
        row["judged"] = 0.7 if row["eps"] else 0.0
    assert _read("B10", small).margin.value == pytest.approx(0.6)


def test_each_model_makes_images_by_its_own_settings() -> None:
    """S001 table C: 20 steps at momentum .5 for standard AT, 150 at .8 for TRADES."""
    (row,) = chosen(["B10"])
    images = {name: parts_of(config_of(work, "root", seed=0)) for name, work in row.paper.items()}
    (of_study,), (of_trades,) = ([one for one in parts if hasattr(one, "momentum")] for parts in images.values())
    assert [(one.num_steps, one.momentum) for one in (of_study, of_trades)] == [(20, 0.5), (150, 0.8)]
    assert of_trades.classifiers == ("root/cifar10/recorded/trades/model",)


def test_a_quasi_robust_classifier_is_looked_at_and_sparsity_shown() -> None:
    figures = _figures(_read("B6", _invented("B6", "paper")))
    shown = [name for name in figures if name.endswith("sparsity (Gini)")]
    assert [name.partition(",")[0] for name in shown] == ["eps-0.0", "eps-0.1", "eps-1.0", "trades"]


def test_energies_are_followed_in_the_documents_training() -> None:
    """S001 figure E: standard AT with five iterations of PGD, recorded at epochs 1, 50 and 100."""
    (row,) = chosen(["B7"])
    (work,) = row.paper.values()
    config: Any = config_of(work, "root", seed=0)
    (training,) = (config.training_with(loss, 0) for loss in config.losses if loss.loss == "sat")
    assert (training.attack.num_steps, training.attack.start) == (5, "uniform")
    assert (training.num_epochs, training.record_energies_at_epochs) == (100, (1, 50, 100))


def test_shares_of_images_left_out_are_of_those_trained_on() -> None:
    """S001 A.4 and table A: 3,317 of 50,000, 6.6%, are incorrect, 2,724 of them of high energy; 6,500 are 13%."""
    found = _invented("B8")
    found["subsets"]["num_images"] = 49_000
    numbers = {"I": 3250, "C": 3250, "H": 6370, "L": 6370}
    found["subsets"]["composition"] = [{"subset": name, "num_left_out": one} for name, one in numbers.items()]
    found["subsets"]["strata"] = [{"stratum": "low", "num_incorrect": 0}, {"stratum": "high", "num_incorrect": 2600}]
    shown = {one.name: (one.ours, one.published) for one in _read("B8", found).figures if one.published is not None}
    assert shown == {
        "incorrect, of the images trained on": pytest.approx((3250 / 49_000, 0.0663), abs=5e-5),
        "correct ones of high energy left out, of these": pytest.approx((0.13, 0.13)),
        "of high energy, of the incorrect": pytest.approx((0.8, 0.8212), abs=5e-5),
    }
