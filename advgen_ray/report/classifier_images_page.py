"""The page of images from classifiers: what each makes of every class, whose they look like, and its gradients."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from advgen_ray.analysis.proportion import Proportion
from advgen_ray.report import numbers
from advgen_ray.report.blocks import Block, Figure, KeyFigure, Section, Table, full_config
from advgen_ray.report.page import Page
from advgen_ray.report.plots_generation import descent_panel, generated_panel, input_gradient_panel, neighbors_panel

PUBLISHED_SETTINGS = "150 steps, momentum 0.8 after TRADES; 20 steps, momentum 0.5 after SAT (Mirza et al., table C)"


@dataclass(frozen=True)
class Neighbors:
    """Some generated images ``[N, C, H, W]``, their nearest test images ``[N, K, C, H, W]`` and SSIM ``[N, K]``."""

    generated: np.ndarray
    nearest: np.ndarray
    similarity: np.ndarray


@dataclass(frozen=True)
class ClassifierImages:
    """What the page shows, by classifier as a reader calls it; all pictures ``[N, C, H, W]`` in [0, 1]."""

    generated_table: pd.DataFrame  # of ``analysis.classifier_images``
    gradient_table: pd.DataFrame
    starts: Mapping[str, np.ndarray]  # by class name: where the images set out
    generated: Mapping[str, Mapping[str, np.ndarray]]  # by classifier and class name
    neighbors: Mapping[str, Neighbors]  # of the first image of each class
    energy_paths: Mapping[str, np.ndarray]  # E(x, y) ``[num_steps + 1, N]``
    inputs: np.ndarray  # the images whose gradients are pictured
    input_names: Sequence[str]
    gradients: Mapping[str, np.ndarray]  # as pictures, zero at 0.5


def classifier_images_page(results: ClassifierImages, config: Mapping[str, Any], version: str) -> Page:
    """``config`` is the job's."""
    table, gradients, data_name = results.generated_table, results.gradient_table, config["data"]["name"]
    blocks: list[Block] = [_start_figure(results, config), *_generated_figures(results), _generated_numbers(table)]
    settings = full_config("images", config)
    return Page(
        title=f"advgen_ray: images from classifiers on {data_name}",
        heading="What do classifiers take a class to be?",
        data_name=data_name,
        version=version,
        answer=_answer(table),
        lead=f"{numbers.counted(int(table['count'].iloc[0]), 'image')} from {_makers(len(table))}: "
        f"SGLD with momentum on E(x, y), {numbers.counted(config['num_steps'], 'step')} from near each class's mean.",
        key_figures=[_key_figure(row) for _, row in table.iterrows()],
        sections=[
            Section("classifier-images", "What a classifier takes a class to be", _generated_sentences(table), blocks),
            Section("input-gradients", "Input gradients", _gradient_sentences(gradients), _gradient_blocks(results)),
            Section("run", "What was run", [], [settings]),
        ],
    )


def _answer(table: pd.DataFrame) -> str:
    """How real the images of the first and of the last classifier look, by a measure and to the judge."""
    first, last = table.iloc[0], table.iloc[-1]
    ends = [first] if len(table) == 1 else [first, last]
    told = " and ".join(f"{numbers.decimal(row['ssim'])} for {row['classifier']}" for row in ends)
    if not first["judged"].count:
        seen = " and ".join(_share(row["recognized"]) for row in ends)
        see, own = ("sees", "its") if len(ends) == 1 else ("see", "their")
        return f"Mean SSIM to the nearest test image is {told}, which {see} the class asked for in {seen} of {own} own."
    seen = " and ".join(_share(row["judged"]) for row in ends)
    return (
        f"Mean SSIM to the nearest test image is {told} (starts: {numbers.decimal(first['start_ssim'])}); the judge "
        f"sees the class asked for in {seen} of them (starts: {_share(first['judged_start'])})."
    )


def _generated_sentences(table: pd.DataFrame) -> list[str]:
    falls = "; ".join(
        f"{row['classifier']} from {numbers.decimal(row['start_energy_xy'])} to {numbers.decimal(row['energy_xy'])}"
        for _, row in table.iterrows()
    )
    neighbors = "; ".join(f"{row['classifier']} {_share(row['neighbor'])}" for _, row in table.iterrows())
    return [
        f"Mean E(x, y) over the descent: {falls}.",
        f"Images whose nearest test image is of the class asked for: {neighbors}.",
    ]


def _start_figure(results: ClassifierImages, config: Mapping[str, Any]) -> Figure:
    count = numbers.count(int(results.generated_table["count"].iloc[0]))
    return Figure(
        "Where all of them set out, and how they descend",
        f"Starts: each class's mean plus random steps of {config['start_sigma']:g} singular values along the principal "
        f"components that hold {numbers.percent(config['pca_variance'], 0)} of its variance; the same for every "
        f"classifier. Descent: mean E(x, y) of {count} images of each classifier, shaded by one standard deviation; "
        f"{config['num_steps']} steps of SGLD of size {config['step_size']:g}, momentum {config['momentum']:g}, noise "
        f"{config['noise_scale']:g}. Published: {PUBLISHED_SETTINGS}.",
        [replace(generated_panel(results.starts), name="starts"), descent_panel(results.energy_paths)],
        size="wide",
    )


def _generated_figures(results: ClassifierImages) -> list[Figure]:
    figures = []
    for name, of_class in results.generated.items():
        found = results.neighbors[name]
        panels = [generated_panel(of_class), neighbors_panel(found.generated, found.nearest, found.similarity)]
        figures.append(
            Figure(
                f"Images from {name}",
                f"{_first_ones(len(next(iter(of_class.values()))))} of each class, nothing chosen; then the first of "
                f"each class and its {_nearest(found.nearest.shape[1])} by SSIM, the largest SSIM beside it. As "
                "figures H to J of Mirza et al.",
                [replace(one, name=f"{one.name}-{name}", alt=f"{name}: {one.alt}") for one in panels],
                size="wide",
            )
        )
    return figures


def _makers(number: int) -> str:
    return "one classifier" if number == 1 else f"each of {number} classifiers"


def _first_ones(number: int) -> str:
    return "The first image" if number == 1 else f"{number} images, the first ones,"


def _nearest(number: int) -> str:
    return "nearest test image" if number == 1 else f"{number} nearest test images"


def _generated_numbers(table: pd.DataFrame) -> Table:
    rows = [
        [
            row["classifier"],
            _interval(row["recognized"]),
            _interval(row["judged_start"]),
            _interval(row["judged"]),
            _interval(row["neighbor"]),
            numbers.decimal(row["start_ssim"]),
            numbers.decimal(row["ssim"]),
            numbers.count(row["count"]),
        ]
        for _, row in table.iterrows()
    ]
    return Table(
        "Whether the images show the class",
        "Recognized, judge: the generator itself, or the judge, predicts the class asked for; 95% binomial intervals. "
        "Neighbor: the test image of largest SSIM is of that class. Mirza et al. print pictures, no such figures.",
        ["Classifier", "recognized", "judge, start", "judge, image", "neighbor", "SSIM start", "SSIM image", "n"],
        rows,
    )


def _gradient_sentences(table: pd.DataFrame) -> list[str]:
    told = "; ".join(f"{row['classifier']} {_with_error(row, 'alignment')}" for _, row in table.iterrows())
    says = [f"Mean cosine between gradients towards the other classes and the ways to their mean images: {told}."]
    least, most = (table.iloc[int(place)] for place in (table["eps"].argmin(), table["eps"].argmax()))
    if least["eps"] < most["eps"]:
        error = math.hypot(least["alignment_error"], most["alignment_error"])
        change = most["alignment"] - least["alignment"]
        told = "no change can be told from these images"
        if abs(change) > 2 * error:
            told = "it rises" if change > 0 else "it falls"
        says.append(
            f"From {least['classifier']} to {most['classifier']} {told}; Beadini and Masi see in pictures that "
            "gradients of robust models align with the object."
        )
    return says


def _gradient_blocks(results: ClassifierImages) -> list[Block]:
    table = results.gradient_table
    rows = [
        [
            row["classifier"],
            _with_error(row, "alignment"),
            _with_error(row, "sparsity"),
            f"{row['norm']:.2g}",
            _share(row["accuracy"]),
            numbers.count(row["count"]),
        ]
        for _, row in table.iterrows()
    ]
    return [
        Figure(
            "Gradients of the loss by the image",
            "The first test image of each class, and below it the gradient of the cross-entropy of its label under "
            "each classifier, each picture scaled by itself; zero is white, or grey in color pictures. As figure 4 of "
            "Beadini and Masi.",
            [input_gradient_panel(results.inputs, results.gradients, results.input_names)],
            size="wide",
        ),
        Table(
            "Gradients in numbers",
            "Mean and standard error over test images. Alignment: cosine of the gradient of another class's loss with "
            "image minus mean training image of that class, mean over the other classes (Ganz et al. 2023). Sparsity: "
            "Gini index of the absolute values, 0 if all are equal. Norm: median of the L2 norms.",
            ["Classifier", "alignment", "sparsity", "norm", "clean accuracy", "n"],
            rows,
        ),
    ]


def _key_figure(row: pd.Series) -> KeyFigure:
    shown, who = (row["judged"], "the judge") if row["judged"].count else (row["recognized"], "it")
    detail = f"mean SSIM to the nearest test image; {who} sees the class in {_share(shown)} of {shown.count} images"
    return KeyFigure(row["classifier"], numbers.decimal(row["ssim"]), "SSIM", detail, "", None, "")


def _share(one: Proportion) -> str:
    return numbers.percent(one.value)


def _interval(one: Proportion) -> str:
    return numbers.with_interval(one.value, *one.interval)


def _with_error(row: pd.Series, key: str) -> str:
    return f"{numbers.decimal(row[key])} ± {numbers.decimal(row[f'{key}_error'])}"
