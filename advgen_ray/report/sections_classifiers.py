"""What adversarial training costs and where: robustness, and confidence by the distance of counterfactuals."""

import pandas as pd

from advgen_ray.analysis import published
from advgen_ray.analysis.inputs import PGD
from advgen_ray.report import numbers
from advgen_ray.report.blocks import Block, Figure, Section, Table
from advgen_ray.report.compared import attack_words
from advgen_ray.report.plots_classifiers import confidence_panels
from advgen_ray.report.plots_training import training_panel
from advgen_ray.report.study import RunRecord, Study, eps_labels

CURVES = (("loss", "training loss", False), ("train_accuracy", "accuracy in training", True))


def confidence_section(study: Study) -> Section:
    """Confidence on clean sources against the distance of their CEs (C6)."""
    table = study.tables.confidence
    figure = Figure(
        "Confidence against distance of counterfactuals",
        f"Each point is one of {numbers.count(int(table['count'].max()))} clean {study.source_images}: the mean L2 "
        f"distance of its different-class counterfactuals, and the largest softmax output. Line: least squares. As "
        f"figure 3 of Yeats et al. (CIFAR-10, SVHN).",
        confidence_panels(study.tables.points, [float(eps) for eps in table["eps"]]),
    )
    rows = [
        [
            label,
            numbers.decimal_interval(row["r2"], row["r2_low"], row["r2_high"]),
            numbers.signed(row["correlation"]),
            numbers.signed(row["slope"], 3),
            numbers.decimal(row["r2_label_confidence"]),
            numbers.count(int(row["num_incorrect"])),
            numbers.decimal(row["mean_distance_correct"]),
            numbers.decimal(row["mean_distance_incorrect"]),
            numbers.count(int(row["count"])),
        ]
        for label, (_, row) in zip(eps_labels(table), table.iterrows(), strict=True)
    ]
    columns = [
        "Training",
        "r² (95%)",
        "r",
        "slope",
        "r², true label's softmax",
        "wrong",
        "distance, right",
        "distance, wrong",
        "n",
    ]
    caption = (
        "r²: of confidence and mean distance, with a 95% interval over resampled images, which says nothing of other "
        "models. r: its root, with the sign. Slope: confidence per unit of L2. n/a: nothing varies, or no sample. "
        f"Published: {published.R_SQUARED}."
    )
    return Section(
        "confidence", "Confidence near counterfactuals", _confidence_sentences(study),
        [figure, Table("Confidence and distance", caption, columns, rows)],
    )  # fmt: skip


def _confidence_sentences(study: Study) -> list[str]:
    table = study.tables.confidence
    last, label, count = table.iloc[-1], eps_labels(table)[-1], numbers.count(int(table["count"].iloc[-1]))
    explains = f"The distance of an image's counterfactuals explains {_explained(last)} of the variance of the"
    sentences = [
        f"{explains} confidence of the model of the largest training radius ({label}), and "
        f"{_explained(table.iloc[0])} of the standard model's (95% intervals over images, n = {count} each)."
        if len(table) > 1
        else f"{explains} standard model's confidence (95% interval over images, n = {count})."
    ]
    wrong = int(last["num_incorrect"])
    if wrong and wrong < last["count"]:
        gap = last["mean_distance_correct"] - last["mean_distance_incorrect"]
        apart = f"{numbers.decimal(abs(gap))} {'nearer' if gap > 0 else 'farther'} on average than the others"
        if numbers.signed(gap) == numbers.signed(0.0):
            apart = "as far away on average as the others"
        verb = "has" if wrong == 1 else "have"
        sentences.append(
            f"The {numbers.count(wrong)} of these images that it gets wrong {verb} counterfactuals {apart}."
        )
    else:
        sentences.append(f"It gets {'none' if not wrong else 'all'} of these images wrong.")
    return sentences


def _explained(row: pd.Series) -> str:
    return numbers.with_interval(row["r2"], row["r2_low"], row["r2_high"])


def robustness_section(study: Study) -> Section:
    """Catalogue A1: the price and the gain of adversarial training, with S000's tables beside."""
    tables = study.tables
    rows = [
        [
            label,
            numbers.with_interval(row["clean_accuracy"], row["clean_low"], row["clean_high"]),
            numbers.with_interval(row["pgd_accuracy"], row["pgd_low"], row["pgd_high"]),
            numbers.count(int(row["pgd_count"])),
        ]
        for labels, table in ((eps_labels(tables.robustness), tables.robustness), (["judge"], tables.judge_robustness))
        for label, (_, row) in zip(labels, table.iterrows(), strict=True)
    ]
    printed = published.robustness_beside(tables.inputs.data_name)
    same = printed.data_name == tables.inputs.data_name
    context = [
        [
            f"{row.data}, eps {numbers.eps(row.eps)}",
            numbers.percent(row.clean_accuracy, 2),
            numbers.percent(row.pgd_accuracy, 2),
            "not printed",
        ]
        for row in printed.rows
    ]
    attack = _attack_words(study)
    table = Table(
        "Clean and robust accuracy on the test split",
        f"Ours: {tables.inputs.data_name}, {attack}, 95% binomial intervals.",
        ["Training", "clean accuracy", "accuracy under PGD", "n"],
        rows,
        context,
        f"{'Published' if same else 'For context, another data set'}: {printed.description}",
    )
    training = _training_figure(study)
    blocks: list[Block] = [table, training] if training else [table]
    return Section("robustness", "Accuracy, clean and under attack", _robustness_sentences(study), blocks)


def _training_figure(study: Study) -> Figure | None:
    table = study.tables.robustness
    labels = dict(zip(table["classifier"], eps_labels(table), strict=True))
    trained = study.records_of("classifier", "judge")
    histories = {labels.get(record.name, record.name): record.history for record in trained}
    panels = [training_panel(histories, metric, title, percent) for metric, title, percent in CURVES]
    score = study.first("score model")
    panels.append(training_panel({"score model": score.history}, "loss", "score-matching loss") if score else None)
    drawn = [panel for panel in panels if panel is not None]
    if not drawn:
        return None
    too = ["the score model"] if panels[-1] is not None else []
    counts = [numbers.counted(len(histories), "classifier")] if histories else []
    each = " each" if len(histories) + len(too) > 1 else ""
    caption = (
        f"{' and '.join([*counts, *too])}, one run{each}. Loss and accuracy are those on the images trained on"
        f"{_trained_on(study, trained, too)}."
    )
    return Figure("How training went", caption, drawn, size="small")


def _trained_on(study: Study, trained: list[RunRecord], too: list[str]) -> str:
    """``": attacked ones, but for the standard models"``; "" where no training attacks."""
    radii = pd.concat([study.tables.robustness, study.tables.judge_robustness]).set_index("classifier")["eps"]
    standard = sum(not radii.get(record.name, 0.0) for record in trained)
    if standard == len(trained):
        return ""
    models = [f"the standard model{'s' * (standard > 1)}"] if standard else []
    return f": attacked ones{', but for ' + ' and '.join([*models, *too]) if models or too else ''}"


def _attack_words(study: Study) -> str:
    """The attack of the accuracies: of those called PGD the one of the smallest radius."""
    attacks = [attack for attack in study.tables.inputs.attacks if attack["label"] == PGD]
    return attack_words(min(attacks, key=lambda attack: float(attack["eps"]))) if attacks else "PGD as configured"


def _robustness_sentences(study: Study) -> list[str]:
    table = study.tables.robustness
    standard, robust = table.iloc[0], table.iloc[-1]
    clean, attacked = (
        robust["clean_accuracy"] - standard["clean_accuracy"],
        robust["pgd_accuracy"] - standard["pgd_accuracy"],
    )
    if len(table) == 1:
        return []
    return [
        f"From {eps_labels(table)[0]} to {eps_labels(table)[-1]} clean test accuracy {numbers.moves(clean)} and "
        f"accuracy under attack {numbers.moves(attacked)} "
        f"({numbers.counted(int(robust['clean_count']), 'test image')})."
    ]
