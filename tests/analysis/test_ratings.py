"""Tables of raters' answers: who saw what, whom the clean images unmask, and who is compared with whom."""

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest

from advgen_ray.analysis.proportion import Proportion
from advgen_ray.analysis.rating_plan import CATCH, COUNTERFACTUAL
from advgen_ray.analysis.ratings import (
    DIFFERENT,
    SAME,
    analyze_ratings,
    classifier_table,
    first_showings,
    made_to_differ,
    misread,
)
from advgen_ray.analysis.ratings_summary import one_screen, summarize_ratings

CLASS_NAMES = ("zero", "one", "two")

# pair, kind, repeat, set, source, source's label, target
TRIALS = [
    ("a", COUNTERFACTUAL, False, "near", "s0", 0, 1),
    ("b", COUNTERFACTUAL, False, "near", "s1", 0, 2),
    ("c", COUNTERFACTUAL, False, "far", "s2", 1, 2),
    ("d", COUNTERFACTUAL, False, "far", "s3", 1, 0),
    ("e", COUNTERFACTUAL, False, "far", "s4", 2, 2),
    ("k", CATCH, False, "near", "s5", 1, 1),
    ("l", CATCH, False, "near", "s6", 0, 0),
    ("a", COUNTERFACTUAL, True, "near", "s0", 0, 1),
    ("b", COUNTERFACTUAL, True, "near", "s1", 0, 2),
]
#                a  b  c  d  e  k  l  a' b'
SEEN = {"ada": [1, 2, 2, 0, 2, 1, 0, 1, 2], "bob": [1, 0, 2, 2, 2, 1, 0, 1, 2], "cyd": [0, 0, 0, 0, 0, 0, 0, 0, 0]}
PLAUSIBLE = {"ada": "yynyyyyyy", "bob": "ynnyyyyny", "cyd": "nnnnnnnnn"}


def judgements_of(*raters: str) -> pd.DataFrame:
    names = ["pair", "kind", "repeat", "set", "source_id", "source_label", "y_target"]
    trials = pd.DataFrame(TRIALS, columns=names).assign(trial=range(len(TRIALS)))
    trials["item_id"] = trials["source_id"] + "/" + trials["y_target"].astype(str)
    said = [
        trials.assign(
            rater=rater, seen=SEEN[rater], plausible=[one == "y" for one in PLAUSIBLE[rater]], milliseconds=2000
        )
        for rater in raters
    ]
    return pd.concat(said, ignore_index=True)


def analyzed(*raters: str, threshold: float = 0.8, **more: Any):  # type: ignore[no-untyped-def]
    return analyze_ratings(judgements_of(*raters), len(CLASS_NAMES), threshold, **more)


def test_one_rater_is_counted_with_wilsons_interval() -> None:
    (row,) = analyzed("bob").everyone.to_dict("records")
    assert (row["target"], row["source"], row["plausible"], row["convincing"]) == (0.5, 0.25, 0.5, 0.25)
    assert (row["target_low"], row["target_high"]) == pytest.approx(Proportion(2, 4).interval)
    assert (row["num_judgements"], row["num_pairs"], row["num_sources"]) == (4, 4, 4)


def test_repeats_and_clean_images_count_for_the_rater_alone() -> None:
    tables = analyzed("ada", "bob")
    ada, bob = tables.raters.to_dict("records")
    assert (ada["catch_accuracy"], ada["num_catches"], ada["same_class"], ada["same_plausible"]) == (1.0, 2, 1.0, 1.0)
    assert (bob["same_class"], bob["same_plausible"], bob["num_repeats"]) == (0.5, 0.0, 2)
    assert (tables.consistency.value, tables.consistency.count) == (0.75, 4)
    assert set(tables.reliability["num_pairs"]) == {5}
    assert ada["median_seconds"] == 2.0


def test_who_fails_on_clean_images_is_shown_and_not_counted() -> None:
    tables = analyzed("ada", "bob", "cyd")
    assert tables.raters["flagged"].tolist() == [False, False, True]
    assert tables.counted == ["ada", "bob"]
    everyone = tables.everyone.set_index("raters")
    assert everyone.loc["all raters", "target"] == 7 / 12
    assert everyone.loc["without flagged raters", "target"] == 6 / 8
    assert tables.confusion.sum() == 8
    assert set(tables.reliability["raters"]) == {"ada, bob"}
    for name in ("sets", "classes"):
        pd.testing.assert_frame_equal(getattr(tables, name), getattr(analyzed("ada", "bob"), name))


def test_a_rater_who_is_not_counted_says_nothing_of_consistency() -> None:
    assert analyzed("ada", "bob", "cyd").consistency == analyzed("ada", "bob").consistency


def test_one_long_pause_is_not_a_slow_rater() -> None:
    judgements = judgements_of("ada")
    judgements.loc[3, "milliseconds"] = 900_000
    assert analyze_ratings(judgements, len(CLASS_NAMES), 0.8).raters["median_seconds"].tolist() == [2.0]


def test_where_all_fail_all_count() -> None:
    tables = analyzed("cyd")
    assert tables.raters["flagged"].tolist() == [True]
    assert (tables.counted, list(tables.everyone["raters"])) == (["cyd"], ["all raters"])
    assert analyzed("cyd", threshold=0.5).raters["flagged"].tolist() == [False], "the threshold itself passes"


def test_sets_are_told_apart_and_the_sources_own_class_too() -> None:
    sets = analyzed("ada", "bob").sets.set_index(["set", "made"])
    assert sets["num_judgements"].to_dict() == {("far", DIFFERENT): 4, ("far", SAME): 2, ("near", DIFFERENT): 4}
    assert sets.loc[("far", SAME), "target"] == 1.0
    assert math.isnan(sets.loc[("far", SAME), "source"])
    assert sets.loc[("near", DIFFERENT), ["target", "source", "plausible"]].tolist() == [0.75, 0.25, 0.75]
    (between,) = analyzed("ada", "bob").between.to_dict("records")
    assert (between["one"], between["other"], between["target"], between["plausible"]) == ("near", "far", 0.0, 0.25)
    assert between["target_low"] < 0 < between["target_high"]


def test_confusion_has_targets_in_rows() -> None:
    expected = np.zeros((3, 3), dtype=int)
    expected[1, 1], expected[2, 2], expected[2, 0], expected[0, 0], expected[0, 2] = 2, 3, 1, 1, 1
    np.testing.assert_array_equal(analyzed("ada", "bob").confusion, expected)


def test_classifiers_are_asked_about_the_same_images() -> None:
    shown = made_to_differ(first_showings(judgements_of("ada", "bob")))
    pairs = shown.drop_duplicates("pair")[["set", "item_id", "y_target", "source_label"]]
    keys = pairs[["set", "item_id"]]
    predictions = pd.concat(
        [
            keys.assign(classifier="perfect", predicted=pairs["y_target"]),
            keys.assign(classifier="stubborn", predicted=pairs["source_label"]),
            keys.assign(classifier="perfect", set="elsewhere", predicted=9),
        ]
    )
    table = classifier_table(shown, predictions).set_index("who")
    assert table["target"].tolist() == [0.75, 1.0, 0.0]
    assert table["source"].tolist() == [0.125, 0.0, 1.0]
    assert math.isnan(table.loc["people", "with_people"])
    assert table.loc[["perfect", "stubborn"], "with_people"].tolist() == [0.75, 0.125]
    assert table.loc["perfect", "target_low"] == pytest.approx(Proportion(4, 4).interval[0]), "four images, not eight"


def test_misread_are_pairs_that_most_raters_see_otherwise() -> None:
    found = misread(judgements_of("bob", "cyd"), num=5)
    assert found["pair"].tolist() == ["b"], "of a and c one rater saw the target; on d they differ"
    assert (found["seen"].item(), found["missed"].item()) == (0, 1.0)
    assert misread(judgements_of("cyd"), num=2)["pair"].tolist() == ["a", "b"]


def test_the_clearest_misreading_comes_first() -> None:
    judgements = judgements_of("ada", "bob", "cyd")
    judgements.loc[judgements["pair"] == "d", "seen"] = 2
    found = misread(judgements, num=2)
    assert found["pair"].tolist() == ["d", "b"], "all three missed d, two of them b, which was shown earlier"
    assert found["missed"].tolist() == [1.0, 2 / 3]
    assert misread(judgements, num=1)["pair"].tolist() == ["d"]


def test_the_summary_is_json_and_the_terminal_gets_few_columns() -> None:
    tables = analyzed("ada", "bob", "cyd")
    summary = summarize_ratings(tables, CLASS_NAMES)
    assert summary["target_seen"]["value"] == 0.75
    assert summary["classifiers"] is None
    assert summary["sets"][1]["source"] is None
    assert summary["classes"][0]["target_class"] == "zero"
    shown = one_screen(tables)
    assert set(shown) == {"raters", "sets", "reliability"}
    assert all(max(map(len, pd.DataFrame(rows).to_string(index=False).splitlines())) <= 80 for rows in shown.values())
