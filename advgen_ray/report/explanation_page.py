"""The page of explanations: masks of the first image of each class under each classifier, and where they lie."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from advgen_ray.report import numbers
from advgen_ray.report.blocks import Figure, KeyFigure, Section, Table, full_config
from advgen_ray.report.page import Page
from advgen_ray.report.plots_generation import input_gradient_panel

BASELINES = {"black": "a black image", "grey": "a grey image", "mean": "the mean training image"}


@dataclass(frozen=True)
class Explanations:
    """What the page shows; pictures ``[N, C, H, W]`` of the first image of each class."""

    table: pd.DataFrame  # of ``analysis.explanation``
    inputs: np.ndarray
    names: Sequence[str]  # of their classes
    masks: Mapping[str, Mapping[str, np.ndarray]]  # by baseline and classifier, in [0, 1], zero at 0.5


def explanation_page(results: Explanations, config: Mapping[str, Any], version: str) -> Page:
    """``config`` is the job's."""
    table, name = results.table, config["data"]["name"]
    settings = full_config("explanations", config)
    last = table[table["baseline"] == table["baseline"].iloc[-1]]
    told = ", ".join(f"{numbers.percent(row['attributed'])} for {row['classifier']}" for _, row in last.iterrows())
    above = f"{config['bright_above']:g}"
    return Page(
        title=f"advgen_ray: explanations on {name}",
        heading="Which pixels carry a prediction?",
        data_name=name,
        version=version,
        answer=f"Of the attribution, measured from {BASELINES[last['baseline'].iloc[0]]}, {told} lies on pixels "
        f"brighter than {above}, which are {numbers.percent(float(last['bright'].iloc[0]))} of the image.",
        lead=f"Integrated gradients of the predicted class's logit by {numbers.counted(len(last), 'classifier')}, on "
        f"{numbers.count(config['num_images'])} test images.",
        key_figures=[_key_figure(row) for _, row in last.iterrows()],
        sections=[
            *(_section(results, str(baseline), config) for baseline in table["baseline"].unique()),
            Section("run", "What was run", [], [settings]),
        ],
    )


def _key_figure(row: pd.Series) -> KeyFigure:
    detail = f"of the attribution on bright pixels, beyond their share of the image ({_points(row, 'excess')})"
    return KeyFigure(str(row["classifier"]), numbers.signed_points(row["excess"]), "points", detail, "", None, "")


def _section(results: Explanations, baseline: str, config: Mapping[str, Any]) -> Section:
    own = results.table[results.table["baseline"] == baseline]
    panel = input_gradient_panel(results.inputs, results.masks[baseline], results.names)
    alt = f"Integrated-gradient masks from {BASELINES[baseline]}: {panel.alt}"
    rows = [
        [
            str(row["classifier"]),
            numbers.percent(row["accuracy"]),
            numbers.with_interval(row["attributed"], row["attributed_low"], row["attributed_high"]),
            numbers.percent(row["bright"]),
            _points(row, "excess"),
            numbers.MISSING if place == 0 else _points(row, "beyond_first"),
            f"{row['missed']:.1g} ({numbers.percent(row['missed_share'], 2)})",
        ]
        for place, (_, row) in enumerate(own.iterrows())
    ]
    first = own["classifier"].iloc[0]
    return Section(
        baseline,
        f"From {BASELINES[baseline]}",
        _sentences(own, baseline),
        [
            Figure(
                "Masks of the first image of each class",
                "Nothing chosen. What the logit of the predicted class owes to each pixel, each picture scaled by "
                "itself: orange raises it, purple lowers it, zero is white (grey in color pictures). As figure 3.10 of "
                "Yin (2022).",
                [replace(panel, name=f"masks-{baseline}", alt=alt)],
                size="full",
            ),
            Table(
                "Where the attribution lies",
                f"Means over {numbers.count(int(own['count'].iloc[0]))} test images, 95% intervals of Student's t. "
                f"Bright: brighter than {config['bright_above']:g}. Excess: attribution minus pixels. Beyond "
                f"{first}: paired image by image. Missed: mean error of the integral, the sum of a mask minus the "
                f"difference of the two logits, and that in percent of the difference; {config['num_steps']} points.",
                ["Classifier", "accuracy", "attribution on bright pixels", "pixels that are bright", "excess (points)",
                 f"beyond {first} (points)", "missed"],
                rows,
            ),
        ],
    )  # fmt: skip


def _sentences(own: pd.DataFrame, baseline: str) -> list[str]:
    said = []
    if baseline == "black":
        said.append(
            "From black, a black pixel gets nothing, whatever the classifier: on images of white strokes a mask lies "
            "on the strokes by construction."
        )
    first = own["classifier"].iloc[0]
    for word, which in (("More", own["beyond_first_low"] > 0), ("Less", own["beyond_first_high"] < 0)):
        if which.any():
            said.append(f"{word} of it on bright pixels than of {first}'s: {', '.join(own.loc[which, 'classifier'])}.")
    said.append(
        "Yin (2022) sees in pictures of CIFAR-10 that masks of robust classifiers align with the object and those of a "
        "standard one are scattered; no figure is given there."
    )
    return said


def _points(row: pd.Series, key: str) -> str:
    ends = " to ".join(numbers.signed_points(row[f"{key}_{end}"]) for end in ("low", "high"))
    return f"{numbers.signed_points(row[key])} ({ends})"
