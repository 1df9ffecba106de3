"""Energies under attacks of every kind: by strength, attack by attack, and under one that hides from the detector."""

import pandas as pd

from advgen_ray.analysis.attacked_energies import AttackedEnergies
from advgen_ray.analysis.energy_by_steps import energy_shifts
from advgen_ray.report import numbers
from advgen_ray.report.blocks import Figure, Section, Table
from advgen_ray.report.plots_detectors import evasion_panels
from advgen_ray.report.plots_energy_attacks import attack_panels, energy_by_steps_panel


def attack_sections(found: AttackedEnergies) -> list[Section]:
    """The sections for which the set has attacks, in reading order."""
    sections = [steps_section(found.by_steps)] if found.by_steps else []
    sections += [separation_section(found)] if found.separation else []
    return [*sections, *([evasion_section(found.sweeps)] if found.sweeps else [])]


def steps_section(tables: dict[str, pd.DataFrame]) -> Section:
    """Catalogue B2: a figure a table, and how far each line goes."""
    figures = [
        Figure(
            f"Energy by number of steps: {name}",
            f"{numbers.count(int(table['count'].max()))} test images; shaded: one standard deviation over images; "
            "beside each point the accuracy. At 0 steps the images are natural.",
            [energy_by_steps_panel(table, name, energy) for energy in ("energy_x", "energy_xy")],
            size="wide",
        )
        for name, table in tables.items()
    ]
    shifts = [(name, one) for name, table in tables.items() for _, one in energy_shifts(table).iterrows()]
    columns = [
        "Attack, classifier",
        "steps",
        "E(x) moves by",
        "in natural deviations",
        "never rises on the way",
        "accuracy",
    ]
    rows = [
        [
            f"{name}, {one['series']}",
            numbers.count(int(one["num_steps"])),
            numbers.signed(one["shift"]),
            numbers.signed(one["spreads"], 1),
            "yes" if one["falling"] else "no",
            numbers.percent(one["final_accuracy"]),
        ]
        for name, one in shifts
    ]
    name, farthest = max(shifts, key=lambda entry: abs(float(entry[1]["shift"])))
    falling = sum(round(one["shift"], 2) < 0 for _, one in shifts)
    told = f"{numbers.signed(farthest['shift'])} in {numbers.counted(int(farthest['num_steps']), 'step')}"
    sentences = [
        f"{falling or 'None'} of {len(shifts)} end{'s' if falling < 2 else ''} below the natural images in mean E(x); "
        f"{name}, {farthest['series']} goes farthest, {told}."
        if len(shifts) > 1
        else f"{name}, {farthest['series']} moves the mean of E(x) by {told}."
    ]
    table = Table("How far the mean of E(x) goes", "From the natural images to the most steps.", columns, rows)
    return Section("energy-by-steps", "The stronger the attack", sentences, [*figures, table])


def separation_section(found: AttackedEnergies) -> Section:
    """Catalogue B3: every attack against natural images, under the first classifier; a table for all."""
    first = next(iter(found.separation))
    table = found.separation[first].set_index("attack")
    figures = [
        Figure(
            f"{name} under every attack",
            f"Classifier {first}, {numbers.count(int(table['count'].max()))} test images, natural and attacked. Areas "
            f"under ROC: chance that {meaning}; one half is full overlap.",
            attack_panels(
                found.natural[first][column],
                {attack: rows[column] for attack, rows in found.attacked[first].items()},
                {str(attack): float(area) for attack, area in table[f"auroc_{column}"].items()},
                column,
            ),
        )
        for column, name, meaning in (
            ("energy_x", "E(x)", "an attacked image has the lower E(x)"),
            ("energy_xy", "E(x, y)", "an attacked image has the higher E(x, y)"),
        )
    ]
    columns = ["Classifier, attack", "misclassified", "E(x) moves by", "AUROC of E(x)", "E(x, y) moves by",
               "AUROC of E(x, y)", "n"]  # fmt: skip
    rows = [
        [
            f"{name}, {row['attack']}",
            numbers.percent(row["fooled"]),
            numbers.signed(row["shift_energy_x"]),
            numbers.decimal(row["auroc_energy_x"]),
            numbers.signed(row["shift_energy_xy"]),
            numbers.decimal(row["auroc_energy_xy"]),
            numbers.count(int(row["count"])),
        ]
        for name, separation in found.separation.items()
        for _, row in separation.iterrows()
    ]
    sentences = [
        f"Under {first}, {_told_apart(table['auroc_energy_x'])}.",
        "Mirza et al. find PGD and APGD far below natural energies on CIFAR-10, targeted attacks, FAB, Square and CW "
        "over them.",
    ]
    means = Table("Energies by attack", "Means over test images.", columns, rows)
    return Section("energy-by-attack", "Attack by attack", sentences, [*figures, means])


def _told_apart(areas: pd.Series) -> str:
    """Which attack E(x) tells from natural images best and which worst, where there are several and they differ."""
    apart = (areas - 0.5).abs()
    best, worst = int(apart.argmax()), int(apart.argmin())
    if len(areas) == 1:
        return f"E(x) of {areas.index[0]} has {_side(areas.iloc[0])}"
    if numbers.decimal(apart.iloc[best]) == numbers.decimal(apart.iloc[worst]):
        away = numbers.decimal(apart.iloc[best])
        return f"E(x) tells all {len(areas)} attacks apart equally well: each AUROC lies {away} from one half"
    return (
        f"{areas.index[best]} is told apart best by E(x) ({_side(areas.iloc[best])}), {areas.index[worst]} worst "
        f"({_side(areas.iloc[worst])})"
    )


def _side(area: float) -> str:
    """An area far from one half on either side tells apart."""
    level = numbers.decimal(area) == numbers.decimal(0.5)
    side = "level with" if level else "below" if area > 0.5 else "above"
    return f"AUROC {numbers.decimal(area)}, {side} natural energies"


def evasion_section(sweeps: dict[str, pd.DataFrame]) -> Section:
    """Catalogue B5: High-Energy PGD against the detector that expects plain PGD."""
    name, table = next(iter(sweeps.items()))
    plain = table.iloc[0]
    best = table.iloc[int(table["undetected_success"].argmax())]
    figure = Figure(
        "High-Energy PGD by lambda",
        f"Classifier {name}, {numbers.count(int(plain['count']))} test images; the threshold was chosen against lambda "
        f"{plain['lambda']:g} on {numbers.count(int(plain['num_validation']))} other images.",
        evasion_panels(table),
        size="wide",
    )
    beside = (
        f"at lambda {best['lambda']:g} it finds {numbers.percent(best['detection_rate'])}, and "
        f"{numbers.percent(best['undetected_success'])} pass (misclassified in all: {numbers.percent(best['success'])})"
        if best["lambda"] != plain["lambda"]
        else "at no other lambda do more pass"
    )
    sentences = [
        f"At lambda {plain['lambda']:g} the detector finds {numbers.percent(plain['detection_rate'])} of the attacked "
        f"images, and {numbers.percent(plain['undetected_success'])} are misclassified without being found; {beside}.",
        "Beadini and Masi use lambda 1.2 on imagenette; energies then overlap while accuracy still falls to 0.",
    ]
    return Section("evasion", "An attack that hides from the detector", sentences, [figure])
