"""Metrics of OOD detection against hand counts, scikit-learn and pytorch-ood, with the traps that are known."""

import numpy as np
import pytest
import torch
from sklearn.metrics import average_precision_score, roc_auc_score, roc_curve

from advgen_ray.analysis.ood_metrics import METRICS, ood_estimates, ood_metrics
from advgen_ray.analysis.proportion import wilson


def _scores(num_in: int = 80, num_out: int = 50, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """With ties across the sides."""
    generator = np.random.default_rng(seed)
    return generator.normal(0, 1, num_in).round(1), generator.normal(1, 1, num_out).round(1)


def test_by_hand() -> None:
    """In: 1, 2, 3, 4; out: 2.5, 3.5. Of eight pairs the out image is above in five."""
    found = ood_metrics([1, 2, 3, 4], [2.5, 3.5])
    assert found["auroc"] == 5 / 8
    assert found["fpr95"] == 2 / 4, "both OOD images are flagged from 2.5 on, and so are 3 and 4"
    assert found["fpr95_in"] == 1, "all in distribution pass up to 4, and so do both OOD images"
    assert found["aupr_out"] == pytest.approx((1 / 2 + 2 / 4) / 2)
    # From the lowest: 1, 2, then out 2.5, 3, out 3.5, 4.
    assert found["aupr_in"] == pytest.approx((1 + 1 + 3 / 4 + 4 / 6) / 4)


def test_as_scikit_learn() -> None:
    inside, outside = _scores()
    scores, positive = np.concatenate([inside, outside]), np.repeat([0, 1], [len(inside), len(outside)])
    found = ood_metrics(inside, outside)
    assert found["auroc"] == pytest.approx(roc_auc_score(positive, scores))
    assert found["aupr_out"] == pytest.approx(average_precision_score(positive, scores))
    assert found["aupr_in"] == pytest.approx(average_precision_score(1 - positive, -scores))
    for name, labels, signed in (("fpr95", positive, scores), ("fpr95_in", 1 - positive, -scores)):
        fpr, tpr, _ = roc_curve(labels, signed, drop_intermediate=False)
        assert found[name] == pytest.approx(fpr[np.argmax(tpr >= 0.95)]), name


def test_as_pytorch_ood() -> None:
    """Theirs of precision and recall joins the points of the curve by straight lines, as no threshold does."""
    metrics = pytest.importorskip("pytorch_ood.metrics")
    inside, outside = _scores()
    for scale in (1.0, 1e3):  # distances, not probabilities
        theirs = metrics.OODMetrics()
        theirs.update(torch.from_numpy(scale * inside), torch.zeros(len(inside), dtype=torch.int64))
        theirs.update(torch.from_numpy(scale * outside), -torch.ones(len(outside), dtype=torch.int64))
        expected, found = theirs.compute(), ood_metrics(scale * inside, scale * outside)
        assert found["auroc"] == pytest.approx(expected["AUROC"], abs=1e-9)
        assert found["fpr95"] == pytest.approx(expected["FPR95TPR"], abs=1e-9)
        assert found["aupr_out"] == pytest.approx(expected["AUPR-OUT"], abs=0.02)
        assert found["aupr_in"] == pytest.approx(expected["AUPR-IN"], abs=0.02)


def test_the_positive_class_and_ties() -> None:
    inside, outside = _scores()
    assert set(ood_metrics(inside, outside)) == set(METRICS)
    constant = ood_metrics(np.ones(7), np.ones(5))
    assert constant["auroc"] == 0.5
    assert constant["fpr95"] == constant["fpr95_in"] == 1
    assert constant["aupr_out"] == pytest.approx(5 / 12)
    turned = ood_metrics(-inside, -outside)
    assert turned["auroc"] == pytest.approx(1 - ood_metrics(inside, outside)["auroc"])
    swapped = ood_metrics(-outside, -inside)
    for name, other in (("auroc", "auroc"), ("aupr_in", "aupr_out"), ("fpr95_in", "fpr95")):
        assert ood_metrics(inside, outside)[name] == pytest.approx(swapped[other]), name


def test_a_threshold_that_ninety_five_of_a_hundred_reach_is_one() -> None:
    """19 of 20 is .95, whatever a sum of twentieths rounds to."""
    outside = np.concatenate([np.full(19, 2.0), [0.0]])
    assert ood_metrics([1.0, 1.0], outside)["fpr95"] == 0


@pytest.mark.parametrize(("inside", "outside"), [([], [1.0]), ([1.0], [np.nan]), ([1.0], [np.inf])])
def test_what_is_refused(inside: list[float], outside: list[float]) -> None:
    with pytest.raises(ValueError, match="scores must be"):
        ood_metrics(inside, outside)


def test_intervals_hold_the_truth_about_as_often_as_they_say() -> None:
    """The chance that one of N(1, 1) exceeds one of N(0, 1) is Phi(1 / sqrt 2) = .7602."""
    generator, hits = np.random.default_rng(5), 0
    for trial in range(60):
        found = ood_estimates(generator.normal(0, 1, 60), generator.normal(1, 1, 60), 200, seed=trial)["auroc"]
        assert found.low <= found.value <= found.high
        hits += found.low <= 0.7602 <= found.high
    assert 50 <= hits < 60


def test_an_interval_is_of_ninety_five_percent() -> None:
    """All in distribution at 0, half of 400 OOD images at 1: an AUROC of one half and half of their share."""
    found = ood_estimates(np.zeros(50), np.arange(400) % 2, 2000, seed=0)["auroc"]
    assert found.value == 0.75
    half = 1.96 * np.sqrt(0.25 / 400) / 2
    assert (found.value - found.low, found.high - found.value) == pytest.approx((half, half), rel=0.08)


def test_perfect_separation_is_not_certain() -> None:
    """Rule of three: 0 of n says that the share is below about 3 / n; Wilson's end is 3.84 / (n + 3.84)."""
    found = ood_estimates(np.arange(40.0), np.arange(50.0, 75.0), 100, seed=0)
    z2 = 1.959963984540054**2
    for name, value, low, high in (
        ("auroc", 1.0, 25 / (25 + z2), 1.0),
        ("fpr95", 0.0, 0.0, z2 / (40 + z2)),
        ("fpr95_in", 0.0, 0.0, z2 / (25 + z2)),
    ):
        one = found[name]
        assert (one.value, one.low, one.high) == pytest.approx((value, low, high)), name
    turned = ood_estimates(np.arange(50.0, 75.0), np.arange(40.0), 100, seed=0)["auroc"]
    assert (turned.value, turned.low, turned.high) == pytest.approx((0.0, 0.0, z2 / (25 + z2)))


def test_resamples_weigh_images_as_drawing_them_does() -> None:
    inside, outside = _scores(30, 20)
    found = ood_estimates(inside, outside, 400, seed=1)
    generator = np.random.default_rng(9)
    values = [ood_metrics(generator.choice(inside, 30), generator.choice(outside, 20)) for _ in range(400)]
    for name, estimate in found.items():
        low, high = np.quantile([one[name] for one in values], [0.025, 0.975])
        if name.startswith("fpr95"):
            ends = wilson(estimate.value, 30 if name == "fpr95" else 20)
            low, high = min(low, ends[0]), max(high, ends[1])
        assert estimate.low == pytest.approx(low, abs=0.06), name
        assert estimate.high == pytest.approx(high, abs=0.06), name
    assert ood_estimates(inside, outside, 400, seed=1) == found
