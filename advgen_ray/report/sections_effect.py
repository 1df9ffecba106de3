"""The papers' effect: what robust models make of counterfactuals, and where their own radius reaches these."""

import math

from advgen_ray.report import numbers
from advgen_ray.report.blocks import Block, Figure, Section, Table
from advgen_ray.report.plots_classifiers import accuracy_by_eps, source_label_by_eps
from advgen_ray.report.study import Study, eps_labels

LINK = (
    "Yeats et al. (appendix) suspect such a link on SVHN, where training collapses from 0.5 on, half the distance of "
    "many different-class counterfactuals."
)


def effect_section(study: Study) -> Section:
    """The papers' effect: robust models no longer follow small changes of meaning (C7)."""
    table = study.tables.accuracy
    num_same, num_different = int(table["same_class_count"].max()), int(table["different_class_count"].max())
    figure = Figure(
        "Accuracy on counterfactuals, by training radius",
        f"Left: accuracy on {numbers.count(int(table['clean_count'].max()))} clean sources, "
        f"{numbers.count(num_same)} same-class and {numbers.count(num_different)} different-class counterfactuals of "
        f"them. Right: how often a classifier that is right on the source still names the source's class on a "
        f"different-class counterfactual. Bars: 95% intervals, of counterfactuals over sources. As figure 4 of Yeats "
        f"et al. (CIFAR-10, SVHN).",
        [accuracy_by_eps(table), source_label_by_eps(table)],
        size="wide",
    )
    blocks: list[Block] = [figure, _accuracy_table(study, num_same, num_different)]
    sentences = [*_effect_sentences(study), *([_reach_sentence(study)] if _trained_in_l2(study) else [])]
    return Section("effect", "What robust models make of them", sentences, blocks)


def _trained_in_l2(study: Study) -> bool:
    """Whether the training radii and the distances of counterfactuals are in one norm."""
    return study.training_norms <= {"l2"}


def _accuracy_table(study: Study, num_same: int, num_different: int) -> Table:
    table, in_l2 = study.tables.accuracy, _trained_in_l2(study)
    rows = [
        [
            label,
            numbers.percent(row["clean_accuracy"]),
            numbers.with_interval(row["same_class_accuracy"], row["same_class_low"], row["same_class_high"]),
            numbers.with_interval(
                row["different_class_accuracy"], row["different_class_low"], row["different_class_high"]
            ),
            numbers.signed_points(row["different_class_accuracy"] - row["same_class_accuracy"]),
            numbers.signed_points(row["effect"]),
            numbers.with_interval(row["source_label_rate"], row["source_label_low"], row["source_label_high"]),
            numbers.count(int(row["source_label_count"])),
            f"{numbers.count(reach.num_hits)} of {numbers.count(reach.count)}" if in_l2 else numbers.MISSING,
        ]
        for label, reach, (_, row) in zip(eps_labels(table), study.tables.reach, table.iterrows(), strict=True)
    ]
    columns = [
        "Training",
        "clean sources",
        "same-class CEs",
        "different-class CEs",
        "change, points",
        "effect, points",
        "source label",
        "n",
        "sources with a valid CE within eps",
    ]
    caption = (
        f"n = {numbers.count(num_same)} same-class and {numbers.count(num_different)} different-class counterfactuals; "
        "their 95% intervals count sources. Effect: accuracy lost from same-class to different-class ones beyond the "
        "standard model's loss. n: those whose source was classified correctly, on which the source label's rate rests."
        " Last: sources of which a different-class CE that convinces the judge lies within the model's own radius, "
        "if that is in L2."
    )
    return Table("Accuracy on counterfactuals", caption, columns, rows)


def _effect_sentences(study: Study) -> list[str]:
    effect, table = study.tables.effect, study.tables.accuracy
    robust, standard = eps_labels(table)[-1], eps_labels(table)[0]
    if len(table) == 1:
        return ["No other model was scored than the standard one, so that nothing is known of robust training."]
    comparison = f"{numbers.points(effect.value)} {'more' if effect.value > 0 else 'less'} accuracy than"
    if not math.isfinite(effect.value):
        comparison = "an unknown amount of accuracy (no sample) beside"
    elif numbers.signed_points(effect.value) == numbers.signed_points(0.0):
        comparison = "as much accuracy as"
    interval = "no interval: too few sources"
    if math.isfinite(effect.low):
        verdict = "which excludes 0" if effect.low > 0 or effect.high < 0 else "which includes 0"
        ends = f"{numbers.signed_points(effect.low)} to {numbers.signed_points(effect.high)} points"
        interval = f"95% interval {ends}, {verdict}"
    first, last = table["source_label_rate"].iloc[0], table["source_label_rate"].iloc[-1]
    return [
        f"From same-class to different-class counterfactuals the model of the largest training radius ({robust}) "
        f"loses {comparison} the standard one ({interval}; {numbers.counted(effect.num_sources, 'source')}).",
        f"Right on the source, it names the source's class on {numbers.percent(last)} of the different-class "
        f"counterfactuals; the standard model ({standard}) does on {numbers.percent(first)}.",
    ]


def _reach_sentence(study: Study) -> str:
    """The strongest caveat: whether the largest training radius itself reaches images of another class."""
    reach, eps = study.tables.reach[-1], float(study.tables.accuracy["eps"].iloc[-1])
    if not reach.count:
        return "Whether the largest training radius reaches counterfactuals cannot be told: the judge scored none."
    if not reach.num_hits:
        return (
            f"None of the {numbers.counted(reach.count, 'source')} has a valid counterfactual of another class within "
            f"the largest training radius ({numbers.eps(eps)}): training asks for no label that these no longer show."
        )
    return (
        f"{numbers.count(reach.num_hits)} of {numbers.counted(reach.count, 'source')} "
        f"{'has' if reach.num_hits == 1 else 'have'} a valid counterfactual of "
        f"another class within the largest training radius itself ({numbers.eps(eps)}): there adversarial training "
        f"asks for a label that the image no longer shows. {LINK}"
    )
