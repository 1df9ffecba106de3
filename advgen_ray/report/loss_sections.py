"""What happens inside the trainings of a comparison of losses: accuracies, terms and energies by epoch."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import pandas as pd

from advgen_ray.analysis.energy_dynamics import arrows, dynamics_table
from advgen_ray.analysis.loss_comparison import energy_weights
from advgen_ray.report import numbers
from advgen_ray.report.blocks import Figure, Section, Table
from advgen_ray.report.plots_dynamics import drift_by_class, drift_by_length, loss_terms_panel, scatter_panels
from advgen_ray.report.plots_training import training_panel
from advgen_ray.report.sections_dynamics import TRADES_TERMS, dynamics_section, identity_words

Histories = Mapping[str, Sequence[Mapping[str, Any]]]
"""Records by epoch, means over seeds, by what the loss is called."""

COURSE = {
    "train_accuracy": "attacked training images",
    "validation_clean_accuracy": "held-out images",
    "validation_pgd_accuracy": "held-out images, attacked",
}


def course_section(histories: Histories) -> Section:
    """How accuracies went during training, one line a loss."""
    panels = [training_panel(histories, metric, title, percent=True) for metric, title in COURSE.items()]
    caption = "Means over seeds. Attacked training images are those of the loss itself, in training mode."
    return Section(
        "course",
        "The course of training",
        [],
        [Figure("Accuracies by epoch", caption, [panel for panel in panels if panel])],
    )


def terms_section(histories: Histories, identity_error: float) -> Section:
    """Catalogue B9 (S001 section A.5): the terms of each loss that is made of TRADES' divergence."""
    figures = [
        loss_terms_panel(history, TRADES_TERMS, f"{name}, terms")
        for name, history in histories.items()
        if all(term in history[-1] for term in TRADES_TERMS)
    ]
    says = [
        "The divergence of TRADES, and of what is built on it, is a conditional term (how much the attack raises "
        "E(x, k), weighted by p(k|x)) plus a marginal one, E(x) − E(x*).",
        "With the cross-entropy, in energies alone, this is Mirza et al.'s corollary 1; over all trainings it "
        f"{identity_words(identity_error)}.",
    ]
    caption = "Means over the images of each epoch and over seeds."
    return Section("terms", "TRADES read as energies", says, [Figure("Terms by epoch", caption, figures, size="wide")])


def energy_sections(energies: Mapping[str, pd.DataFrame], class_names: Sequence[str]) -> list[Section]:
    """Catalogue B7: the first loss at length, then all side by side. Pictures are of the first seed.

    Rows as in ``analysis.energy_dynamics``, with seed.
    """
    of_first = {name: rows[rows["seed"] == rows["seed"].iloc[0]] for name, rows in energies.items()}
    shown, rows = next(iter(of_first.items()))
    seed = int(rows["seed"].iloc[0])
    at_length = dynamics_section(rows, class_names)
    figures = [
        Figure(
            f"{name}: E(x, y) against E(x)",
            f"{numbers.count(one['item_id'].nunique())} training images, seed {seed}; attacked by PGD on "
            "cross-entropy whatever the loss. Axes are the same within the row only.",
            scatter_panels(one),
        )
        for name, one in of_first.items()
        if name != shown
    ]
    earlier = [arrows(rows, epoch) for epoch in sorted(set(rows["epoch"]))[:-1]]
    if earlier:
        panels = [
            draw(one) for one in earlier for draw in (partial(drift_by_class, class_names=class_names), drift_by_length)
        ]
        drift = Figure("Where it moved them before", "The same images; axes differ by epoch.", panels, size="wide")
        at_length = replace(at_length, blocks=[*at_length.blocks, drift])
    return [
        replace(at_length, title=f"Energies while {shown} trains, seed {seed}"),
        Section("energies", "Energies by loss", [], [_table(energies), *figures]),
    ]


def _table(energies: Mapping[str, pd.DataFrame]) -> Table:
    rows = []
    for name, one in energies.items():
        last = dynamics_table(one).iloc[-1]
        weights = energy_weights(one.loc[one["epoch"] == last["epoch"], "natural_energy_x"])
        rows.append(
            [
                f"{name}, epoch {last['epoch']:.0f}",
                *(
                    f"{numbers.decimal(last[f'{kind}_energy_x'])} ± {numbers.decimal(last[f'{kind}_energy_x_std'])}"
                    for kind in ("natural", "attacked")
                ),
                *(numbers.decimal(last[f"{kind}_loss"]) for kind in ("natural", "attacked")),
                *(numbers.signed(last[f"mean_drift_{axis}"]) for axis in ("x", "xy")),
                f"{numbers.decimal(float(weights.mean()))} ± {numbers.decimal(float(weights.std()))}",
            ]
        )
    return Table(
        "At the last recorded epoch",
        "Means over images and seeds, some with standard deviations; the cross-entropy is E(x, y) − E(x). WEAT's "
        "weight is what 1 / log(1 + exp |E(x)|) gives these images, whatever the loss: where it hardly varies, WEAT "
        "is nearly its unweighted loss.",
        ["Loss", "E(x), natural", "E(x), attacked", "cross-entropy, natural", "cross-entropy, attacked",
         "attack moves E(x) by", "E(x, y) by", "WEAT's weight"],
        rows,
    )  # fmt: skip
