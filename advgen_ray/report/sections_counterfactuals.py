"""What the counterfactuals are: pictures, distances, validity by kind, and a classifier made of their distances."""

from advgen_ray.analysis import published
from advgen_ray.analysis.realism import REAL
from advgen_ray.report import numbers
from advgen_ray.report.blocks import Block, Figure, Section, Table
from advgen_ray.report.plots_confusion import MAX_DRAWN_CLASSES, confusion_panel
from advgen_ray.report.plots_distances import class_distance_panel, distance_distributions, same_and_different
from advgen_ray.report.plots_generators import accuracy_by_kind
from advgen_ray.report.study import Study


def grid_section(study: Study) -> Section:
    """The pictures themselves (C10)."""
    main, rate = study.tables.inputs.main, study.tables.validity
    low, high = rate.interval
    sentences = [
        f"A counterfactual answers: if this image were of another class, and as little changed as possible, how would "
        f"it look? The set holds {numbers.count(len(main.rows))} of them, "
        f"made from {numbers.count(main.rows['source_id'].nunique())} {study.source_images}.",
        f"A standard classifier that took no part in anything else, the judge, sees the target class in "
        f"{numbers.with_interval(rate.value, low, high)} of the {numbers.count(rate.count)} whose target is not the "
        f"source's class.",
    ]
    return Section("counterfactuals", "Counterfactuals", sentences, [study.grids[main.name]])


def distance_section(study: Study) -> Section:
    """How near and how sparse they are, by the way they are made (C5)."""
    tables = study.tables
    quality = tables.quality
    main, num_sources = tables.inputs.main, int(quality["num_sources"].iloc[0])
    num_each = int(quality["count"].max())
    names, means = tables.inputs.class_names, tables.class_distances
    matrix = [class_distance_panel(means, names)] if len(names) <= MAX_DRAWN_CLASSES else []
    matrix_words = ["Right: the mean from each class to each other one."] if matrix else []
    figures: list[Block] = [
        Figure(
            "Distance by the way they are made",
            f"Different-class counterfactuals of the same {numbers.count(num_sources)} sources, up to "
            f"{numbers.count(num_each)} of a kind; the vertical lines are means. As figure 2 of Yeats et al. "
            f"(CIFAR-10, SVHN), who draw and do not print it.",
            [distance_distributions(tables.compared, "l2"), distance_distributions(tables.compared, "l0")],
            size="wide",
        ),
        Figure(
            "Whether standard models see the target",
            "Share of the same counterfactuals on which the judge, and the study's own standard model, predict the "
            "target, with 95% intervals over sources. As figure 6 of Yeats et al.; there too a set made by gradients "
            "may convince without changing what is seen.",
            [accuracy_by_kind(quality)],
            size="wide",
        ),
        _quality(study),
        Figure(
            "Staying and leaving",
            f"All {numbers.count(len(main.rows))} counterfactuals of the main set: "
            + " ".join(
                ["L2 distances of those that keep the source's class and of those that change it.", *matrix_words]
            ),
            [same_and_different(main), *matrix],
            size="wide",
        ),
    ]
    return Section("distances", "How far they lie", _distance_sentences(study), figures)


def _distance_sentences(study: Study) -> list[str]:
    quality, main = study.tables.quality, study.tables.inputs.main
    different = main.different_class
    near, far = (quality.iloc[int(place)] for place in (quality["mean_l2"].argmin(), quality["mean_l2"].argmax()))
    sentences = [
        f"In the main set a change of class costs an L2 distance of "
        f"{numbers.decimal(float(main.rows.loc[different, 'l2'].mean()))} on average (n = "
        f"{numbers.count(int(different.sum()))}), keeping the class "
        f"{numbers.decimal(float(main.rows.loc[~different, 'l2'].mean()))} "
        f"(n = {numbers.count(int((~different).sum()))})."
    ]
    if len(quality) > 1:
        sentences.append(
            f"Of the kinds compared, {near['label']} lies nearest (mean L2 {numbers.decimal(near['mean_l2'])}) and "
            f"{far['label']} farthest ({numbers.decimal(far['mean_l2'])}); on CIFAR-10 and SVHN Yeats et al. report "
            f"Boltzmann nearer than Gaussian."
        )
    return sentences


def _quality(study: Study) -> Table:
    quality = study.tables.quality
    rows = [
        [
            str(row["label"]),
            numbers.count(int(row["count"])),
            numbers.decimal(row["mean_l2"]),
            numbers.decimal(row["median_l2"]),
            numbers.decimal(row["mean_l0"]),
            numbers.decimal(row["mean_l2_same_class"]),
            numbers.with_interval(row["validity"], row["validity_low"], row["validity_high"]),
            numbers.percent(row["standard_accuracy"]),
            _realism(study, str(row["name"])),
        ]
        for _, row in quality.iterrows()
    ]
    return Table(
        "Quality by the way they are made",
        "Different-class counterfactuals of the sources that all kinds share. Validity: the judge predicts the target "
        "(95% interval over sources). L0: share of values changed by more than 0.02. " + _realism_words(study),
        ["Kind", "n", "mean L2", "median L2", "mean L0", "mean L2, same class", "validity (judge)", "standard model",
         "Fréchet (judge's logits)"],
        rows,
    )  # fmt: skip


def _realism(study: Study, name: str) -> str:
    found = study.tables.realism.get(name)
    return f"{numbers.decimal(found.distance)} ± {numbers.decimal(found.error)}" if found else numbers.MISSING


def _realism_words(study: Study) -> str:
    found = study.tables.realism
    if not found:
        return ""
    count = numbers.count(next(iter(found.values())).count)
    words = (
        f"Fréchet: between Gaussians of the judge's logits, of {count} of each kind (the first replicate) and of the "
        "training images, weighted to the same classes, ± a jackknife standard error over sources. It is a proxy of "
        "FID, not to be put beside published ones, and what fools the judge is near by it too"
    )
    real = f"; {_realism(study, REAL)} of as many test images of these classes" if REAL in found else ""
    return f"{words}{real}."


def distance_classifier_section(study: Study) -> Section | None:
    """Classification by the nearest counterfactuals (C9); None if no held-out set was made."""
    result, names = study.tables.distance, study.tables.inputs.class_names
    if result is None:
        return None
    low, high = result.accuracy.interval
    sentences = [
        f"Naming a held-out test image after the class whose {_nearest(result.num_replicates)} is right for "
        f"{numbers.with_interval(result.accuracy.value, low, high)} of "
        f"{numbers.count(result.accuracy.count)} images.{_what_a_score_model_sees(study)}",
        f"Published: {published.DISTANCE_CLASSIFIER}.",
    ]
    blocks: list[Block] = []
    if len(names) <= MAX_DRAWN_CLASSES:
        caption = f"Counts of {numbers.count(result.accuracy.count)} images of the held-out set."
        nearest = "class of the nearest counterfactuals"
        panel = confusion_panel("distance-classifier", result.confusion, names, "true class", nearest, "sources")
        blocks.append(Figure("Class by distance", caption, [panel], size="wide"))
    return Section("distance-classifier", "Distance as a classifier", sentences, blocks)


def _nearest(num_replicates: int) -> str:
    several = num_replicates > 1
    return f"{num_replicates} counterfactuals lie nearest on average" if several else "counterfactual lies nearest"


def _what_a_score_model_sees(study: Study) -> str:
    """Nothing where gradients of a classifier, which does see the image, made the set."""
    made = study.tables.inputs.held_out
    methods = [
        one.setting("method.kind") for one in study.records_of("counterfactuals") if made and one.name == made.name
    ]
    return "" if any(methods) else " The score model never sees the image, only a pull to it."
