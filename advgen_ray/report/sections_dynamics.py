"""What adversarial training does to energies: drift by epoch (S001 figures D and E), TRADES as energies (A.5)."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from advgen_ray.analysis.energy_dynamics import arrows, dynamics_table
from advgen_ray.report import numbers
from advgen_ray.report.blocks import Figure, Section, Table
from advgen_ray.report.plots_dynamics import drift_by_class, drift_by_length, loss_terms_panel, scatter_panels

TRADES_TERMS = {
    "natural_loss": "E(x, y) − E(x): cross-entropy",
    "kl_conditional": "conditional term",
    "kl_marginal": "marginal term",
    "kl": "their sum: KL",
}
IDENTITY_TARGET = 1e-5


def dynamics_section(rows: pd.DataFrame, class_names: Sequence[str]) -> Section:
    """Catalogue B7, of the recorded epochs of one training."""
    table = dynamics_table(rows)
    last, count = int(table["epoch"].iloc[-1]), numbers.count(int(table["count"].max()))
    drawn = arrows(rows, last)
    scatter = Figure(
        "Energies by epoch",
        f"{count} training images, natural and attacked; below the diagonal nothing can lie, on it the loss is zero.",
        scatter_panels(rows),
    )
    drift = Figure(
        f"Where the attack moves them, epoch {last}",
        f"{numbers.count(len(drawn))} of the images; each arrow goes from the natural image to the attacked one.",
        [drift_by_class(drawn, class_names), drift_by_length(drawn)],
        size="wide",
    )
    columns = ["Epoch", "E(x) natural", "E(x) attacked", "E(x, y) natural", "E(x, y) attacked", "loss natural",
               "loss attacked", "mean drift"]  # fmt: skip
    keys = ["natural_energy_x", "attacked_energy_x", "natural_energy_xy", "attacked_energy_xy", "natural_loss",
            "attacked_loss", "mean_drift"]  # fmt: skip
    cells = [[str(int(row["epoch"])), *(numbers.decimal(row[key]) for key in keys)] for _, row in table.iterrows()]
    first_row, last_row = table.iloc[0], table.iloc[-1]
    ends = [numbers.decimal(row["natural_energy_x"]) for row in (first_row, last_row)]
    way = (
        f"From epoch {int(first_row['epoch'])} to {last} the mean E(x) of natural images goes from {' to '.join(ends)}"
    )
    if len(table) == 1:
        way = f"In epoch {last} the mean E(x) of natural images is {ends[-1]}"
    sentences = [
        f"{way}; {'at the end ' if len(table) > 1 else ''}the attack moves it by "
        f"{numbers.signed(last_row['mean_drift_x'])}.",
        "Mirza et al. report that energies fall as training goes on, and that what stays hard to fit has high energy.",
    ]
    means = Table("Energies by epoch", "Means over the recorded images.", columns, cells)
    return Section("dynamics", "Energies while a model is trained", sentences, [scatter, drift, means])


def trades_section(card: Mapping[str, Any]) -> Section | None:
    """Catalogue B9, from the history in a model's card; None for a loss without TRADES' divergence."""
    history = [row for row in card["history"] if "kl" in row]
    if not history:
        return None
    error = max(float(row["trades_identity_error"]) for row in history)
    last = history[-1]
    figure = Figure(
        "TRADES as energies",
        f"Means over the images of each epoch, {numbers.counted(len(history), 'epoch')}, loss "
        f"{card['training']['loss']}, beta {card['training']['beta']:g}.",
        [loss_terms_panel(history, TRADES_TERMS, "terms of the loss")],
        size="wide",
    )
    sentences = [
        "The divergence that TRADES adds to the cross-entropy is a conditional term plus a marginal one, E(x) − E(x*): "
        f"at the end {numbers.decimal(last['kl_conditional'], 3)} and {numbers.decimal(last['kl_marginal'], 3)}.",
        f"The identity {identity_words(error)}.",
    ]
    return Section("trades", "TRADES read as energies", sentences, [figure])


def identity_words(error: float) -> str:
    """Whether TRADES equals its energies; ``error`` is the largest mean relative error of an epoch."""
    held = "held" if error <= IDENTITY_TARGET else "did not hold"
    return f"{held} to {IDENTITY_TARGET:g} in every epoch, the largest mean relative error being {error:.1e}"
