"""Section C: counterfactual examples by diffusion (S000), and what is open in them (S002)."""

from collections.abc import Mapping
from typing import Any

from advgen_ray.analysis.estimate import Estimate, alone, exact, less, times
from advgen_ray.analysis.published import DISTANCE_ACCURACY, R2
from advgen_ray.catalogue.entry import Figure, Reading, Row, Summaries, Work, first
from advgen_ray.catalogue.margins import least, mean_told, share, told
from advgen_ray.catalogue.works import CIFAR10_STUDY, STUDY

YEATS = "Yeats et al. 2024 (S000)"
SMALL, PAPER = {"study": STUDY}, {"study": CIFAR10_STUDY}


def _score_model(found: Summaries) -> Reading:
    ces = found["study"]["counterfactuals"]
    figures = [Figure("CEs of another class that a judge takes for it", ces["validity_different_class"])]
    return Reading(figures, less(told(ces, "validity_different_class", ends="validity_"), exact(0.5)))


def _guidance(found: Summaries) -> Reading:
    effect = first(found["search"]["effects"], key="guidance_scale")["changes"]
    figures = [
        Figure("validity, from the least w to the most", effect["validity"]["mean"]),
        Figure("mean L2, from the least w to the most", effect["l2_mean"]["mean"]),
    ]
    return Reading(figures, alone(min(effect["validity"]["low"], effect["l2_mean"]["low"])))


def _whole_set(found: Summaries) -> Reading:
    ces = found["study"]["counterfactuals"]
    asked = (
        ces["asked"]["num_sources"] * ces["asked"]["num_classes"]
    )  # the set's own rows could not tell what is missing
    figures = [
        Figure("CEs", ces["count"], 200_000),
        Figure("CEs of a source and class", ces["count"] / asked, 2),
        Figure("L2 to a class that the source is not of", ces["mean_l2_different_class"]),
        Figure("L2 to its own class", ces["mean_l2_same_class"]),
    ]
    return Reading(figures, exact(0.5 - abs(ces["count"] - 2 * asked)))


def _by_classifier(found: Summaries) -> Reading:
    sets = {variant["name"]: variant for variant in found["study"]["variants"]}
    ours, theirs = sets["main"], [sets[name] for name in sets if name.startswith("by-")]
    softmax = [variant for variant in theirs if variant["name"].startswith("by-eps-")]
    realism = found["study"]["realism"]
    figures = [
        Figure(f"{variant['label']}, {what}", value)
        for variant in (ours, *theirs)
        for what, value in (
            ("mean L2", variant["mean_l2"]),
            ("validity", variant["validity"]),
            ("distance of judge's logits to real images", realism[variant["name"]]["frechet_of_judge_logits"]),
        )
    ]
    nearest = least(mean_told(one, "mean_l2", one["num_sources"]) for one in softmax)
    return Reading(figures, less(nearest, mean_told(ours, "mean_l2", ours["num_sources"])))


def _variants(found: Summaries) -> Reading:
    sets = {variant["name"]: variant for variant in found["study"]["variants"]}
    boltzmann, gaussian = sets["main"], sets["variant-gaussian"]
    figures = [
        Figure(f"{variant['label']}, {what}", variant[key])
        for variant in sets.values()
        for what, key in (("mean L2", "mean_l2"), ("mean L0", "mean_l0"), ("validity", "validity"))
    ]
    return Reading(figures, less(*(mean_told(one, "mean_l0", one["num_sources"]) for one in (gaussian, boltzmann))))


def _confidence(found: Summaries) -> Reading:
    models = found["study"]["confidence_vs_distance"]
    figures = [Figure(f"r2, eps {model['eps']:g}", model["r2"]) for model in models]
    figures += [Figure(f"r2 of robust classifiers, {data}", None, value) for data, value in R2.items()]
    return Reading(figures, less(_explained(models[-1]), _explained(models[0])))


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
    accuracy = share(found["distances"]["accuracy"], found["distances"]["count"])
    figures = [Figure("accuracy by the nearest CE", accuracy.value, DISTANCE_ACCURACY)]
    return Reading(figures, less(accuracy, exact(DISTANCE_ACCURACY)))


def _grid(found: Summaries) -> Reading:
    models = found["study"]["counterfactuals"]
    figures = [
        Figure("same class, mean L2", models["mean_l2_same_class"]),
        Figure("another class, mean L2", models["mean_l2_different_class"]),
    ]
    return Reading(figures, alone(models["mean_l2_different_class"] / models["mean_l2_same_class"] - 1))


def _alignment(found: Summaries) -> Reading:
    standard, *robust = found["alignment"]["classifiers"]
    figures = [Figure(f"{row['classifier']}, cosine", row["alignment"]) for row in (standard, *robust)]
    least_robust = least(mean_told(row, "alignment", row["count"]) for row in robust)
    return Reading(figures, less(least_robust, mean_told(standard, "alignment", standard["count"])))


ROWS: tuple[Row, ...] = (
    Row(
        id="C1",
        source=f"{YEATS}, section 6",
        claim="A class-conditional score model is learnt: its counterfactuals show the class that they are asked for.",
        margin="validity less a half",
        published_on="",
        small=SMALL,
        paper=PAPER,
        read=_score_model,
    ),
    Row(
        id="C2",
        source=f"{YEATS}, equations 3 to 6, 10 and 11",
        claim="More guidance makes counterfactuals more often valid, and moves them farther.",
        margin="the least change of validity, or of mean L2, from the least w to the most, all else equal",
        published_on="",
        small={"search": Work("search", "digits_ce_ablation", after=(STUDY,))},
        paper={"search": Work("search", "cifar10_ce_ablation", after=(CIFAR10_STUDY,))},
        read=_guidance,
    ),
    Row(
        id="C3",
        source=f"{YEATS}, section 4",
        claim="Two counterfactuals of every class are made of each source, and none is missing.",
        margin="half a counterfactual less the number missing",
        published_on="CIFAR-10 and SVHN, 10,000 sources",
        unit="number",
        small=SMALL,
        paper=PAPER,
        read=_whole_set,
    ),
    Row(
        id="C4",
        source=f"{YEATS}, section 7, figures 10 and 11",
        claim="Counterfactuals by a robust softmax classifier's gradients lie farther from their sources than "
        "diffusion's.",
        margin="mean L2 of the nearest softmax classifier's less that of diffusion",
        published_on="",
        unit="number",
        small=SMALL,
        paper=PAPER,
        read=_by_classifier,
    ),
    Row(
        id="C5",
        source=f"{YEATS}, figures 2 and 6",
        claim="The Boltzmann neighborhood changes fewer pixels than the Gaussian one.",
        margin="mean L0 of Gaussian less that of Boltzmann counterfactuals",
        published_on="",
        unit="number",
        small=SMALL,
        paper=PAPER,
        read=_variants,
    ),
    Row(
        id="C6",
        source=f"{YEATS}, figure 3",
        claim="Confidence rises with the distance of counterfactuals, more for robust classifiers than a standard one.",
        margin="r2 at the largest radius less r2 of the standard classifier, each negative where confidence falls",
        published_on="CIFAR-10 and SVHN; at which radius is not said",
        unit="number",
        small=SMALL,
        paper=PAPER,
        read=_confidence,
    ),
    Row(
        id="C7",
        source=f"{YEATS}, figure 4",
        claim="On counterfactuals of other classes a robust classifier loses more accuracy than a standard one.",
        margin="loss of accuracy from same-class to different-class CEs, most robust classifier less standard one",
        published_on="",
        small=SMALL,
        paper=PAPER,
        read=_on_counterfactuals,
    ),
    Row(
        id="C8",
        source=f"{YEATS}, figure 5",
        claim="Counterfactuals of a robust classifier's images lie farther from these than those of data from data.",
        margin="mean L2 of the nearest robust classifier's less that of data's",
        published_on="",
        unit="number",
        small=SMALL,
        paper=PAPER,
        read=_chains,
    ),
    Row(
        id="C9",
        source=f"{YEATS}, section 4",
        claim="The class whose counterfactuals lie nearest is the class of the image.",
        margin="accuracy with the first sampler less the published one",
        published_on="1,000 test images of CIFAR-10",
        small={"distances": Work("classify_by_distance", "digits_distance_classifier", after=(STUDY,))},
        paper={"distances": Work("classify_by_distance", "cifar10_distance_classifier", after=(CIFAR10_STUDY,))},
        read=_by_distance,
    ),
    Row(
        id="C10",
        source=f"{YEATS}, figures 8 to 15",
        claim="In a row of the grid the picture of the source's own class changes least.",
        margin="how many times farther the others lie, less one",
        published_on="",
        unit="number",
        small=SMALL,
        paper=PAPER,
        read=_grid,
    ),
    Row(
        id="C11",
        source="Notes on Yeats et al. (S002), its second question",
        claim="Gradients of robust classifiers point along the way to counterfactuals, more than a standard one's.",
        margin="the least robust cosine less the standard classifier's",
        published_on="",
        unit="number",
        small={"alignment": Work("align_gradients", "digits_gradient_alignment", after=(STUDY,))},
        paper={"alignment": Work("align_gradients", "cifar10_gradient_alignment", after=(CIFAR10_STUDY,))},
        read=_alignment,
    ),
)
