"""Section D, second half: detection, out-of-distribution data, generative classification (S004, chapter 3)."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from statistics import median
from typing import Any

from advgen_ray.analysis.estimate import Estimate, alone, less, times, total
from advgen_ray.analysis.published_detection import S004_AUCS, S004_DISTORTION
from advgen_ray.analysis.published_generative import S004_CALIBRATION, S004_ROBUSTNESS
from advgen_ray.analysis.published_ood import S004_CIFAR10
from advgen_ray.catalogue.binary_training import YIN, sample_quality
from advgen_ray.catalogue.entry import Figure, Reading, Row, Summaries, Work, first
from advgen_ray.catalogue.margins import share, told
from advgen_ray.catalogue.works import (
    CIFAR10_GENERATIVE,
    CIFAR10_SOFTMAX,
    CIFAR10_STUDY,
    DETECTORS,
    MNIST_DETECTORS,
    STUDY,
)
from advgen_ray.recipes.binary_ablation import TEST_AUCS

GENERATIVE = Work("train_one_vs_rest", "digits_generative_classifier")
CALIBRATED = Work("calibrate_classifier", "digits_generative_calibration", after=(GENERATIVE,))
COMBINED = Work("train_one_vs_rest", "digits_generative_classifier_combined")
SOFTMAX = Work("train_classifier", "digits_generative_softmax")
CIFAR10_CALIBRATED = Work("calibrate_classifier", "cifar10_generative_calibration", after=(CIFAR10_GENERATIVE,))
CIFAR10_COMBINED = Work("train_one_vs_rest", "cifar10_generative_classifier_combined")
OOD_MODELS = (Work("train_binary", "digits_binary_ood"), Work("train_classifier", "digits_outlier_exposure"))
CIFAR10_OOD_MODELS = (
    Work("train_binary", "cifar10_binary_ood"),
    Work("train_classifier", "cifar10_outlier_exposure"),
    Work("train_classifier", "cifar10_ratio"),
)
MNIST_SOFTMAX = Work("train_classifier", "mnist_generative_softmax")
PLAIN = "generative"  # of figure 3.7, neither calibrated nor combined
BINARY, ENERGY = "binary AT", "standard, energy"


def _detectors(found: Summaries) -> Reading:
    rows = found["evaluation"]["detectors"]
    own = [row for row in rows if row["attack"] == rows[0]["attack"]]
    published = {one.digit: one.auc for one in reversed(S004_AUCS)}  # of each digit under the first attack
    figures = [
        figure
        for row in own
        for figure in (
            Figure(f"AUC of {row['detector']}, every image at its worst", row["auc_worst"]),
            Figure(f"AUC of {row['detector']}, last iterates", row["auc_last"], published.get(row["detector"])),
        )
    ]
    distortion, theirs = found["distortion"], S004_DISTORTION["mnist"]
    figures += [
        Figure("mean L2 past integrated detection", distortion["integrated_dissertation_mean"]),
        Figure("mean L2 past generative detection", distortion["generative_dissertation_mean"], theirs.own["Linf 0.3"]),
        Figure("mean L2, state of the art before", None, theirs.before),
    ]
    rates = {
        name: share(found["detection"][f"{name}_fpr_at_tpr_95"], found["detection"]["count"])
        for name in ("integrated", "generative")
    }
    figures += [
        Figure(f"FPR at TPR .95 of {name} detection, each image by its worst attack", rate.value)
        for name, rate in rates.items()
    ]
    return Reading(figures, less(rates["integrated"], rates["generative"]))


def _ood(found: Summaries) -> Reading:
    figures = [
        Figure(
            f"{row['detector']}, {row['image_set']}, {row['case']}",
            row["auroc"],
            S004_CIFAR10.auroc(row["detector"], row["image_set"], row["case"] == "worst"),
        )
        for row in found["ood"]["results"]
        if row["detector"] in (BINARY, ENERGY)
    ]
    return Reading(figures, less(*(_worst_auroc(found["ood"], name) for name in (BINARY, ENERGY))))


def _worst_auroc(ood: Mapping[str, Any], detector: str) -> Estimate:
    """Its mean over the sets that no detector was trained on."""
    rows = [row for row in ood["results"] if (row["detector"], row["case"]) == (detector, "worst")]
    aurocs = [told(row, "auroc", ends="auroc_") for row in rows if row["image_set"] in ood["means_over"]]
    return times(1 / len(aurocs), total(*aurocs))


def _generative(found: Summaries) -> Reading:
    comparison = found["robustness"]
    worst = [row for row in comparison["accuracies"] if row["suite"] == "worst of all"]
    published = {(name, eps): value for name, one in S004_ROBUSTNESS.items() for eps, value in one.by_radius.items()}
    published["generative_calibrated", 0.0] = S004_CALIBRATION[-1].test
    figures = [
        Figure(f"{row['classifier']}, {row['at']}", row["accuracy"], published.get((row["classifier"], row["eps"])))
        for row in worst
    ]
    radius = max(row["eps"] for row in worst)
    return Reading(figures, told(first(comparison["differences"], classifier=PLAIN, eps=radius), "difference", ends=""))


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
        id="D6",
        source=f"{YIN}, section 3.2, tables 3.3, 3.6 and 3.11, figure 3.2",
        claim="Each under its worst attack, generative detection lets fewer images pass than integrated detection.",
        margin="FPR at TPR .95 of integrated detection less that of generative detection",
        published_on="MNIST, Linf .3, AUC under PGD(200, .01)",
        small={
            "evaluation": Work("evaluate_one_vs_rest", "digits_one_vs_rest_evaluation", after=(DETECTORS,)),
            "distortion": Work("measure_distortion", "digits_distortion", after=(STUDY, DETECTORS)),
            "detection": Work("evaluate_detection", "digits_detection", after=(STUDY, DETECTORS)),
        },
        paper={
            "evaluation": Work(
                "evaluate_one_vs_rest",
                "mnist_one_vs_rest_evaluation",
                after=(MNIST_DETECTORS,),
            ),
            "distortion": Work("measure_distortion", "mnist_distortion", after=(MNIST_DETECTORS, MNIST_SOFTMAX)),
            "detection": Work("evaluate_detection", "mnist_detection", after=(MNIST_DETECTORS, MNIST_SOFTMAX)),
        },
        read=_detectors,
    ),
    Row(
        id="D7",
        source=f"{YIN}, section 3.3, tables 3.12 and 3.13",
        claim="At the worst within a ball, binary adversarial training tells other data from its own better than a "
        "standard classifier's energy.",
        margin="mean worst-case AUROC less that of the energy",
        published_on="CIFAR-10, L2",
        small={"ood": Work("evaluate_ood", "digits_ood", after=(STUDY, *OOD_MODELS))},
        paper={"ood": Work("evaluate_ood", "cifar10_ood", after=(CIFAR10_STUDY, *CIFAR10_OOD_MODELS))},
        read=_ood,
    ),
    Row(
        id="D8",
        source=f"{YIN}, section 3.4, tables 3.14, 3.16 and 3.17, figure 3.7",
        claim="At twice the radius of training a generative classifier stands attacks better than robust softmax.",
        margin="accuracy of the uncalibrated one less that of softmax, there",
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
