"""Section C, first half: how counterfactual examples are made by diffusion, and how far they lie (S000)."""

from collections.abc import Mapping
from typing import Any

from advgen_ray.analysis.estimate import Estimate, alone, exact, less, times
from advgen_ray.catalogue.each_study import of_each_study
from advgen_ray.catalogue.entry import Figure, Reading, Row, Summaries, Work, first
from advgen_ray.catalogue.margins import least, mean_told, told
from advgen_ray.catalogue.works import CIFAR10_STUDY, STUDY, SVHN_STUDY

YEATS = "Yeats et al. 2024 (S000)"
SMALL, CIFAR10 = {"study": STUDY}, {"study": CIFAR10_STUDY}
PAPER = CIFAR10 | {"SVHN": SVHN_STUDY}


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
    return Reading(figures, least(_share_less(boltzmann, gaussian, key) for key in ("mean_l2", "mean_l0")))


def _share_less(one: Mapping[str, Any], other: Mapping[str, Any], key: str) -> Estimate:
    """How much less it is of the one set than of the other, as a share of the latter's."""
    difference = less(*(mean_told(row, key, row["num_sources"]) for row in (other, one)))
    return times(1 / other[key], difference)


ROWS: tuple[Row, ...] = (
    Row(
        id="C1",
        source=f"{YEATS}, section 6",
        claim="A class-conditional score model is learnt: its counterfactuals show the class that they are asked for.",
        margin="validity less a half",
        published_on="",
        small=SMALL,
        paper=PAPER,
        read=of_each_study(_score_model),
    ),
    Row(
        id="C2",
        source=f"{YEATS}, equations 3 to 6, 10 and 11",
        claim="More guidance makes counterfactuals more often valid, and moves them farther.",
        margin="the least change of validity (a share), or of mean L2, from the least w to the most, all else equal",
        published_on="",
        unit="number",
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
        read=of_each_study(_whole_set),
    ),
    Row(
        id="C4",
        source=f"{YEATS}, section 4, figure 2",
        claim="Counterfactuals by diffusion lie no farther from their sources than those by a robust softmax "
        "classifier's gradients.",
        margin="mean L2 of the nearest softmax classifier's less that of diffusion",
        published_on="",
        unit="number",
        small=SMALL,
        paper=PAPER,
        read=of_each_study(_by_classifier),
    ),
    Row(
        id="C5",
        source=f"{YEATS}, section 4, figures 2 and 6",
        claim="The Boltzmann neighborhood gives nearer and sparser counterfactuals than the Gaussian one.",
        margin="how much less they change, as a share of the Gaussian ones' mean L2 or mean L0, the lesser",
        published_on="",
        unit="number",
        small=SMALL,
        paper=PAPER,
        read=of_each_study(_variants),
    ),
)
