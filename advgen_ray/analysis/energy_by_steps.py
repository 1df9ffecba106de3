"""Catalogue B2 and B5 (S003 figures 2b and 3b; S001 figures A and B): energies as an attack takes more steps."""

import pandas as pd

from advgen_ray.analysis.proportion import proportion

ENERGIES = ("energy_x", "energy_xy")


def energy_by_steps(rows: pd.DataFrame) -> pd.DataFrame:
    """Mean, spread and accuracy for each number of steps of each series.

    Args:
        rows: one row for an image at a number of steps: series (the line it belongs to, as a reader calls it: model
            and attack), num_steps (0: the natural image), energy_x, energy_xy, correct.

    Returns:
        One row a series (in the order of their first rows) and number of steps (rising). Columns: series, num_steps;
        mean_energy_x, std_energy_x (over images; nan for a single one), mean_energy_xy, std_energy_xy; accuracy,
        accuracy_low, accuracy_high (95% binomial interval), count.
    """
    table = []
    for series, lines in rows.groupby("series", sort=False):
        for num_steps, images in lines.groupby("num_steps", sort=True):
            accuracy = proportion(images["correct"])
            low, high = accuracy.interval
            row = {"series": series, "num_steps": num_steps}
            for energy in ENERGIES:
                values = images[energy].astype(float)
                row |= {f"mean_{energy}": values.mean(), f"std_{energy}": values.std()}
            row |= {"accuracy": accuracy.value, "accuracy_low": low, "accuracy_high": high, "count": accuracy.count}
            table.append(row)
    return pd.DataFrame(table)


def energy_shifts(table: pd.DataFrame, energy: str = "energy_x") -> pd.DataFrame:
    """How far each series of ``energy_by_steps`` goes from its fewest steps to its most.

    Columns: series, num_steps (the most), shift (of the mean energy; negative where attacks look likely), spreads (the
    shift in standard deviations at the fewest steps), falling (truth value: no mean is above the one before),
    final_accuracy.
    """
    rows = []
    for series, line in table.groupby("series", sort=False):
        means = line[f"mean_{energy}"].to_numpy(float)
        shift = float(means[-1] - means[0])
        spread = float(line[f"std_{energy}"].iloc[0])
        rows.append(
            {
                "series": series,
                "num_steps": line["num_steps"].iloc[-1],
                "shift": shift,
                "spreads": shift / spread if spread > 0 else float("nan"),
                "falling": bool((means[1:] <= means[:-1]).all()),
                "final_accuracy": float(line["accuracy"].iloc[-1]),
            }
        )
    return pd.DataFrame(rows)
