"""Of section D: binary adversarial training and its uses."""

from tests.catalogue.contradictions.change import Changes, Found, Way, put


def _d1(found: Found, way: Way) -> None:
    for case in found["plane"]["cases"]:
        case["num_spurious"] = int(case["p0"] == "concentrated")
        case["mean_on_data"] = 0.5 if way > 0 else 0.7


def _d2(found: Found, way: Way) -> None:
    found["binary"]["data_probability"] = 0.7
    found["energy_difference"]["ended"] = "diverged: a logit of 1e+06" if way > 0 else ""


def _d3(found: Found, way: Way) -> None:
    part = found.get("gaussians", found.get("synthesis"))
    rows = [row for row in part["samples"] if row["model"]]
    key = next(name for name in rows[0] if name.endswith("fid"))
    put([row for row in rows if row["model"] != rows[0]["model"]], key, rows[0][key] + way)


def _d4(found: Found, way: Way) -> None:
    rows = found["restoration"]["restored"]
    put(rows, "gain", 0.3)
    put(
        [row for row in rows if (row["method"], row["degradation"]) == ("binary_from_noise", "noise 0.2")],
        "gain",
        0.1 * way,
    )


def _d5(found: Found, way: Way) -> None:
    put(found["synthesis"]["l2_to_training"]["models"], "ratio", 0.5 + 0.3 * way)


def _d6(found: Found, way: Way) -> None:
    found["detection"] |= {"integrated_fpr_at_tpr_95": 0.5, "generative_fpr_at_tpr_95": 0.5 - 0.2 * way}


def _d7(found: Found, way: Way) -> None:
    rows = found["ood"]["results"]
    put([row for row in rows if row["detector"] == "binary AT"], "auroc", 0.9 + 0.05 * way)


def _d8(found: Found, way: Way) -> None:
    rows = found["robustness"]["differences"]
    put(rows, "difference", 0.3)  # the others, and smaller radii
    named = [row for row in rows if row["classifier"] == "generative"]
    put([max(named, key=lambda row: row["eps"])], "difference", 0.1 * way)


def _d10(found: Found, way: Way) -> None:
    """Each setting moves it by twice what a seed does, the way that is said or the other."""
    base, *others = found["search"]["every_trial"]
    base["test_attacked_auc"] = 0.7
    for trial in others:
        lacks = trial["model"] in ("4 to 8", "8 to 16") or trial["ascent"] == "eps 0.25"
        trial["test_attacked_auc"] = 0.8 if trial["seed"] != base["seed"] else 0.7 + 0.2 * (-way if lacks else way)


CHANGES: Changes = {
    "D1": _d1, "D2": _d2, "D3": _d3, "D4": _d4, "D5": _d5, "D6": _d6, "D7": _d7, "D8": _d8, "D9": _d3, "D10": _d10,
}  # fmt: skip
