"""Section D, third part: generative robust classification (S004, section 3.4)."""

from collections import Counter
from dataclasses import replace
from statistics import median

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

    If no setting did anything, the largest change by one would exceed the largest by a seed in most cases, their median
    in fewer than one of twenty.
    """
    trials, metric = found["search"]["every_trial"], TEST_AUCS[0]
    keys = [key for key in found["search"]["best"] if key not in ("trial", *TEST_AUCS)]
    base = {key: Counter(str(one[key]) for one in trials).most_common(1)[0][0] for key in keys}
    of_base = next(one[metric] for one in trials if all(str(one[key]) == base[key] for key in keys))
    figures = [Figure("base, AUC", of_base)]
    by_setting: list[float] = []
    by_seed: list[float] = []
    for one in trials:
        for key in (key for key in keys if str(one[key]) != base[key]):
            seed = key == "seed"
            value = f"+ {one[key] - int(base[key])}" if seed else one[key]
            figures.append(Figure(f"{key} {value}, AUC", one[metric]))
            (by_seed if seed else by_setting).append(abs(one[metric] - of_base))
    return Reading(figures, alone(median(by_setting) - max(by_seed)))


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
        claim="Most changes of capacity, decay, radius, augmentation or combined training move a detector's robustness "
        "more than another seed does.",
        margin="median change of the attacked AUC by a setting less the largest by a seed",
        published_on="",
        small={"search": Work("search", "digits_binary_ablation")},
        paper={"search": Work("search", "cifar10_binary_ablation")},
        read=_ablations,
    ),
)
