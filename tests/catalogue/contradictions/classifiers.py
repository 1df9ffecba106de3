"""Of sections A and B: classifiers and their energies."""

from collections.abc import Callable

from tests.catalogue.contradictions.change import Changes, Found, Way, gradients, put


def _a1(found: Found, way: Way) -> None:
    standard, *robust = found["study"]["classifiers"]
    put(robust, "pgd_accuracy", standard["pgd_accuracy"] + 0.2 * way)
    put(robust, "clean_accuracy", standard["clean_accuracy"] - 0.1)


def _a2(found: Found, way: Way) -> None:
    standard, smallest, *_ = found["study"]["classifiers"]
    put([smallest], "pgd_accuracy", standard["pgd_accuracy"] + 0.2 + 0.1 * way)
    put([smallest], "clean_accuracy", standard["clean_accuracy"] - 0.2 + 0.1 * way)


def _a3(found: Found, way: Way) -> None:
    rows = found["losses"]["trainings"]
    put([row for row in rows if row["loss"].startswith("weat")], "pgd_accuracy", 0.5 + 0.1 * way)
    put([row for row in rows if row["loss"] == "mart"], "pgd_accuracy", 0.9)


def _a4(found: Found, way: Way) -> None:
    found["suite"]["robust_accuracy"] = 0.4 if way > 0 else 0.5


def _a5(found: Found, way: Way) -> None:
    found["suite"]["robust_accuracy"] = 0.5 if way > 0 else 0.4


def _b1(found: Found, way: Way) -> None:
    rows = found["study"]["energies"]["groups"]
    put([row for row in rows if row["image_set"] == "test"], "mean_energy_x", -5.0 + way)


def _b2(found: Found, way: Way) -> None:
    for row in [*found["steps"]["groups"], *found["study"]["attacked_energies"]["groups"]]:
        row["mean_energy_x"] = -5.0 - 3 * way if row["attack"] in ("pgd", "pgd-kl-40") else -5.0


def _attacked(found: Found, energies: Callable[[str], float | None]) -> None:
    for row in [row for one in found.values() for row in one["attacked_energies"]["groups"]]:
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


def _b7(found: Found, way: Way) -> None:
    first, *_, last = epochs = [dict(row) for row in found["losses"]["energy_dynamics"]["sat"]]
    for key in ("natural_energy_x", "natural_loss"):
        last[key] = first[key] - way
    found["losses"]["energy_dynamics"]["sat"] = epochs


def _b8(found: Found, way: Way) -> None:
    rows = found["subsets"]["trainings"]
    put([row for row in rows if row["subset"] == "H"], "adversarial_error", 0.5 + 0.1 * way)


def _b9(found: Found, way: Way) -> None:
    found["losses"]["largest_trades_identity_error"] = 1e-6 if way > 0 else 1e-2


def _b10(found: Found, way: Way) -> None:
    rows = found["study"]["classifier_images"]["generated"]
    put([row for row in rows if row["eps"] > 0], "judged", 0.5 if way > 0 else 0.05)


CHANGES: Changes = {
    "A1": _a1, "A2": _a2, "A3": _a3, "A4": _a4, "A5": _a5,
    "B1": _b1, "B2": _b2, "B3": _b3, "B4": _b4, "B5": _b5,
    "B6": lambda found, way: gradients(found["study"]["classifier_images"]["gradients"], way),
    "B7": _b7, "B8": _b8, "B9": _b9, "B10": _b10,
}  # fmt: skip
