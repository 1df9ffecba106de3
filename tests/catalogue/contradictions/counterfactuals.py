"""Of section C: counterfactuals."""

from typing import Any

from tests.catalogue.contradictions.change import Changes, Found, Way, put


def _c1(found: Found, way: Way) -> None:
    put([found["study"]["counterfactuals"]], "validity_different_class", 0.5 + 0.3 * way)


def _c2(found: Found, way: Way) -> None:
    for effect in found["search"]["effects"]:
        effect["changes"] = {name: {"mean": 0.1, "low": 0.05} for name in effect["changes"]}
        effect["changes"]["l2_mean"]["low"] = 0.05 * way


def _c3(found: Found, way: Way) -> None:
    found["study"]["counterfactuals"]["count"] -= way < 0


def _set(found: Found, name: str) -> Any:
    return [one for one in found["study"]["variants"] if one["name"].startswith(name)]


def _c4(found: Found, way: Way) -> None:
    put(_set(found, "by-eps-"), "mean_l2", 1.0 + 0.5 * way)


def _c5(found: Found, way: Way) -> None:
    put(_set(found, "variant-gaussian"), "mean_l0", 0.4)
    put(_set(found, "variant-gaussian"), "mean_l2", 1.0 + 0.5 * way)


def _c6(found: Found, way: Way) -> None:
    models = found["study"]["confidence_vs_distance"]
    put(models[-1:], "r2", 0.1 + 0.05 * way)


def _c7(found: Found, way: Way) -> None:
    put([found["study"]["effect"]], "value", 0.1 * way)


def _c8(found: Found, way: Way) -> None:
    put(found["study"]["chains"][1:], "farther", 1.0 + 0.1 * way)


def _c9(found: Found, way: Way) -> None:
    for row in found["distances"]["curves"]:
        put([row], "accuracy", 0.85 + (0.1 if row["num_replicates"] == 2 else -0.1) * way)


def _c10(found: Found, way: Way) -> None:
    found["study"]["counterfactuals"]["mean_l2_different_class"] = 1.0 + 0.5 * way


def _c11(found: Found, way: Way) -> None:
    put(found["alignment"]["classifiers"][-1:], "alignment_correlation", -0.3, spread=0.3 - 0.1 * way)


CHANGES: Changes = {
    "C1": _c1, "C2": _c2, "C3": _c3, "C4": _c4, "C5": _c5, "C6": _c6, "C7": _c7, "C8": _c8, "C9": _c9, "C10": _c10,
    "C11": _c11,
}  # fmt: skip
