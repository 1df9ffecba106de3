"""The page of the classifier made of counterfactuals: accuracy by their number and cost, and where it errs."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from advgen_ray.analysis import published
from advgen_ray.analysis.distance_classification import DistanceClassification
from advgen_ray.report import numbers
from advgen_ray.report.blocks import Block, Figure, KeyFigure, Panel, Section, Table, full_config
from advgen_ray.report.page import Page
from advgen_ray.report.plots_confusion import MAX_DRAWN_CLASSES, confusion_panel
from advgen_ray.report.style import DASHES, MARKERS, SERIES, WIDE, draw, in_percent, legend_above

X_AXES = {
    "num_replicates": "counterfactuals of each class",
    "evaluations": "network evaluations an image",
}
CHEAPEST = "40,000 evaluations an image: 2 CEs of each of 10 classes, 1,000 steps (Yeats et al.)"
COLUMNS = ["Sampler", "CEs of each class", "accuracy", "evaluations an image", "seconds an image"]


def distance_classifier_page(
    table: pd.DataFrame,
    best: DistanceClassification,
    class_names: Sequence[str],
    config: Mapping[str, Any],
    version: str,
) -> Page:
    """``table``: of ``accuracy_by_cost``; ``best``: by the most accurate set; ``config``: the job's."""
    first, last = (table.iloc[int(place)] for place in (table["evaluations"].argmin(), table["accuracy"].argmax()))
    images = numbers.count(best.accuracy.count)
    generation, several = config["generation"], len(table) > 1
    settings = full_config("job", config)
    return Page(
        title=f"advgen_ray: classification by distance on {generation['data']['name']}",
        heading="Does the nearest counterfactual tell the class?",
        data_name=generation["data"]["name"],
        version=version,
        answer=f"Naming an image after the class whose counterfactuals lie nearest is right for "
        f"{_told(best, table['sampler'].nunique())} of {images} images of the {generation['split']} split"
        f"{', on which score models are trained' if generation['split'] == 'train' else ''}.",
        lead=f"{'The cheapest point' if several else 'It'} takes {numbers.count(int(first['evaluations']))} "
        f"evaluations an image and is right for {numbers.percent(first['accuracy'])}.",
        key_figures=[
            _key(
                f"Most accurate of {len(table)} points" if several else "Accuracy", last, published.DISTANCE_CLASSIFIER
            ),
            *([_key("Cheapest", first, CHEAPEST)] if several else []),
        ],
        sections=[
            Section("accuracy", "Accuracy and what it costs", [], _blocks(table, best, class_names, generation)),
            Section("run", "What was run", [], [settings]),
        ],
    )


def _told(best: DistanceClassification, num_samplers: int) -> str:
    """With its interval, which would be too narrow for the best of several on the images that chose it."""
    if num_samplers > 1:
        return f"{numbers.percent(best.accuracy.value)} (the best of {num_samplers} samplers on these images)"
    return numbers.with_interval(best.accuracy.value, *best.accuracy.interval)


def _blocks(
    table: pd.DataFrame, best: DistanceClassification, class_names: Sequence[str], generation: Mapping[str, Any]
) -> list[Block]:
    images = numbers.count(best.accuracy.count)
    blocks: list[Block] = [
        Figure(
            "Accuracy by number and by cost",
            f"{images} images of the {generation['split']} split, 95% binomial intervals; the counterfactuals of a "
            "smaller number are among those of a larger one. Cost: all counterfactuals of all classes, guidance "
            "counted as two evaluations.",
            [cost_panel(table, "num_replicates"), cost_panel(table, "evaluations")],
            size="wide",
        ),
        Table(
            "Every point",
            "Seconds: wall clock of the whole set, all actors at work, by the counterfactuals that a point needs.",
            COLUMNS,
            [_row(row) for _, row in table.iterrows()],
        ),
    ]
    if len(class_names) <= MAX_DRAWN_CLASSES:
        caption = f"The most accurate set, all its counterfactuals; counts of {images} images."
        nearest = "class of the nearest counterfactuals"
        panel = confusion_panel("distance-classifier", best.confusion, class_names, "true class", nearest, "images")
        blocks.append(Figure("Where it errs", caption, [panel], size="wide"))
    return blocks


def cost_panel(table: pd.DataFrame, column: str) -> Panel:
    """Accuracy against ``"num_replicates"`` or ``"evaluations"``, one line a sampler, on a logarithmic axis."""
    samplers = list(dict.fromkeys(table["sampler"]))

    def paint(axes: Axes) -> None:
        for index, name in enumerate(samplers):
            one = table[table["sampler"] == name]
            value = one["accuracy"].to_numpy(float)
            below, above = value - one["low"].to_numpy(float), one["high"].to_numpy(float) - value
            axes.errorbar(
                one[column], value, yerr=np.clip([below, above], 0, None), color=SERIES[index], label=name,
                marker=MARKERS[index], linestyle=DASHES[index], capsize=3, elinewidth=1.0,
            )  # fmt: skip
        axes.set_xscale("log")
        ticks = sorted(table[column].unique())
        axes.set_xticks(ticks, [numbers.count(int(tick)) for tick in ticks])
        axes.minorticks_off()
        axes.set(xlabel=X_AXES[column], ylabel="accuracy")
        in_percent(axes.yaxis)
        legend_above(axes, num_columns=1)

    told = "; ".join(
        f"{row['sampler']}, {X_AXES[column]} {row[column]}: {numbers.percent(row['accuracy'])}"
        for _, row in table.iterrows()
    )
    return draw(f"accuracy-by-{column.replace('_', '-')}", f"Accuracy by distance. {told}.", WIDE, paint)


def _row(row: pd.Series) -> list[str]:
    return [
        str(row["sampler"]),
        str(row["num_replicates"]),
        numbers.with_interval(row["accuracy"], row["low"], row["high"]),
        numbers.count(int(row["evaluations"])),
        f"{row['seconds']:.2g}",
    ]


def _key(title: str, row: pd.Series, printed: str) -> KeyFigure:
    detail = f"{row['sampler']}, {row['num_replicates']} of each class: {int(row['evaluations']):,} an image"
    return KeyFigure(title, numbers.percent(row["accuracy"]), "", detail, "", None, printed)
