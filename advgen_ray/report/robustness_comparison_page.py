"""The page of a comparison by test radius: curves, who is ahead from where, every attack by itself, doubts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
import yaml

from advgen_ray.analysis.robustness_by_radius import WORST, ahead_from
from advgen_ray.report import numbers
from advgen_ray.report.blocks import Details, Figure, KeyFigure, Section, Table
from advgen_ray.report.page import Page
from advgen_ray.report.plots_robustness import accuracy_panel, difference_panel

# S004 table 3.14, CIFAR-10 in L2: the detectors trained at 0.3, the softmax classifier at 0.5.
PUBLISHED = [
    ("Yin 2022, generative", {0.0: 0.8812, 0.5: 0.7227}),
    ("Yin 2022, softmax", {0.0: 0.9083, 0.5: 0.7017}),
]


@dataclass(frozen=True)
class Compared:
    """Tables of ``analysis.robustness_by_radius``, and of each classifier its parameters and training radius."""

    accuracies: pd.DataFrame
    differences: pd.DataFrame
    classifiers: Mapping[str, Mapping[str, Any]]


def robustness_comparison_page(
    compared: Compared, warnings: Sequence[str], config: Mapping[str, Any], version: str
) -> Page:
    """``config`` is the comparison's; ``warnings`` say why accuracies may be too high."""
    reference = config["reference"] or list(config["classifiers"])[-1]
    worst = compared.accuracies[compared.accuracies["suite"] == WORST]
    name, count = config["data"]["name"], numbers.count(int(worst["count"].iloc[0]))
    others = [classifier for classifier in compared.classifiers if classifier != reference]
    last = worst[worst["eps"] == worst["eps"].max()].set_index("classifier")
    settings = Details("Full config", [("comparison", yaml.safe_dump(dict(config), sort_keys=False))])
    doubts = list(warnings) or ["Nothing found: no sign of masked gradients, of randomness, or of outputs that are "
                                "no logits."]  # fmt: skip
    return Page(
        title=f"advgen_ray: robustness by radius on {name}",
        heading="Which classifier stands farther out?",
        data_name=name,
        version=version,
        answer=" ".join(_ahead(compared.differences, other, reference) for other in others)
        or f"{_words(reference)} alone was measured.",
        lead=f"{count} images of the {config['split']} split in {config['norm']}; an image counts where it stands "
        "under every attack, within every radius up to the one shown.",
        key_figures=[
            KeyFigure(
                _words(classifier)[0].upper() + _words(classifier)[1:],
                numbers.percent(row["accuracy"]), "", f"at {numbers.eps(row['eps'])}", "", None, "",
            )
            for classifier, row in last.iterrows()
        ],
        sections=[
            _curves(compared, worst, reference, config),
            _by_attack(compared, config),
            Section("doubts", "What casts doubt on it", doubts, []),
            Section("run", "What was run", [], [settings]),
        ],
    )  # fmt: skip


def _words(classifier: str) -> str:
    return classifier.replace("_", " ")


def _ahead(differences: pd.DataFrame, classifier: str, reference: str) -> str:
    """``generative is ahead of softmax from eps 0.5``, and where the interval leaves no doubt."""
    rows = differences[differences["classifier"] == classifier]
    begin = ahead_from(differences, classifier)
    sure = [numbers.eps(row["eps"]) for _, row in rows.iterrows() if row["low"] > 0]
    behind = [numbers.eps(row["eps"]) for _, row in rows.iterrows() if row["high"] < 0]
    first = (
        f"{_words(classifier)} is ahead of {_words(reference)} from eps {numbers.eps(begin)}"
        if begin is not None
        else f"{_words(classifier)} is not ahead of {_words(reference)} at the largest radii"
    )
    told = [f"surely so at {', '.join(sure)}"] * bool(sure) + [f"surely behind at {', '.join(behind)}"] * bool(behind)
    sentence = f"{first}; {'; '.join(told) or 'the intervals leave it open'}."
    return sentence[0].upper() + sentence[1:]


def _marks(compared: Compared) -> list[tuple[float, str]]:
    """The training radii, and twice the largest, where cards tell them."""
    known = {name: facts["training_eps"] for name, facts in compared.classifiers.items() if facts["training_eps"]}
    radii = sorted({float(eps) for eps in known.values()})
    marks = [(eps, "trained at" if len(radii) == 1 else ", ".join(_of(known, eps))) for eps in radii]
    return [*marks, (2 * radii[-1], "twice that" if len(radii) == 1 else "twice the largest")] if radii else []


def _of(known: Mapping[str, float], eps: float) -> list[str]:
    return [f"{_words(name)} trained" for name, value in known.items() if value == eps]


def _curves(compared: Compared, worst: pd.DataFrame, reference: str, config: Mapping[str, Any]) -> Section:
    furthest = float(worst["eps"].max())
    marks = [mark for mark in _marks(compared) if mark[0] <= furthest * 1.001]
    panels = [accuracy_panel("robustness-worst", "Worst of all attacks", worst, config["norm"], marks)]
    if len(compared.differences):
        panels.append(difference_panel(compared.differences, _words(reference), config["norm"], marks))
    radii = sorted(worst["eps"].unique())
    by = worst.set_index(["classifier", "eps"])
    cells = []
    for classifier, facts in compared.classifiers.items():
        shares = (by.loc[(classifier, eps)] for eps in radii)
        cells.append(
            [
                _words(classifier),
                numbers.count(facts["parameters"]),
                numbers.eps(facts["training_eps"]) if facts["training_eps"] else numbers.MISSING,
                *(numbers.with_interval(share["accuracy"], share["low"], share["high"]) for share in shares),
            ]
        )
    apart = compared.differences.set_index(["classifier", "eps"])
    for classifier in dict.fromkeys(compared.differences["classifier"]):
        rows = (apart.loc[(classifier, eps)] for eps in radii)
        cells.append([f"{_words(classifier)} minus {_words(reference)}", "", "", *(_points(row) for row in rows)])
    return Section(
        "curves",
        "Accuracy against the radius",
        ["Intervals are 95%; differences are of the same images (Newcombe's paired interval)."],
        [
            Figure("By radius", "Bars and bands are 95% intervals.", panels, size="wide"),
            Table(
                "Worst of all attacks, by radius",
                "In percent with 95% intervals; differences in points. Radius 0 is no attack.",
                ["Classifier", "parameters", "trained at", *(numbers.eps(eps) for eps in radii)],
                cells,
                context=_published(radii) if config["data"]["name"] == "cifar10" and config["norm"] == "l2" else [],
                context_title="Yin 2022, table 3.14",
            ),
        ],
    )


def _published(radii: Sequence[float]) -> list[list[str]]:
    trained = {"Yin 2022, generative": "0.3", "Yin 2022, softmax": "0.5"}
    return [
        [name, "", trained[name], *(numbers.percent(known[eps], 2) if eps in known else "" for eps in radii)]
        for name, known in PUBLISHED
    ]


def _points(row: pd.Series) -> str:
    low, high = (numbers.signed_points(row[key]) for key in ("low", "high"))
    return f"{numbers.signed_points(row['difference'])} ({low} to {high})"


def _by_attack(compared: Compared, config: Mapping[str, Any]) -> Section:
    suites = [suite["name"] for suite in config["suites"]]
    table = compared.accuracies
    radii = sorted(table.loc[table["suite"] != WORST, "eps"].unique())
    by = table.set_index(["classifier", "suite", "eps"])["accuracy"]
    cells = [
        [f"{_words(classifier)}, {_words(suite)}", *(numbers.percent(by[classifier, suite, eps]) for eps in radii)]
        for classifier in compared.classifiers
        for suite in [*suites, WORST]
    ]
    panels = [
        accuracy_panel(f"robustness-{suite}", _words(suite), table[table["suite"] == suite], config["norm"])
        for suite in suites
    ]
    return Section(
        "attacks",
        "Attack by attack",
        [
            "Each suite by itself: one that leaves a classifier far above the worst of all does not fit it. Equations "
            "3.47 and 3.48 of Yin 2022 raise every wrong class's logit and then try one image alone, that of the "
            "highest logit."
        ],
        [
            Figure("By radius", "Bars are 95% intervals.", panels, size="wide"),
            Table("By attack and radius", "", ["Classifier, attacks", *(numbers.eps(eps) for eps in radii)], cells),
        ],
    )
