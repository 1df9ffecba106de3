"""Section C, second half: what counterfactual examples say of classifiers and images (S000), and is open (S002)."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from advgen_ray.analysis.estimate import Estimate, alone, exact, less, times
from advgen_ray.analysis.published import DISTANCE_ACCURACY, R2
from advgen_ray.catalogue.counterfactuals import CIFAR10, PAPER, SMALL, YEATS
from advgen_ray.catalogue.each_study import of_each_study
from advgen_ray.catalogue.entry import Figure, Reading, Row, Summaries, Work, first
from advgen_ray.catalogue.margins import least, told
from advgen_ray.catalogue.works import CIFAR10_STUDY, STUDY


def _confidence(found: Summaries) -> Reading:
    models = found["study"]["confidence_vs_distance"]
    figures = [Figure(f"r2, eps {model['eps']:g}", model["r2"]) for model in models]
    return Reading(figures, less(_explained(models[-1]), _explained(models[0])))


def _confidences(found: Summaries) -> Reading:
    reading = of_each_study(_confidence)(found)
    published = [Figure(f"r2 of robust classifiers, {data}", None, value) for data, value in R2.items()]
    return replace(reading, figures=[*reading.figures, *published])


def _explained(model: Mapping[str, Any]) -> Estimate:
    """r2 of confidence that rises with the distance; of one that falls it counts against the claim."""
    r2 = told(model, "r2", ends="r2_")
    return times(-1.0, r2) if model["correlation"] < 0 else r2


def _on_counterfactuals(found: Summaries) -> Reading:
    figures = [
        Figure(f"eps {model['eps']:g}, {what}", model[key])
        for model in found["study"]["robust_on_counterfactuals"]
        for what, key in (
            ("clean", "clean_accuracy"),
            ("same-class CEs", "same_class_accuracy"),
            ("different-class CEs", "different_class_accuracy"),
            ("source's label seen", "source_label_rate"),
        )
    ]
    return Reading(figures, told(found["study"]["effect"], "value", ends=""))


def _chains(found: Summaries) -> Reading:
    of_data, *of_robust = found["study"]["chains"]
    figures = [Figure(f"CEs {chain['label']}, mean L2", chain["mean_l2"]) for chain in (of_data, *of_robust)]
    nearest = least(told(chain, "farther", ends="farther_") for chain in of_robust)
    return Reading(figures, times(of_data["mean_l2"], less(nearest, exact(1.0))))


def _by_distance(found: Summaries) -> Reading:
    curves = found["distances"]["curves"]
    of_two = first(curves, sampler=found["distances"]["sampler"], num_replicates=2)  # as many as the paper has
    figures = [
        Figure(
            f"accuracy by the mean distance of {row['num_replicates']} CEs, {row['sampler']}",
            row["accuracy"],
            DISTANCE_ACCURACY if row is of_two else None,
        )
        for row in curves
    ]
    return Reading(figures, less(told(of_two, "accuracy", ends=""), exact(DISTANCE_ACCURACY)))


def _grid(found: Summaries) -> Reading:
    models = found["study"]["counterfactuals"]
    figures = [
        Figure("same class, mean L2", models["mean_l2_same_class"]),
        Figure("another class, mean L2", models["mean_l2_different_class"]),
    ]
    return Reading(figures, alone(models["mean_l2_different_class"] / models["mean_l2_same_class"] - 1))


def _alignment(found: Summaries) -> Reading:
    rows = found["alignment"]["classifiers"]
    figures = [
        Figure(f"{row['classifier']}, {what}", row[key])
        for row in rows
        for what, key in (("cosine", "alignment"), ("its correlation with the distance", "alignment_correlation"))
    ]
    _, low, high = told(rows[-1], "alignment_correlation", ends="alignment_correlation_")
    from_zero = min(abs(low), abs(high))
    return Reading(figures, alone(from_zero if low * high > 0 else -from_zero))


ROWS: tuple[Row, ...] = (
    Row(
        id="C6",
        source=f"{YEATS}, figure 3",
        claim="Confidence rises with the distance of counterfactuals, more for robust classifiers than a standard one.",
        margin="r2 at the largest radius less r2 of the standard classifier, each negative where confidence falls",
        published_on="CIFAR-10 and SVHN; at which radius is not said",
        unit="number",
        small=SMALL,
        paper=PAPER,
        read=_confidences,
    ),
    Row(
        id="C7",
        source=f"{YEATS}, figure 4",
        claim="On counterfactuals of other classes a robust classifier loses more accuracy than a standard one.",
        margin="loss of accuracy from same-class to different-class CEs, most robust classifier less standard one",
        published_on="",
        small=SMALL,
        paper=PAPER,
        read=of_each_study(_on_counterfactuals),
    ),
    Row(
        id="C8",
        source=f"{YEATS}, figure 5",
        claim="Counterfactuals of a robust classifier's images lie farther from these than those of data from data.",
        margin="mean L2 of the nearest robust classifier's less that of data's",
        published_on="",
        unit="number",
        small=SMALL,
        paper=CIFAR10,
        read=_chains,
    ),
    Row(
        id="C9",
        source=f"{YEATS}, section 4",
        claim="The class whose two counterfactuals lie nearest on average is the class of the image.",
        margin="accuracy with the first sampler less the published one",
        published_on="1,000 test images of CIFAR-10",
        small={"distances": Work("classify_by_distance", "digits_distance_classifier", after=(STUDY,))},
        paper={"distances": Work("classify_by_distance", "cifar10_distance_classifier", after=(CIFAR10_STUDY,))},
        read=_by_distance,
    ),
    Row(
        id="C10",
        source=f"{YEATS}, figures 8 to 15",
        claim="On average the picture of the source's own class changes least.",
        margin="how many times farther the others lie, less one",
        published_on="",
        unit="number",
        small=SMALL,
        paper=PAPER,
        read=of_each_study(_grid),
    ),
    Row(
        id="C11",
        source="Notes on Yeats et al. (S002), its second question",
        claim="How well the most robust classifier's gradients point to counterfactuals goes with how near these lie.",
        margin="how far from zero the 95% interval of the correlation of the two stays",
        published_on="",
        unit="number",
        small={"alignment": Work("align_gradients", "digits_gradient_alignment", after=(STUDY,))},
        paper={"alignment": Work("align_gradients", "cifar10_gradient_alignment", after=(CIFAR10_STUDY,))},
        read=_alignment,
    ),
)
