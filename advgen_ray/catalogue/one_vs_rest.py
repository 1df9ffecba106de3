"""Section D, second part: detection and out-of-distribution data (S004, sections 3.2 and 3.3)."""

from collections.abc import Mapping
from typing import Any

from advgen_ray.analysis.estimate import Estimate, exact, less, times, total
from advgen_ray.analysis.published_detection import S004_AUCS, S004_DISTORTION
from advgen_ray.analysis.published_ood import S004_CIFAR10
from advgen_ray.catalogue.binary_training import YIN
from advgen_ray.catalogue.entry import Figure, Reading, Row, Summaries, Work
from advgen_ray.catalogue.margins import share, told
from advgen_ray.catalogue.works import (
    CIFAR10_STUDY,
    DETECTORS,
    MNIST_DETECTORS,
    STUDY,
)

OOD_MODELS = (
    Work("train_binary", "digits_binary_ood"),
    Work("train_classifier", "digits_outlier_exposure"),
    Work("train_classifier", "digits_ratio"),
)
CIFAR10_OOD_MODELS = (
    Work("train_binary", "cifar10_binary_ood"),
    Work("train_classifier", "cifar10_outlier_exposure"),
    Work("train_classifier", "cifar10_ratio"),
)
MNIST_SOFTMAX = Work("train_classifier", "mnist_generative_softmax")
BINARY, RATIO = "binary AT", "RATIO, MSP"
COMPARABLE = 0.05  # of AUROC; the document has .8153 for itself and .8190 for RATIO, in the mean over four sets


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
    """All detectors, and what is printed of one that is not made here: JEM."""
    rows = found["ood"]["results"]
    figures = [
        Figure(
            f"{row['detector']}, {row['image_set']}, {row['case']}",
            row["auroc"],
            S004_CIFAR10.auroc(row["detector"], row["image_set"], row["case"] == "worst"),
        )
        for row in rows
    ]
    figures += [
        Figure(f"JEM, {name}, {case}", None, value)
        for name, case in dict.fromkeys((row["image_set"], row["case"]) for row in rows)
        if (value := S004_CIFAR10.auroc("JEM", name, case == "worst")) is not None
    ]
    ours, ratio = (_worst_auroc(found["ood"], name) for name in (BINARY, RATIO))
    return Reading(figures, total(exact(COMPARABLE), less(ours, ratio)))


def _worst_auroc(ood: Mapping[str, Any], detector: str) -> Estimate:
    """Its mean over the sets that no detector was trained on."""
    rows = [row for row in ood["results"] if (row["detector"], row["case"]) == (detector, "worst")]
    aurocs = [told(row, "auroc", ends="auroc_") for row in rows if row["image_set"] in ood["means_over"]]
    return times(1 / len(aurocs), total(*aurocs))


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
        claim="At the worst within a ball, binary adversarial training tells other data from its own about as well as "
        "RATIO, which is told classes.",
        margin="mean worst-case AUROC less that of RATIO, and five points",
        published_on="CIFAR-10, L2; ImageNet beside Tiny ImageNet",
        small={"ood": Work("evaluate_ood", "digits_ood", after=(STUDY, *OOD_MODELS))},
        paper={"ood": Work("evaluate_ood", "cifar10_ood", after=(CIFAR10_STUDY, *CIFAR10_OOD_MODELS))},
        read=_ood,
    ),
)
