"""Each claim's margin is above zero where the results agree with the claim, and below where they contradict it."""

from collections.abc import Callable
from typing import Any

import pytest

from advgen_ray.catalogue import ROWS, chosen
from tests.catalogue.test_readings import invented

Found = Any
Way = int  # 1 where the results are to agree with the claim, -1 where they are to contradict it


def _put(rows: Any, key: str, value: float, spread: float = 0.01) -> None:
    """A number of each row, its ends and its error beside it, as far as there are such."""
    for row in rows:
        row[key] = value
        for stem in (f"{key}_", f"{key.partition('_')[0]}_", ""):
            for end, of in (("low", value - spread), ("high", value + spread)):
                if f"{stem}{end}" in row:
                    row[f"{stem}{end}"] = of


def _a1(found: Found, way: Way) -> None:
    standard, *robust = found["study"]["classifiers"]
    _put(robust, "pgd_accuracy", standard["pgd_accuracy"] + 0.2 * way)
    _put(robust, "clean_accuracy", standard["clean_accuracy"] - 0.1)


def _a2(found: Found, way: Way) -> None:
    standard, smallest, *_ = found["study"]["classifiers"]
    _put([smallest], "pgd_accuracy", standard["pgd_accuracy"] + 0.2 + 0.1 * way)
    _put([smallest], "clean_accuracy", standard["clean_accuracy"] - 0.2 + 0.1 * way)


def _a3(found: Found, way: Way) -> None:
    rows = found["losses"]["trainings"]
    _put([row for row in rows if row["loss"].startswith("weat")], "pgd_accuracy", 0.5 + 0.1 * way)
    _put([row for row in rows if row["loss"] == "mart"], "pgd_accuracy", 0.9)


def _a4(found: Found, way: Way) -> None:
    found["suite"]["robust_accuracy"] = 0.4 if way > 0 else 0.5


def _a5(found: Found, way: Way) -> None:
    found["suite"]["robust_accuracy"] = 0.5 if way > 0 else 0.4


def _b1(found: Found, way: Way) -> None:
    rows = found["study"]["energies"]["groups"]
    _put([row for row in rows if row["image_set"] == "test"], "mean_energy_x", -5.0 + way)


def _b2(found: Found, way: Way) -> None:
    for row in found["steps"]["groups"]:
        row["mean_energy_x"] = -5.0 - 3 * way if row["attack"] in ("pgd", "pgd-kl-40") else -5.0


def _attacked(found: Found, energies: Callable[[str], float | None]) -> None:
    for row in found["study"]["attacked_energies"]["groups"]:
        energy = energies(row["attack"])
        row["mean_energy_x"] = -5.0 if energy is None else energy


def _b3(found: Found, way: Way) -> None:
    _attacked(found, ({"pgd": -5.0 - way} | dict.fromkeys(("fab", "square", "cw"), -5.0 + way)).get)


def _b4(found: Found, way: Way) -> None:
    part = found["detectors"]["detectors"]
    for row in part["detectors"] if isinstance(part, dict) else part:
        if row["detector"] != "Energy":
            row["detection_rate"], row["false_positive_rate"] = (0.8, 0.15) if way > 0 else (0.95, 0.05)


def _b5(found: Found, way: Way) -> None:
    _attacked(
        found, lambda name: -5.0 + 2 - 2.5 * way if name.startswith("he-pgd") else -9.0 if name == "pgd" else None
    )
    if way < 0:  # it stays where it is, but far above natural energy
        _attacked(found, lambda name: 0.0 if name.startswith("he-pgd") else -9.0 if name == "pgd" else None)


def _gradients(rows: Any, way: Way) -> None:
    _put(rows[1:], "alignment", rows[0]["alignment"] + 0.1 * way)


def _b7(found: Found, way: Way) -> None:
    first, *_, last = epochs = [dict(row) for row in found["losses"]["energy_dynamics"]["sat"]]
    for key in ("natural_energy_x", "natural_loss"):
        last[key] = first[key] - way
    found["losses"]["energy_dynamics"]["sat"] = epochs


def _b8(found: Found, way: Way) -> None:
    rows = found["subsets"]["trainings"]
    _put([row for row in rows if row["subset"] == "H"], "adversarial_error", 0.5 + 0.1 * way)


def _b9(found: Found, way: Way) -> None:
    found["losses"]["largest_trades_identity_error"] = 1e-6 if way > 0 else 1e-2


def _b10(found: Found, way: Way) -> None:
    rows = found["study"]["classifier_images"]["generated"]
    _put([row for row in rows if row["eps"] > 0], "energy_x", rows[0]["start_energy_x"] - way)


def _c1(found: Found, way: Way) -> None:
    _put([found["study"]["counterfactuals"]], "validity_different_class", 0.5 + 0.3 * way)


def _c2(found: Found, way: Way) -> None:
    for effect in found["search"]["effects"]:
        effect["changes"] = {name: {"mean": 0.1, "low": 0.05} for name in effect["changes"]}
        effect["changes"]["l2_mean"]["low"] = 0.05 * way


def _c3(found: Found, way: Way) -> None:
    found["study"]["counterfactuals"]["count"] -= way < 0


def _set(found: Found, name: str) -> Any:
    return [one for one in found["study"]["variants"] if one["name"].startswith(name)]


def _c4(found: Found, way: Way) -> None:
    _put(_set(found, "by-eps-"), "mean_l2", 1.0 + 0.5 * way)


def _c5(found: Found, way: Way) -> None:
    _put(_set(found, "variant-gaussian"), "mean_l0", 0.3 + 0.1 * way)


def _c6(found: Found, way: Way) -> None:
    models = found["study"]["confidence_vs_distance"]
    _put(models[-1:], "r2", 0.1 + 0.05 * way)


def _c7(found: Found, way: Way) -> None:
    _put([found["study"]["effect"]], "value", 0.1 * way)


def _c8(found: Found, way: Way) -> None:
    _put(found["study"]["chains"][1:], "farther", 1.0 + 0.1 * way)


def _c9(found: Found, way: Way) -> None:
    found["distances"]["accuracy"] = 0.85 + 0.1 * way


def _c10(found: Found, way: Way) -> None:
    found["study"]["counterfactuals"]["mean_l2_different_class"] = 1.0 + 0.5 * way


def _d1(found: Found, way: Way) -> None:
    for case in found["plane"]["cases"]:
        case["num_spurious"] = int(case["p0"] == "concentrated")
        case["mean_on_data"] = 0.5 if way > 0 else 0.7


def _d2(found: Found, way: Way) -> None:
    found["binary"]["data_probability"] = 0.5 + 0.2 * way


def _d3(found: Found, way: Way) -> None:
    rows = [row for row in found["synthesis"]["samples"] if row["model"]]
    key = next(name for name in rows[0] if name.endswith("fid"))
    _put([row for row in rows if row["model"] != rows[0]["model"]], key, rows[0][key] + way)


def _d4(found: Found, way: Way) -> None:
    _put([found["restoration"]], "mean_ssim_gain", 0.1 * way)


def _d5(found: Found, way: Way) -> None:
    _put(found["synthesis"]["l2_to_training"]["models"], "ratio", 0.5 + 0.3 * way)


def _d6(found: Found, way: Way) -> None:
    rows = found["distortion"]["searches"]
    _put([row for row in rows if row["method"] == "generative"], "mean", 0.5 + 0.2 * way)


def _d7(found: Found, way: Way) -> None:
    rows = found["ood"]["results"]
    _put([row for row in rows if row["detector"] == "binary AT"], "auroc", 0.9 + 0.05 * way)


def _d8(found: Found, way: Way) -> None:
    rows = found["robustness"]["differences"]
    _put(rows, "difference", 0.3)  # the others, and smaller radii
    named = [row for row in rows if row["classifier"] == "generative"]
    _put([max(named, key=lambda row: row["eps"])], "difference", 0.1 * way)


def _d10(found: Found, way: Way) -> None:
    for trial in found["search"]["every_trial"]:
        trial["test_attacked_auc"] = 0.9 - 0.1 * (trial["seed"] > 0)
    base, *others = found["search"]["every_trial"]
    for place, trial in enumerate(one for one in others if one["seed"] == base["seed"]):
        trial["test_attacked_auc"] = 0.9 - (0.2 if way > 0 or place == 0 else 0.05)


def _e1(found: Found, way: Way) -> None:
    found["two"]["pgd_accuracy"] = found["one"]["pgd_accuracy"] + (0.01 if way > 0 else 0.1)


def _e2(found: Found, way: Way) -> None:
    found["two"]["mean_l0"] = found["one"]["mean_l0"] + (0.0 if way > 0 else 1e-3)


def _e3(found: Found, way: Way) -> None:
    found["search"]["trials"] = {"finished": 2, "stopped": 2} | ({} if way > 0 else {"failed": 1})


def _e4(found: Found, way: Way) -> None:
    found["service"]["kept"]["model"] = 1 if way > 0 else 0


def _e5(found: Found, way: Way) -> None:
    found["service"]["same_weights"] = way > 0


CHANGES: dict[str, Callable[[Found, Way], None]] = {
    "A1": _a1, "A2": _a2, "A3": _a3, "A4": _a4, "A5": _a5,
    "B1": _b1, "B2": _b2, "B3": _b3, "B4": _b4, "B5": _b5,
    "B6": lambda found, way: _gradients(found["study"]["classifier_images"]["gradients"], way),
    "B7": _b7, "B8": _b8, "B9": _b9, "B10": _b10,
    "C1": _c1, "C2": _c2, "C3": _c3, "C4": _c4, "C5": _c5, "C6": _c6, "C7": _c7, "C8": _c8, "C9": _c9, "C10": _c10,
    "C11": lambda found, way: _gradients(found["alignment"]["classifiers"], way),
    "D1": _d1, "D2": _d2, "D3": _d3, "D4": _d4, "D5": _d5, "D6": _d6, "D7": _d7, "D8": _d8, "D9": _d3, "D10": _d10,
    "E1": _e1, "E2": _e2, "E3": _e3, "E4": _e4, "E5": _e5,
}  # fmt: skip


@pytest.mark.parametrize("way", [1, -1])
@pytest.mark.parametrize("row_id", [row.id for row in ROWS])
def test_a_margin_has_the_sign_of_what_the_results_say(row_id: str, way: Way) -> None:
    (row,) = chosen([row_id])
    found: Any = invented(row, "small")
    CHANGES[row_id](found, way)
    margin = row.read(found).margin
    assert margin.value * way > 0
    if margin.low == margin.low:
        assert margin.low <= margin.value <= margin.high
