"""The page of a set of energies: what its attacks do to them."""

from collections.abc import Mapping
from typing import Any

from advgen_ray.analysis.attacked_energies import AttackedEnergies
from advgen_ray.report import numbers
from advgen_ray.report.blocks import Section, full_config
from advgen_ray.report.page import Page
from advgen_ray.report.sections_attacks import attack_sections


def energies_page(found: AttackedEnergies, config: Mapping[str, Any], version: str) -> Page:
    """``config`` is that of the scoring."""
    data_name = config["data"]["name"]
    classifiers = ", ".join(found.natural)
    count = max(len(rows) for rows in found.natural.values())
    told = full_config("scoring", config)
    return Page(
        title=f"advgen_ray: energies under attack on {data_name}",
        heading="What do attacks do to energies?",
        data_name=data_name,
        version=version,
        answer=_answer(found),
        lead=f"{'Classifiers' if len(found.natural) > 1 else 'Classifier'}: {classifiers}; {numbers.count(count)} test "
        "images, natural and attacked.",
        key_figures=[],
        sections=[*attack_sections(found), Section("run", "What was run", [], [told])],
    )


def _answer(found: AttackedEnergies) -> str:
    if not found.separation:
        return "How energies move with the strength of the attack."
    name, table = next(iter(found.separation.items()))
    ordered = table.sort_values("shift_energy_x", kind="stable")
    low, high = ordered.iloc[0], ordered.iloc[-1]
    moved = f"Under {name}, {low['attack']} moves the mean of E(x) by {numbers.signed(low['shift_energy_x'])}"
    beside = f", {high['attack']} by {numbers.signed(high['shift_energy_x'])}" if len(ordered) > 1 else ""
    return f"{moved}{beside}."
