"""The tables of raters' answers: by set and class, by rater, among raters, beside classifiers."""

from collections.abc import Sequence

import pandas as pd

from advgen_ray.analysis.ratings import RatingTables
from advgen_ray.report import numbers
from advgen_ray.report.blocks import Table

RATES = ["target seen", "source's class seen", "plausible", "target seen and plausible", "pairs", "judgements"]


def told_share(row: pd.Series, name: str) -> str:
    """A share with its interval: ``"91.0% (85.2 to 94.9)"``."""
    return numbers.with_interval(row[name], row[f"{name}_low"], row[f"{name}_high"])


def set_table(tables: RatingTables) -> Table:
    """By set, and by what its counterfactuals were made to be."""
    rows = [[f"{row['set']}, {row['made']}", *_rates(row)] for _, row in tables.sets.iterrows()]
    caption = "Made to be another class than the source's, or a new image of the source's own."
    return Table("By set", caption, ["Set, made to be", *RATES], rows)


def between_table(tables: RatingTables) -> Table:
    """Every two sets: which of them convinces more often."""
    rows = [
        [f"{row['one']} against {row['other']}", *(_told_difference(row, name) for name in ("target", "plausible"))]
        for _, row in tables.between.iterrows()
    ]
    caption = (
        "Different-class counterfactuals, points with 95% interval (Newcombe 1998, method 10, as if the sets were "
        "independent). The same raters judged both without knowing which is which."
    )
    return Table("Set against set", caption, ["Difference", *(RATES[index] for index in (0, 2))], rows)


def class_table(classes: pd.DataFrame, class_names: Sequence[str]) -> Table:
    """By target class and set."""
    rows = [
        [f"{class_names[int(row['y_target'])]}, {row['set']}", *_rates(row)]
        for _, row in classes.sort_values(["y_target", "set"]).iterrows()
    ]
    return Table("By class aimed at", "Different-class counterfactuals.", ["Class, set", *RATES], rows)


def everyone_table(tables: RatingTables) -> Table:
    """Everybody, and without those who failed on the clean images."""
    rows = [[str(row["raters"]), *_rates(row)] for _, row in tables.everyone.iterrows()]
    return Table("With and without", "Different-class counterfactuals of all sets.", ["Who", *RATES], rows)


def rater_table(tables: RatingTables, threshold: float) -> Table:
    """One row a rater: what was seen, and how attentively."""
    rows = [
        [
            row["rater"] + (" (flagged)" if row["flagged"] else ""),
            *(told_share(row, name) for name in ("target", "source", "plausible")),
            f"{numbers.percent(row['catch_accuracy'])} of {row['num_catches']}",
            f"{numbers.percent(row['same_class'])} of {row['num_repeats']}",
            numbers.percent(row["same_plausible"]),
            f"{row['median_seconds']:.1f} s",
        ]
        for _, row in tables.raters.iterrows()
    ]
    columns = ["Rater", *RATES[:3], "clean images right", "repeats: same class", "repeats: same plausibility"]
    caption = (
        "Shares of the different-class counterfactuals; clean images were shown as if they were changed, repeats are "
        "pairs that came a second time. Time: the median while a pair was in sight. Flagged: right on less "
        f"than {numbers.percent(threshold, 0)} of the clean images."
    )
    return Table("Every rater", caption, [*columns, "time"], rows)


def reliability_table(tables: RatingTables) -> Table:
    """Agreement beyond chance of every two raters, and of all."""
    rows = [
        [
            f"{row['question']}: {row['raters']}",
            numbers.percent(row["agreement"]),
            numbers.decimal(row["kappa"]),
            row["measure"],
            numbers.count(int(row["num_pairs"])),
        ]
        for _, row in tables.reliability.iterrows()
    ]
    caption = (
        "Kappa: agreement beyond chance, 1 for perfect, 0 for chance (Cohen 1960 for two raters, Fleiss 1971 for all); "
        "n/a where everybody always said the same."
    )
    return Table("Rater by rater", caption, ["Question: raters", "agree", "kappa", "measure", "pairs"], rows)


def classifier_table(table: pd.DataFrame) -> Table:
    """People and classifiers on the same counterfactuals."""
    rows = [
        [str(row["who"]), *(told_share(row, name) for name in ("target", "source", "with_people"))]
        for _, row in table.iterrows()
    ]
    caption = (
        "Different-class counterfactuals that raters saw. Same as people: the share of their judgements in which the "
        "classifier names the class that was seen."
    )
    return Table("On the same images", caption, ["Who", *RATES[:2], "same as people"], rows)


def _told_difference(row: pd.Series, name: str) -> str:
    value, low, high = (numbers.signed_points(row[key]) for key in (name, f"{name}_low", f"{name}_high"))
    return f"{value} ({low} to {high})"


def _rates(row: pd.Series) -> list[str]:
    return [
        *(told_share(row, name) for name in ("target", "source", "plausible")),
        numbers.percent(row["convincing"]),
        numbers.count(int(row["num_pairs"])),
        numbers.count(int(row["num_judgements"])),
    ]
