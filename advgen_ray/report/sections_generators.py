"""Other ways to make counterfactuals: by a classifier's gradients, of counterfactuals; and what pulls to the source."""

import pandas as pd

from advgen_ray.analysis.neighborhood_curves import largest_gap, neighborhood_curves
from advgen_ray.report import numbers
from advgen_ray.report.blocks import Block, Figure, Section, Table
from advgen_ray.report.plots_distances import distance_distributions
from advgen_ray.report.plots_generators import hardtanh_panel, kinds_panel
from advgen_ray.report.study import Study

TIMES = (0.05, 0.2, 0.4)


def classifiers_section(study: Study) -> Section | None:
    """Their pictures (S000 figures 10, 11, 14 and 15); None where no classifier made any."""
    main, quality = study.tables.inputs.main.name, study.tables.quality.set_index("name")
    made = [one for one in study.tables.compared if one.name in study.grids and one.name != main]
    if not made:
        return None
    sentences = []
    for one in made:
        l2, l0, validity = (float(quality[key][one.name]) for key in ("mean_l2", "mean_l0", "validity"))
        unmoved = float((one.rows["l2"] == 0).mean())
        sentences.append(
            f"{one.label}: mean L2 {numbers.decimal(l2)}, mean L0 {numbers.decimal(l0)}; the judge sees the target in "
            f"{numbers.percent(validity)}"
            + (f"; {numbers.percent(unmoved)} of all are the source itself, sure enough already." if unmoved else ".")
        )
    blocks: list[Block] = [study.grids[one.name] for one in made]
    return Section("by-classifiers", "What classifiers would change", sentences, blocks)


def chain_section(study: Study) -> Section | None:
    """Counterfactuals of counterfactuals (S000 figure 5); None where there are none."""
    table = study.tables.chains
    if table.empty:
        return None
    sentences = [_verdict(row) for _, row in table.iloc[1:].iterrows()]
    sentences.append(
        "Published: those of robust models' counterfactuals lie farther, on CIFAR-10 (drawn, not printed)."
    )
    rows = [
        [
            str(row["label"]),
            numbers.count(int(row["count"])),
            numbers.decimal(row["mean_l2"]),
            numbers.decimal(row["median_l2"]),
            numbers.decimal(row["mean_l0"]),
            numbers.MISSING if place == 0 else _ratio(row),
        ]
        for place, (_, row) in enumerate(table.iterrows())
    ]
    blocks: list[Block] = [
        Figure(
            "Counterfactuals of counterfactuals",
            "L2 distances of different-class diffusion counterfactuals from what they were made of: images, or what a "
            "classifier had made of these images for each class. The vertical lines are means. As figure 5 of Yeats "
            "et al.",
            [distance_distributions(study.tables.chained, column, "chains") for column in ("l2", "l0")],
            size="wide",
        ),
        Table(
            "Distance by source",
            "The same images stand behind all rows. Farther: mean L2 over that of data, with a 95% interval over "
            "images.",
            ["Counterfactuals", "n", "mean L2", "median L2", "mean L0", "farther"],
            rows,
        ),
    ]
    return Section("chains", "Counterfactuals of counterfactuals", sentences, blocks)


def neighborhood_section(study: Study) -> Section | None:
    """What pulls a counterfactual towards its source (S000 figure 7); None where a set says nothing of it."""
    made, model = study.first("counterfactuals"), study.first("score model")
    sigma_ce = made.setting("neighborhood.sigma_ce") if made else None
    if sigma_ce is None:
        return None
    beta_min, beta_max = (model.setting(key) if model else None for key in ("beta_min", "beta_max"))
    curves = neighborhood_curves(float(sigma_ce), beta_min or 0.1, beta_max or 20.0, TIMES)
    sentences = [
        f"The hardtanh stands for the exact Boltzmann score to within {_gaps(curves)} of its range at "
        f"t = {', '.join(f'{time:g}' for time in TIMES)}: it is right at the source and far away, too hard between."
    ]
    figure = Figure(
        "Scores of the neighborhoods",
        f"One pixel, sigma_CE = {sigma_ce:g}. Left: exact Boltzmann score, solid, and its hardtanh, dotted, as figure "
        "7 of Yeats et al. Right: every kind at one time; the bounded one is flat inside its box.",
        [hardtanh_panel(curves), kinds_panel(curves, TIMES[0])],
        size="wide",
    )
    return Section("neighborhoods", "What pulls towards the source", sentences, [figure])


def _ratio(row: pd.Series) -> str:
    return numbers.decimal_interval(*(float(row[key]) for key in ("farther", "farther_low", "farther_high")))


def _verdict(row: pd.Series) -> str:
    ratio = _ratio(row)
    if row["farther_low"] > 1:
        return f"Counterfactuals {row['label']} lie farther: {ratio} times as far as those of data."
    if row["farther_high"] < 1:
        return f"Counterfactuals {row['label']} lie nearer: {ratio} times as far as those of data."
    return f"Counterfactuals {row['label']} lie neither nearer nor farther for certain: {ratio} times as far."


def _gaps(curves: pd.DataFrame) -> str:
    return ", ".join(numbers.percent(largest_gap(curves, time)) for time in TIMES)
