"""The page of a robust evaluation: what each attack found, images that fell, and what casts doubt on the figure."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from advgen_ray.analysis.worst_case import WorstCase
from advgen_ray.report import numbers
from advgen_ray.report.blocks import Block, Figure, KeyFigure, Section, Table, full_config
from advgen_ray.report.page import Page
from advgen_ray.report.plots_worst_case import fallen_panel, standing_panel


@dataclass(frozen=True)
class FallenImages:
    """Some images that fell to an attack: ``clean`` and ``adversarial`` are ``[N, C, H, W]`` in [0, 1]."""

    clean: np.ndarray
    adversarial: np.ndarray
    names: Sequence[str]  # label, prediction and attack of each


def robustness_page(
    result: WorstCase, fallen: FallenImages, warnings: Sequence[str], config: Mapping[str, Any], version: str
) -> Page:
    """``config`` is the evaluation's; ``warnings`` say why the accuracy may be too high."""
    ball = f"{config['norm']} ball of radius {numbers.eps(config['eps'])}"
    low, high = result.robust.interval
    count = numbers.count(result.clean.count)
    blocks: list[Block] = [
        Figure(
            "What is left after each attack",
            f"{count} images of the {config['split']} split; an image that falls is not attacked again, so the order "
            "of the attacks decides which of them it counts for, and nothing else.",
            [standing_panel(result)],
            size="wide",
        ),
        Table(
            "Attack by attack",
            f"Every image that fell was stored, read again, and found within the {ball}, in [0, 1] and misclassified.",
            ["Attack", "images attacked", "of them fell", "accuracy after it"],
            [
                [str(row["attack"]), numbers.count(int(row["attacked"])), numbers.count(int(row["fell"])),
                 numbers.percent(row["accuracy_after"])]
                for _, row in result.attacks.iterrows()
            ],
        ),
    ]  # fmt: skip
    sections = [Section("attacks", "Worst case, image by image", [], blocks)]
    if len(fallen.clean):
        caption = "Label, prediction and the attack it fell to; the difference is stretched, grey is no change."
        panels = [fallen_panel(fallen.clean, fallen.adversarial, fallen.names)]
        sections.append(Section("fallen", "Images that fell", [], [Figure("Fallen", caption, panels, size="wide")]))
    doubts = list(warnings) or ["Nothing found: no sign of masked gradients, of randomness, or of outputs that are "
                                "no logits."]  # fmt: skip
    sections.append(Section("doubts", "What casts doubt on it", doubts, []))
    settings = full_config("evaluation", config)
    sections.append(Section("run", "What was run", [], [settings]))
    return Page(
        title=f"advgen_ray: robustness on {config['data']['name']}",
        heading="How many images stand?",
        data_name=config["data"]["name"],
        version=version,
        answer=f"{numbers.percent(result.robust.value)} of {count} images are classified correctly whatever the "
        f"attacks do in the {ball} (95% interval {numbers.percent(low)} to {numbers.percent(high)}).",
        lead=f"{numbers.percent(result.clean.value)} are before any attack; "
        + (
            f"median distance of those that fell {numbers.decimal(result.median_distance)}."
            if math.isfinite(result.median_distance)
            else "none fell."
        ),
        key_figures=[
            KeyFigure("Robust accuracy", numbers.percent(result.robust.value), "", ball, "", None, ""),
            KeyFigure("Clean accuracy", numbers.percent(result.clean.value), "", f"of {count} images", "", None, ""),
        ],
        sections=sections,
    )
