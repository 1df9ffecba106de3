"""Section D, fourth part: generative robust classification (S004, section 3.4)."""

from collections import Counter
from dataclasses import replace
from statistics import median
from typing import Any

from advgen_ray.analysis.estimate import alone
from advgen_ray.analysis.published_generative import S004_CALIBRATION, S004_ROBUSTNESS
from advgen_ray.analysis.robustness_by_radius import WORST
from advgen_ray.catalogue.binary_training import YIN, sample_quality
from advgen_ray.catalogue.entry import Figure, Reading, Row, Summaries, Work, first
from advgen_ray.catalogue.margins import told
from advgen_ray.catalogue.works import CIFAR10_GENERATIVE, CIFAR10_SOFTMAX, CIFAR10_STUDY, DETECTORS, STUDY
from advgen_ray.recipes.binary_ablation import TEST_AUCS

GENERATIVE = Work("train_one_vs_rest", "digits_generative_classifier")
CALIBRATED = Work("calibrate_classifier", "digits_generative_calibration", after=(GENERATIVE,))
COMBINED = Work("train_one_vs_rest", "digits_generative_classifier_combined")
SOFTMAX = Work("train_classifier", "digits_generative_softmax")
CIFAR10_CALIBRATED = Work("calibrate_classifier", "cifar10_generative_calibration", after=(CIFAR10_GENERATIVE,))
CIFAR10_COMBINED = Work("train_one_vs_rest", "cifar10_generative_classifier_combined")
# What S004's figures 3.12 to 3.15 say to make a detector more robust, the more of it: from the left to the right. Of
# what stands together they do not say which is better.
HELPS: dict[str, tuple[tuple[str, ...], ...]] = {
    "model": (("4 to 8", "ResNet18Thinner"), ("8 to 16", "ResNet18Thin"), ("16 to 32", "ResNet18"), ("32 to 64",)),
    "optimizer.weight_decay": (("0.0",), ("0.0001",), ("0.0005", "0.01")),
    "ascent": (("eps 0.1",), ("eps 0.25",), ("eps 0.3",), ("eps 0.5",), ("eps 1",)),
    "augment": (("none", "flip_crop"), ("auto_augment",)),
    "descent": (("out only",), ("combined",)),
}
ALSO_CLEAN = ("ascent", "descent")  # which it says to cost standard performance
PLAIN = "generative"  # of figure 3.7, neither calibrated nor combined
S004_ATTACKS = {PLAIN: "s004", "softmax": "cross_entropy"}  # equations 3.47 and 3.48; PGD on 3.46


def _generative(found: Summaries) -> Reading:
    """At the worst over all attacks; what is printed stands beside the attack that it was measured by."""
    comparison = found["robustness"]
    rows = comparison["accuracies"]
    worst = [row for row in rows if row["suite"] == WORST]
    figures = [
        Figure(
            f"{row['classifier']}, {row['at']}", row["accuracy"], _clean(row["classifier"]) if row["eps"] == 0 else None
        )
        for row in worst
    ]
    figures += [
        Figure(f"{row['classifier']}, {row['at']}, by the document's attack", row["accuracy"],
               S004_ROBUSTNESS[row["classifier"]].by_radius.get(row["eps"]))
        for row in rows
        if S004_ATTACKS.get(row["classifier"]) == row["suite"]
    ]  # fmt: skip
    radius = max(row["eps"] for row in worst)
    return Reading(figures, told(first(comparison["differences"], classifier=PLAIN, eps=radius), "difference", ends=""))


def _clean(classifier: str) -> float | None:
    """What is printed of images that are not attacked."""
    if classifier == "generative_calibrated":
        return S004_CALIBRATION[-1].test
    return S004_ROBUSTNESS[classifier].by_radius[0.0] if classifier in S004_ROBUSTNESS else None


def _counterfactuals_and_masks(found: Summaries) -> Reading:
    reading = sample_quality({"": found["synthesis"]}, "counterfactuals (T3.15)")
    masks = [
        Figure(f"{row['classifier']}, attribution on bright pixels less their share", row["excess"])
        for row in found["explanations"]["masks"]
        if row["baseline"] == "mean"
    ]
    return replace(reading, figures=[*reading.figures, *masks])


def _ablations(found: Summaries) -> Reading:
    """Trials differ from a base in one setting each: the base is what most of them share.

    A setting that S004 says to help is to raise the AUC, one that lacks it to lower it. If no setting did anything, the
    largest change by one would exceed the largest by a seed in most cases, their median gain in fewer than one of
    twenty.
    """
    trials, (metric, _, clean) = found["search"]["every_trial"], TEST_AUCS
    keys = [key for key in found["search"]["best"] if key not in ("trial", *TEST_AUCS)]
    base = {key: Counter(str(one[key]) for one in trials).most_common(1)[0][0] for key in keys}
    whole = next(one for one in trials if all(str(one[key]) == base[key] for key in keys))
    figures = [Figure("base, AUC", whole[metric]), Figure("base, AUC of images as they are", whole[clean])]
    gains: list[float] = []
    by_seed: list[float] = []
    for one in trials:
        for key in (key for key in keys if str(one[key]) != base[key]):
            change = one[metric] - whole[metric]
            value = f"+ {one[key] - whole[key]}" if key == "seed" else one[key]
            figures.append(Figure(f"{key} {value}, AUC", one[metric]))
            if key in ALSO_CLEAN:
                figures.append(Figure(f"{key} {value}, AUC of images as they are", one[clean]))
            if key == "seed":
                by_seed.append(abs(change))
            elif way := _more(key, one[key]) - _more(key, whole[key]):
                gains.append(change if way > 0 else -change)
    return Reading(figures, alone(median(gains) - max(by_seed)))


def _more(key: str, value: Any) -> int:
    """Where a value stands among those of its setting, the most helpful last."""
    return next(place for place, alike in enumerate(HELPS[key]) if str(value) in alike)


ROWS: tuple[Row, ...] = (
    Row(
        id="D8",
        source=f"{YIN}, section 3.4, tables 3.14, 3.16 and 3.17, figure 3.7",
        claim="Beyond the radii of training a generative classifier stands attacks better than robust softmax.",
        margin="accuracy of the uncalibrated one less that of softmax, at the largest radius",
        published_on="CIFAR-10, L2, trained at 0.3 and the softmax classifier at 0.5",
        small={
            "robustness": Work(
                "compare_robustness",
                "digits_generative_robustness",
                after=(GENERATIVE, CALIBRATED, COMBINED, SOFTMAX),
            )
        },
        paper={
            "robustness": Work(
                "compare_robustness",
                "cifar10_generative_robustness",
                after=(CIFAR10_GENERATIVE, CIFAR10_CALIBRATED, CIFAR10_COMBINED, CIFAR10_SOFTMAX),
            )
        },
        read=_generative,
    ),
    Row(
        id="D9",
        source=f"{YIN}, section 3.4.3, table 3.15's counterfactuals, figures 3.9 and 3.10",
        claim="Counterfactuals by the detectors lie nearer to data than those of robust softmax classifiers.",
        margin="proxy FID of the best softmax classifier less that of the detectors",
        published_on="CIFAR-10, FID by Inception's features",
        unit="number",
        small={
            "synthesis": Work("synthesize", "digits_counterfactual_synthesis", after=(STUDY, DETECTORS)),
            "explanations": Work("explain_predictions", "digits_explanations", after=(STUDY, DETECTORS)),
        },
        paper={
            "synthesis": Work(
                "synthesize",
                "cifar10_counterfactual_synthesis",
                after=(CIFAR10_STUDY, CIFAR10_GENERATIVE, CIFAR10_SOFTMAX),
            ),
            "explanations": Work(
                "explain_predictions",
                "cifar10_explanations",
                after=(CIFAR10_STUDY, CIFAR10_GENERATIVE, CIFAR10_SOFTMAX),
            ),
        },
        read=_counterfactuals_and_masks,
    ),
    Row(
        id="D10",
        source=f"{YIN}, section 3.4.4, figures 3.12 to 3.15",
        claim="Capacity, weight decay, a larger radius, AutoAugment and combined training make a detector more robust, "
        "most of them by more than another seed changes it.",
        margin="median gain of the attacked AUC by what is said to help, less the largest change by a seed",
        published_on="",
        small={"search": Work("search", "digits_binary_ablation")},
        paper={"search": Work("search", "cifar10_binary_ablation")},
        read=_ablations,
    ),
)
