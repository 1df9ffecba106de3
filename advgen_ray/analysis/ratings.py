"""What raters see in counterfactuals: the target, the source's class or something else, and whether it is plausible.

Judgements are a table with one row an answer: rater, trial, pair, kind, repeat, set, item_id, source_id, source_label,
y_target, seen, plausible, milliseconds. Second showings count for self-consistency alone, clean images that claim to
be changed (``rating_plan.CATCH``) for attention alone. Intervals are of ``clustered_share`` over sources.
"""

import itertools
import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from advgen_ray.analysis.clustered import Share, clustered_share
from advgen_ray.analysis.estimate import less
from advgen_ray.analysis.rater_reliability import reliability
from advgen_ray.analysis.rating_plan import CATCH, COUNTERFACTUAL

DIFFERENT, SAME = "another class", "the source's class"  # what a counterfactual was made to be


@dataclass(frozen=True)
class RatingTables:
    """Everything that the answers say; ``counted`` raters are those who passed the clean images, or all if none did."""

    judgements: pd.DataFrame
    raters: pd.DataFrame  # of ``rater_table``
    counted: list[str]
    everyone: pd.DataFrame  # of ``rate_table``: all raters, and without the flagged ones where there are any
    sets: pd.DataFrame  # of ``rate_table``: by set and what its counterfactuals were made to be
    between: pd.DataFrame  # of ``set_differences``, among those made to be another class
    classes: pd.DataFrame  # of ``rate_table``: by set and target, among those made to be another class
    confusion: np.ndarray  # [num_classes, num_classes], target by class seen, of the same
    reliability: pd.DataFrame  # of ``rater_reliability.reliability``
    consistency: Share  # class seen at the second showing as at the first
    classifiers: pd.DataFrame | None  # of ``classifier_table``


def analyze_ratings(
    judgements: pd.DataFrame, num_classes: int, catch_threshold: float, predictions: pd.DataFrame | None = None
) -> RatingTables:
    """All tables; a rater under ``catch_threshold`` on the clean images counts in ``raters`` and ``everyone`` only.

    ``predictions``, if any: classifier, set, item_id and predicted for every counterfactual shown.
    """
    raters = rater_table(judgements, catch_threshold)
    counted = raters.loc[~raters["flagged"], "rater"].tolist() or raters["rater"].tolist()
    of_counted = judgements[judgements["rater"].isin(counted)]
    shown, twice = first_showings(of_counted), showings_of_repeated(of_counted)
    different = made_to_differ(shown)
    groups = {"all raters": made_to_differ(first_showings(judgements)), "without flagged raters": different}
    if len(counted) == len(raters):
        del groups["without flagged raters"]
    made = shown.assign(made=np.where(shown["y_target"] == shown["source_label"], SAME, DIFFERENT))
    sets = rate_table(_groups(made, ["set", "made"]))
    sets.loc[sets["made"] == SAME, ["source", "source_low", "source_high"]] = math.nan  # it is the target
    return RatingTables(
        judgements=judgements,
        raters=raters,
        counted=counted,
        everyone=rate_table(({"raters": name}, group) for name, group in groups.items()),
        sets=sets,
        between=set_differences(different),
        classes=rate_table(_groups(different, ["set", "y_target"])),
        confusion=confusion(different, num_classes),
        reliability=reliability(shown),
        consistency=clustered_share(twice["seen"] == twice["seen_again"], twice["source_id"]),
        classifiers=None if predictions is None else classifier_table(different, predictions),
    )


def first_showings(judgements: pd.DataFrame) -> pd.DataFrame:
    """The judgements of counterfactuals, each pair once a rater."""
    return judgements[(judgements["kind"] == COUNTERFACTUAL) & ~judgements["repeat"]]


def showings_of_repeated(judgements: pd.DataFrame) -> pd.DataFrame:
    """The first judgements of pairs shown twice, with what was said again: seen_again, plausible_again."""
    again = judgements.loc[judgements["repeat"], ["rater", "pair", "seen", "plausible"]]
    return first_showings(judgements).merge(again, on=["rater", "pair"], suffixes=("", "_again"))


def made_to_differ(judgements: pd.DataFrame) -> pd.DataFrame:
    """Those of different-class counterfactuals: the target is not the source's label."""
    return judgements[judgements["y_target"] != judgements["source_label"]]


def rate_table(groups: Iterable[tuple[dict[str, Any], pd.DataFrame]]) -> pd.DataFrame:
    """One row a group of judgements.

    Columns: the group's; target, source and plausible (shares in which the target's class was seen, the source's, and
    the image called plausible), each with ..._low, ..._high; convincing (target seen and plausible); num_judgements,
    num_pairs and num_sources.
    """
    return pd.DataFrame([keys | _rates(rows) for keys, rows in groups])


def set_differences(judgements: pd.DataFrame) -> pd.DataFrame:
    """Every two sets compared, the later by name minus the earlier: are raters convinced more often?

    Columns: one, other; target, plausible (differences of the shares), each with ..._low, ..._high.
    """
    rows = []
    hits = {"target": judgements["seen"] == judgements["y_target"], "plausible": judgements["plausible"]}
    for other, one in itertools.combinations(sorted(judgements["set"].unique()), 2):
        row = {"one": one, "other": other}
        for name, hit in hits.items():
            places = (judgements["set"] == one, judgements["set"] == other)
            shares = (clustered_share(hit[here], judgements.loc[here, "source_id"]).estimate for here in places)
            row |= dict(zip((name, f"{name}_low", f"{name}_high"), less(*shares), strict=True))
        rows.append(row)
    return pd.DataFrame(rows)


def rater_table(judgements: pd.DataFrame, catch_threshold: float) -> pd.DataFrame:
    """One row a rater: the columns of ``rate_table`` over different-class counterfactuals, and how attentive.

    Added columns: catch_accuracy and num_catches; same_class and same_plausible (shares of the num_repeats pairs
    shown twice that were judged alike); median_seconds of an answer; flagged (catch_accuracy under the threshold).
    """
    rows = []
    for rater, said in judgements.groupby("rater", sort=True):
        catches, twice = said[said["kind"] == CATCH], showings_of_repeated(said)
        accuracy = float((catches["seen"] == catches["y_target"]).mean())  # nan without a clean image
        rows.append(
            {
                "rater": str(rater),
                **_rates(made_to_differ(first_showings(said))),
                "catch_accuracy": accuracy,
                "num_catches": len(catches),
                "same_class": float((twice["seen"] == twice["seen_again"]).mean()),
                "same_plausible": float((twice["plausible"] == twice["plausible_again"]).mean()),
                "num_repeats": len(twice),
                "median_seconds": float(said["milliseconds"].median()) / 1000,
                "flagged": accuracy < catch_threshold,
            }
        )
    return pd.DataFrame(rows)


def confusion(judgements: pd.DataFrame, num_classes: int) -> np.ndarray:
    """How often each class was seen (columns) where each was the target (rows)."""
    counts = np.zeros((num_classes, num_classes), dtype=int)
    np.add.at(counts, (judgements["y_target"].to_numpy(int), judgements["seen"].to_numpy(int)), 1)
    return counts


def classifier_table(judgements: pd.DataFrame, predictions: pd.DataFrame) -> pd.DataFrame:
    """The people, then every classifier, on the same counterfactuals: what they see, how often the same.

    Columns: who; target and source (shares as in ``rate_table``, of a classifier over pairs, of people over
    judgements), each with ..._low, ..._high; with_people (share of judgements in which the classifier's class is the
    one seen; nan for the people), with_people_low, with_people_high.
    """
    pairs = judgements.drop_duplicates("pair")
    nobody = clustered_share([], [])
    rows = [{"who": "people", **_seen(judgements, "seen"), **_columns("with_people", nobody)}]
    for classifier, predicted in predictions.groupby("classifier", sort=False):
        of = predicted[["set", "item_id", "predicted"]]
        judged = judgements.merge(of, on=["set", "item_id"])
        same = clustered_share(judged["predicted"] == judged["seen"], judged["source_id"])
        own = _seen(pairs.merge(of, on=["set", "item_id"]), "predicted")
        rows.append({"who": str(classifier), **own, **_columns("with_people", same)})
    return pd.DataFrame(rows)


def misread(judgements: pd.DataFrame, num: int) -> pd.DataFrame:
    """The ``num`` pairs in which fewest raters saw the target, only such as most did not; the clearest first.

    One row a pair: its columns, with seen the class that was seen most often and missed the share of other classes
    than the target.
    """
    shown = first_showings(judgements)
    missed = (shown["seen"] != shown["y_target"]).groupby(shown["pair"]).mean()
    most_seen = shown.groupby("pair")["seen"].agg(lambda seen: int(seen.mode().iloc[0]))
    pairs = shown.drop_duplicates("pair").drop(columns=["seen", "rater", "plausible", "milliseconds"])
    pairs = pairs.assign(missed=pairs["pair"].map(missed), seen=pairs["pair"].map(most_seen))
    pairs = pairs[(pairs["missed"] > 0.5) & (pairs["seen"] != pairs["y_target"])]
    return pairs.sort_values(["missed", "trial"], ascending=[False, True]).head(num)


def _groups(judgements: pd.DataFrame, by: list[str]) -> Iterable[tuple[dict[str, Any], pd.DataFrame]]:
    for keys, rows in judgements.groupby(by, sort=True):
        yield dict(zip(by, keys, strict=True)), rows


def _rates(judgements: pd.DataFrame) -> dict[str, Any]:
    plausible = clustered_share(judgements["plausible"], judgements["source_id"])
    hit = judgements["seen"] == judgements["y_target"]
    return {
        **_seen(judgements, "seen"),
        **_columns("plausible", plausible),
        "convincing": float((hit & judgements["plausible"]).mean()),
        "num_judgements": plausible.count,
        "num_pairs": judgements["pair"].nunique(),
        "num_sources": plausible.num_clusters,
    }


def _seen(judgements: pd.DataFrame, column: str) -> dict[str, float]:
    sources = judgements["source_id"]
    target = clustered_share(judgements[column] == judgements["y_target"], sources)
    source = clustered_share(judgements[column] == judgements["source_label"], sources)
    return {**_columns("target", target), **_columns("source", source)}


def _columns(name: str, share: Share) -> dict[str, float]:
    return {name: share.value, f"{name}_low": share.low, f"{name}_high": share.high}
