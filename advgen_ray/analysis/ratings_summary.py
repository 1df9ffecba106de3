"""``summary.json`` of raters' answers, and the few numbers of it that fit a terminal."""

from dataclasses import asdict
from typing import Any

import pandas as pd

from advgen_ray.analysis.ratings import RatingTables
from advgen_ray.analysis.summary import plain, records

DECIMALS = 3


def summarize_ratings(tables: RatingTables, class_names: tuple[str, ...]) -> dict[str, Any]:
    """Plain values, ready for JSON; fractions in [0, 1], null where there is no sample."""
    main = records(tables.everyone)[-1]  # of the raters that count
    named = tables.classes.assign(target_class=[class_names[int(one)] for one in tables.classes["y_target"]])
    found = {
        "target_seen": {"value": main["target"], "low": main["target_low"], "high": main["target_high"]},
        "source_seen": {"value": main["source"], "low": main["source_low"], "high": main["source_high"]},
        "plausible": {"value": main["plausible"], "low": main["plausible_low"], "high": main["plausible_high"]},
        "raters": records(tables.raters),
        "counted": tables.counted,
        "everyone": records(tables.everyone),
        "sets": records(tables.sets),
        "between": records(tables.between),
        "classes": records(named),
        "confusion": tables.confusion.tolist(),
        "reliability": records(tables.reliability),
        "consistency": asdict(tables.consistency),
        "classifiers": None if tables.classifiers is None else records(tables.classifiers),
    }
    return {key: plain(value) for key, value in found.items()}


def one_screen(tables: RatingTables) -> dict[str, list[dict[str, Any]]]:
    """The tables of the summary that a job prints, each with the columns that fit 80 characters."""
    raters = tables.raters.rename(columns={"catch_accuracy": "clean", "same_class": "repeats", "median_seconds": "s"})
    together = tables.reliability.drop_duplicates("question")  # all of them, or the only two
    shown = {
        "raters": raters[["rater", "target", "source", "plausible", "clean", "repeats", "s", "flagged"]],
        "sets": tables.sets[["set", "made", "target", "source", "plausible", "num_pairs"]],
        "reliability": together[["question", "raters", "measure", "kappa"]],
    }
    if tables.classifiers is not None:
        shown["classifiers"] = tables.classifiers[["who", "target", "source", "with_people"]]
    return {name: _rounded(table) for name, table in shown.items() if len(table)}


def _rounded(table: pd.DataFrame) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = plain(records(table.round(DECIMALS)))
    return rows
