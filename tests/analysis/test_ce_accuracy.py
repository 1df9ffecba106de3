"""Two sources of class 0 and 1; each has one same-class CE and two different-class ones."""

import math

import pytest

from advgen_ray.analysis.ce_accuracy import accuracy_on_counterfactuals, judged, measure_effect
from advgen_ray.analysis.clustered import clustered_share
from advgen_ray.analysis.proportion import Proportion

SOURCES = [
    ("s0", 0, 0, 1.0),
    ("s0", 0, 1, 2.0),
    ("s0", 0, 2, 2.0),
    ("s1", 1, 1, 1.0),
    ("s1", 1, 0, 3.0),
    ("s1", 1, 2, 3.0),
]


def scored(name, eps, predictions, right_on=("s0", "s1")):
    """Rows of one classifier: what it predicts on the six CEs, and on which sources it is right."""
    labels = {"s0": 0, "s1": 1}
    rows = [
        {"image_id": s, "image_set": "train", "label": y, "source_label": y, "predicted": y if s in right_on else 2}
        for s, y in labels.items()
    ]
    rows += [
        {
            "view": "counterfactual",
            "image_set": "main",
            "image_id": f"{s}/{t}/0",
            "label": t,
            "source_label": y,
            "predicted": p,
        }
        for (s, y, t, _), p in zip(SOURCES, predictions, strict=True)
    ]
    return [row | {"classifier": name, "classifier_eps": eps} for row in rows]


PERFECT = scored("standard", 0.0, [0, 1, 2, 1, 0, 2])
BLIND = scored("robust", 1.0, [0, 0, 2, 1, 1, 1])  # keeps the source's class on three of four different-class CEs


def test_accuracies_counts_and_source_label_rate(energies, counterfactuals):
    table = accuracy_on_counterfactuals(energies(PERFECT + BLIND), ["standard", "robust"], counterfactuals(SOURCES))
    standard, robust = table.iloc[0], table.iloc[1]
    assert (standard["same_class_accuracy"], standard["different_class_accuracy"]) == (1.0, 1.0)
    assert (robust["same_class_accuracy"], robust["different_class_accuracy"]) == (1.0, 0.25)
    assert (robust["same_class_count"], robust["different_class_count"], robust["clean_count"]) == (2, 4, 2)
    assert (standard["source_label_rate"], robust["source_label_rate"]) == (0.0, 0.75)
    assert robust["source_label_count"] == 4
    assert table["effect"].tolist() == [0.0, 0.75]


def test_intervals_of_counterfactuals_count_sources_and_those_of_sources_images(energies, counterfactuals):
    """Both CEs of s0 are missed, both of s1 are right: as of two samples, not of four."""
    rows = scored("standard", 0.0, [0, 0, 0, 1, 0, 2])
    row = accuracy_on_counterfactuals(energies(rows), ["standard"], counterfactuals(SOURCES)).iloc[0]
    ends = clustered_share([False, False, True, True], ["s0", "s0", "s1", "s1"]).interval
    assert (row["different_class_low"], row["different_class_high"]) == ends
    assert ends[0] < Proportion(1, 2).interval[0] < Proportion(2, 4).interval[0]
    assert (row["clean_low"], row["clean_high"]) == Proportion(2, 2).interval


def test_source_label_rate_counts_only_correct_sources(energies, counterfactuals):
    rows = scored("standard", 0.0, [0, 0, 2, 1, 1, 1], right_on=("s0",))
    table = accuracy_on_counterfactuals(energies(rows), ["standard"], counterfactuals(SOURCES))
    assert table["clean_accuracy"].iloc[0] == 0.5
    assert table["source_label_rate"].iloc[0] == 0.5  # s0's two: one named 0; s1's, both named 1, do not count
    assert table["source_label_count"].iloc[0] == 2


def test_never_right_on_a_source_gives_no_rate(energies, counterfactuals):
    rows = scored("standard", 0.0, [0, 0, 2, 1, 1, 1], right_on=())
    table = accuracy_on_counterfactuals(energies(rows), ["standard"], counterfactuals(SOURCES))
    assert math.isnan(table["source_label_rate"].iloc[0])
    assert table["source_label_count"].iloc[0] == 0


def test_sources_that_were_not_scored_do_not_count_as_wrong(energies, counterfactuals):
    rows = [row for row in PERFECT if row["image_id"] != "s1"]
    one = counterfactuals(SOURCES)
    table = accuracy_on_counterfactuals(energies(rows), ["standard"], one)
    assert (table["clean_accuracy"].iloc[0], table["clean_count"].iloc[0]) == (1.0, 1)
    assert table["source_label_count"].iloc[0] == 2
    assert judged(energies(rows), "standard", one)["source_correct"].isna().sum() == 3


def test_effect_is_the_difference_of_drops(energies, counterfactuals):
    effect = measure_effect(energies(PERFECT + BLIND), ["standard", "robust"], counterfactuals(SOURCES))
    assert (effect.robust, effect.standard) == ("robust", "standard")
    assert (effect.robust_drop, effect.standard_drop, effect.value) == (0.75, 0.0, 0.75)
    # By hand: s0 has 1 of 2 right, s1 0 of 2, the mean is .25; to first order the drop's error has the shares
    # (2 * .25 - 1) / 4 and (2 * .25 - 0) / 4, so its variance is (1/8)^2 * 2 * 2 sources / (2 - 1). Student's t of one
    # degree of freedom is tan(.475 pi).
    assert effect.high - effect.value == pytest.approx(math.tan(0.475 * math.pi) * math.sqrt(2 * (1 / 8) ** 2 * 2))
    assert effect.value - effect.low == pytest.approx(effect.high - effect.value)
    assert effect.num_sources == 2


def test_effect_has_a_sign(energies, counterfactuals):
    swapped = [
        row | {"classifier": {"robust": "standard", "standard": "robust"}[row["classifier"]]} for row in PERFECT + BLIND
    ]
    assert measure_effect(energies(swapped), ["standard", "robust"], counterfactuals(SOURCES)).value == -0.75


def test_effect_of_one_source_has_no_interval(energies, counterfactuals):
    effect = measure_effect(energies(PERFECT + BLIND), ["standard", "robust"], counterfactuals(SOURCES[:3]))
    assert effect.value == 0.5
    assert math.isnan(effect.low)


def test_interval_covers_about_as_often_as_it_says(energies, counterfactuals):
    """Sources of unequal difficulty, whose CEs fail together: a binomial interval would be far too narrow."""
    import numpy as np

    rng, covered, draws = np.random.default_rng(0), 0, 60
    for _ in range(draws):
        hard = rng.random(40) < 0.5
        rows, ces = [], []
        for s, difficult in enumerate(hard):
            ces += [(f"s{s}", 0, 0, 1.0)] + [(f"s{s}", 0, target, 2.0) for target in (1, 2, 3, 4)]
            keeps = {"standard": 0.0, "robust": 0.9 if difficult else 0.1}
            for name, eps in (("standard", 0.0), ("robust", 1.0)):
                base = {"classifier": name, "classifier_eps": eps}
                rows.append(base | {"image_id": f"s{s}", "image_set": "train"})
                for target in range(5):
                    predicted = 0 if rng.random() < keeps[name] else target
                    ce = {
                        "view": "counterfactual",
                        "image_set": "main",
                        "image_id": f"s{s}/{target}/0",
                        "label": target,
                    }
                    rows.append(base | ce | {"predicted": predicted})
        effect = measure_effect(energies(rows), ["standard", "robust"], counterfactuals(ces))
        covered += effect.low <= 0.5 <= effect.high
    assert covered / draws >= 0.85
