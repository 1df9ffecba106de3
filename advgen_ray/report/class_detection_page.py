"""The page of detection under attack: what passes each detector, one-vs-rest detectors first."""

from collections.abc import Mapping
from typing import Any

import pandas as pd
from matplotlib.axes import Axes

from advgen_ray.analysis.class_detection import TPR, TRANSFERRED, WORST, Curve
from advgen_ray.report import numbers
from advgen_ray.report.blocks import Figure, KeyFigure, Panel, Section, Table, full_config
from advgen_ray.report.page import Page
from advgen_ray.report.style import DASHES, SERIES, WIDE, draw, in_percent, legend_above

WHAT_THEY_ARE = {
    "energy": "Energy is E(x), in the direction that its fit found",
    "KD": "KD the density of the training images of the class predicted",
    "KD+BU": "KD+BU that density and the uncertainty under dropout",
    "LID": "LID the local intrinsic dimension of every layer",
}


def class_detection_page(
    table: pd.DataFrame,
    curves: Mapping[tuple[str, str], Curve],
    names: Mapping[str, str],
    config: Mapping[str, Any],
    version: str,
) -> Page:
    """``table`` and ``curves`` are of ``analysis.class_detection``, ``config`` the evaluation's.

    ``names`` says what a reader calls a method that is not called so already.
    """
    table = table.replace({"method": dict(names)})
    curves = {(names.get(method, method), attack): curve for (method, attack), curve in curves.items()}
    found: list[dict[str, Any]] = table.to_dict("records")  # type: ignore[assignment]
    worst = {row["method"]: row for row in found if row["attack"] == WORST}
    name, count = config["data"]["name"], numbers.count(config["num_images"])
    others = [method for method in worst if method in WHAT_THEY_ARE]
    settings = full_config("evaluation", config)
    told = {method: numbers.percent(row["fpr_at_tpr_95"]) for method, row in worst.items()}
    return Page(
        title=f"advgen_ray: detection on {name}",
        heading="What passes for clean?",
        data_name=name,
        version=version,
        answer=f"At the threshold that {numbers.percent(TPR)} of {count} images pass, the worst attack on each brings "
        f"{told['integrated']} past integrated detection and {told['generative']} past generative detection"
        f"{''.join(f', {told[method]} past {method}' for method in others)}.",
        lead=f"The classifier is right on {numbers.percent(worst['integrated']['accuracy'])} of the images, the "
        f"detectors on {numbers.percent(worst['generative']['accuracy'])}.",
        key_figures=[
            KeyFigure(f"{_capital(method)}: false positives", rate, "", "worst of all attacks", "", None, "")
            for method, rate in told.items()
        ],
        sections=[_rates(found, curves, others, config), Section("run", "What was run", [], [settings])],
    )


def _rates(
    found: list[dict[str, Any]],
    curves: Mapping[tuple[str, str], Curve],
    others: list[str],
    config: Mapping[str, Any],
) -> Section:
    cells = [
        [
            f"{_capital(row['method'])}, {row['attack']}",
            numbers.percent(row["fooled"]),
            numbers.percent(row["fpr_at_tpr_95"]),
            f"{row['auc']:.4f}",
            numbers.percent(row["accuracy"]),
        ]
        for row in found
    ]
    return Section(
        "rates",
        "What passes",
        [
            "Integrated detection lets an input pass where the detector of the class that the classifier predicts "
            "takes it for its own; generative detection asks the detectors for the class, too. An attacked image "
            "counts where it passes and is taken for another class than its label (Yin 2022, equations 3.28, 3.29); "
            "the worst of all attacks is taken image by image.",
            *_of_others(others, config),
        ],
        [
            Figure(
                "True and false positive rate",
                f"{numbers.count(config['num_images'])} images of the {config['split']} split, one threshold for all "
                "detectors.",
                [_curve_panel(curves, method) for method in dict.fromkeys(row["method"] for row in found)],
                size="wide",
            ),
            Table(
                "By method and attack",
                f"Fooled: taken for another class. False positives at the threshold that {numbers.percent(TPR)} of the "
                "images pass as they are. Accuracy: of the classifier, of generative detection its own, on images as "
                "they are.",
                ["Method, attack", "fooled", "false positives", "AUC", "accuracy"],
                cells,
            ),
        ],
    )


def _of_others(others: list[str], config: Mapping[str, Any]) -> list[str]:
    """What the detectors beside one-vs-rest ones are, and what they met."""
    if not others:
        return []
    fitted = config["fitted"]
    return [
        f"{'; '.join(WHAT_THEY_ARE[method] for method in others)}: beside the classifier, each through a logistic "
        f"regression fitted on {numbers.count(fitted['num_images'])} other images and attacks that know the classifier "
        "alone.",
        "Each attack that knows detectors is made once against each of them, and each detector reads all that was "
        f"made: “{TRANSFERRED}” is the worst of what knew another one, which passes where gradients are masked.",
    ]


def _capital(method: str) -> str:
    return method[0].upper() + method[1:]


def _curve_panel(curves: Mapping[tuple[str, str], Curve], method: str) -> Panel:
    own = {attack: curve for (of, attack), curve in curves.items() if of == method}

    def paint(axes: Axes) -> None:
        for place, (attack, curve) in enumerate(own.items()):
            dash, colour = DASHES[place % len(DASHES)], SERIES[place % len(SERIES)]
            axes.plot(curve.fpr, curve.tpr, linestyle=dash, color=colour, label=attack)
        axes.axhline(TPR, color="0.6", lw=0.6)
        axes.set(xlabel="attacked images that pass", ylabel="images that pass as they are")
        axes.set_title(_capital(method), pad=8 + 14 * -(-len(own) // 2))
        axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
        in_percent(axes.xaxis)
        in_percent(axes.yaxis)
        legend_above(axes, num_columns=2)

    told = "; ".join(f"{attack} {numbers.percent(curve.fpr_at(TPR))}" for attack, curve in own.items())
    return draw(f"detection-{method}", f"{method} detection, false positives at {TPR:.0%} TPR: {told}.", WIDE, paint)
