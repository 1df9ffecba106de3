"""The page of a calibration: accuracy before and after, the constants beside the logits they are added to."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from advgen_ray.analysis.calibration import Calibrated
from advgen_ray.analysis.published_generative import S004_CALIBRATION, S004_OFFSETS
from advgen_ray.report import numbers
from advgen_ray.report.blocks import Figure, KeyFigure, Panel, Section, Table, full_config
from advgen_ray.report.page import Page
from advgen_ray.report.style import BLUE, ORANGE, SMALL, draw, legend_above

MAX_HISTOGRAMS = 12
NUM_BINS = 40


def calibration_page(
    found: Calibrated,
    by_class: pd.DataFrame,
    test: tuple[np.ndarray, np.ndarray],
    class_names: Sequence[str],
    config: Mapping[str, Any],
    version: str,
) -> Page:
    """``by_class`` is ``analysis.calibration.logits_by_class`` of the ``test`` logits and labels."""
    name = config["data"]["name"]
    before, after = found.before["test"], found.after["test"]
    largest = float(by_class["offset"].abs().max())
    apart = float((by_class["own_median"] - by_class["others_median"]).median())
    settings = full_config("calibration", config)
    return Page(
        title=f"advgen_ray: calibration on {name}",
        heading="Do the densities of the classes need a common scale?",
        data_name=name,
        version=version,
        answer=f"The constants take the classifier from {numbers.percent(before.value, 2)} to "
        f"{numbers.percent(after.value, 2)} of {numbers.count(after.count)} test images; the largest is "
        f"{numbers.decimal(largest, 3)}, where a class and the others are {numbers.decimal(apart, 1)} apart.",
        lead=_stopped(found, config),
        key_figures=[
            KeyFigure("Test accuracy", numbers.percent(after.value, 2), "", "with constants", "", None, ""),
            KeyFigure("Test accuracy", numbers.percent(before.value, 2), "", "without", "", None, ""),
            KeyFigure("Largest constant", numbers.decimal(largest, 3), "", "in size", "", None, ""),
        ],
        sections=[
            _accuracies(found, published=name == "cifar10"),
            _constants(by_class, test, class_names, published=name == "cifar10"),
            Section("run", "What was run", [], [settings]),
        ],
    )


def _stopped(found: Calibrated, config: Mapping[str, Any]) -> str:
    one = found.calibration
    held_out = numbers.count(config["num_validation_images"])
    return (
        f"Learned on the training images but {held_out}, which stopped it at iteration {one.iteration} of "
        f"{one.num_iterations}: their cross-entropy goes from {numbers.decimal(one.held_out_loss[0], 4)} to "
        f"{numbers.decimal(one.held_out_loss[1], 4)}. The detectors were trained on these images too, and are surer of "
        "them than of new ones. The dissertation stops by the test images, which are only measured here."
    )


def _accuracies(found: Calibrated, published: bool) -> Section:
    cells = [
        [name, *(numbers.with_interval(one[split].value, *one[split].interval) for split in ("train", "test"))]
        for name, one in (("Before", found.before), ("After", found.after))
    ]
    table = Table(
        "Accuracy before and after calibration",
        "All images of each split, not attacked; 95% intervals.",
        ["", "training images", "test images"],
        cells,
        context=_published() if published else [],
        context_title="Yin 2022, table 3.16",
    )
    return Section("accuracy", "Accuracy", [], [table])


def _published() -> list[list[str]]:
    return [
        [f"Yin 2022, {one.what}", *(numbers.percent(share, 2) for share in (one.train, one.test))]
        for one in S004_CALIBRATION
    ]


def _constants(
    by_class: pd.DataFrame, test: tuple[np.ndarray, np.ndarray], class_names: Sequence[str], published: bool
) -> Section:
    rows: list[dict[str, Any]] = by_class.to_dict("records")  # type: ignore[assignment]
    cells = [
        [
            class_names[row["class"]],
            numbers.signed(row["offset"], 3),
            numbers.decimal(row["own_median"], 1),
            numbers.decimal(row["others_median"], 1),
            *([numbers.signed(S004_OFFSETS[row["class"]], 3)] if published else []),
        ]
        for row in rows
    ]
    shown = rows[:MAX_HISTOGRAMS]
    bins = np.linspace(float(test[0].min()), float(test[0].max()) + 1e-6, NUM_BINS + 1)
    return Section(
        "constants",
        "The constants and the logits",
        [
            "A detector's logit is the logarithm of a density up to a constant of its class (Yin 2022, equation 3.43). "
            "What the constants can change is where two classes' logits are as near as the constants are."
        ],
        [
            Figure(
                "Logits of each detector",
                "On test images of its own class and of the others, before calibration; one axis for all.",
                [_histogram(test, row["class"], class_names[row["class"]], bins) for row in shown],
            ),
            Table(
                "Constants by class",
                "They sum to zero: a constant that all share changes nothing.",
                ["Class", "constant", "median logit, own", "others", *(["Yin 2022"] if published else [])],
                cells,
            ),
        ],
    )


def _histogram(test: tuple[np.ndarray, np.ndarray], k: int, name: str, bins: np.ndarray) -> Panel:
    logits, y = test
    own, others = logits[y == k, k], logits[y != k, k]

    def paint(axes: Axes) -> None:
        axes.hist(others, bins=list(bins), color=ORANGE, alpha=0.65, density=True, label="others")
        axes.hist(own, bins=list(bins), color=BLUE, alpha=0.65, density=True, label="its class")
        axes.set(xlabel="logit", ylabel="density")
        axes.set_title(name, pad=21)
        legend_above(axes, num_columns=2, handlelength=1.2)

    medians = (numbers.decimal(float(np.median(values)) if len(values) else np.nan) for values in (own, others))
    alt = "Logits of the detector of {}: its class {} in the median, others {}.".format(name, *medians)
    return draw(f"calibration-logits-{k}", alt, SMALL, paint)
