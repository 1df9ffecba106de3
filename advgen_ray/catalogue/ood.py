"""Section D, third part: out-of-distribution data (S004, section 3.3)."""

from collections.abc import Mapping
from typing import Any

from advgen_ray.analysis.estimate import Estimate, exact, less, times, total
from advgen_ray.analysis.published_ood import S004_CIFAR10
from advgen_ray.catalogue.binary_training import YIN
from advgen_ray.catalogue.entry import Figure, Reading, Row, Summaries, Work
from advgen_ray.catalogue.margins import told
from advgen_ray.catalogue.works import CIFAR10_STUDY, STUDY

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
BINARY, RATIO = "binary AT", "RATIO, MSP"
COMPARABLE = 0.05  # of AUROC; the document has .8153 for itself and .8190 for RATIO, in the mean over four sets


def _ood(found: Summaries) -> Reading:
    """All detectors in the mean; set by set those that are compared, at the worst, and whatever is printed.

    Also of one that is not made here: JEM.
    """
    rows = found["ood"]["results"]
    figures = [
        Figure(f"mean {case} AUROC, {detector}", _auroc(found["ood"], detector, case).value)
        for detector, case in dict.fromkeys((row["detector"], row["case"]) for row in rows)
    ]
    for row in rows:
        published = S004_CIFAR10.auroc(row["detector"], row["image_set"], row["case"] == "worst")
        if published is not None or (row["detector"] in (BINARY, RATIO) and row["case"] == "worst"):
            figures.append(Figure(f"{row['detector']}, {row['image_set']}, {row['case']}", row["auroc"], published))
    figures += [
        Figure(f"JEM, {name}, {case}", None, value)
        for name, case in dict.fromkeys((row["image_set"], row["case"]) for row in rows)
        if (value := S004_CIFAR10.auroc("JEM", name, case == "worst")) is not None
    ]
    ours, ratio = (_auroc(found["ood"], name, "worst") for name in (BINARY, RATIO))
    return Reading(figures, total(exact(COMPARABLE), less(ours, ratio)))


def _auroc(ood: Mapping[str, Any], detector: str, case: str) -> Estimate:
    """Its mean over the sets that no detector was trained on."""
    rows = [row for row in ood["results"] if (row["detector"], row["case"]) == (detector, case)]
    aurocs = [told(row, "auroc", ends="auroc_") for row in rows if row["image_set"] in ood["means_over"]]
    return times(1 / len(aurocs), total(*aurocs))


ROWS: tuple[Row, ...] = (
    Row(
        id="D7",
        source=f"{YIN}, section 3.3, table 3.12 (3.13: recipe npz_ood_256)",
        claim="At the worst within a ball, binary adversarial training tells other data from its own about as well as "
        "RATIO, which is told classes.",
        margin="mean worst-case AUROC less that of RATIO, and five points",
        published_on="CIFAR-10, L2; ImageNet beside Tiny ImageNet",
        small={"ood": Work("evaluate_ood", "digits_ood", after=(STUDY, *OOD_MODELS))},
        paper={"ood": Work("evaluate_ood", "cifar10_ood", after=(CIFAR10_STUDY, *CIFAR10_OOD_MODELS))},
        read=_ood,
    ),
)
