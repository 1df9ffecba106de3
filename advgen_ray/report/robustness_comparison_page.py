"""The page of a comparison by test radius: curves, who is ahead from where, every attack by itself, doubts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from advgen_ray.analysis.published_generative import S004_ROBUSTNESS
from advgen_ray.analysis.robustness_by_radius import WORST, ahead_from
from advgen_ray.report import numbers
from advgen_ray.report.blocks import Figure, KeyFigure, Section, Table, full_config
from advgen_ray.report.page import Page
from advgen_ray.report.plots_robustness import accuracy_panel, difference_panel

NORMS = {"l1": "L1", "l2": "L2", "linf": "Linf"}


@dataclass(frozen=True)
class Compared:
    """Tables of ``analysis.robustness_by_radius``, and of each classifier its parameters and training radius.

    ``differences`` are those to the classifier ``reference``.
    """

    accuracies: pd.DataFrame
    differences: pd.DataFrame
    reference: str
    classifiers: Mapping[str, Mapping[str, Any]]


def robustness_comparison_page(
    compared: Compared, warnings: Sequence[str], config: Mapping[str, Any], version: str
) -> Page:
    """``config`` is the comparison's; ``warnings`` say why accuracies may be too high."""
    reference = compared.reference
    worst = compared.accuracies[compared.accuracies["suite"] == WORST]
    name, count = config["data"]["name"], numbers.count(int(worst["count"].iloc[0]))
    last = worst[worst["eps"] == worst["eps"].max()].set_index("classifier")
    settings = full_config("comparison", config)
    doubts = list(warnings) or ["Nothing found: no sign of masked gradients, of randomness, or of outputs that are "
                                "no logits."]  # fmt: skip
    return Page(
        title=f"advgen_ray: robustness by radius on {name}",
        heading="Which classifier stands farther out?",
        data_name=name,
        version=version,
        answer=next(iter(_ahead(compared, reference)), f"{_words(reference)} alone was measured."),
        lead=f"{count} images of the {config['split']} split in {NORMS[config['norm']]}; an image counts where it "
        "stands under every attack, within every radius up to the one shown.",
        key_figures=[
            KeyFigure(
                f"Accuracy under attack, {_words(classifier)}",
                numbers.percent(row["accuracy"]), "",
                f"stand every attack within eps {numbers.eps(row['eps'])}", "", None, "",
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


def _ahead(compared: Compared, reference: str) -> list[str]:
    """A sentence for each classifier but the reference."""
    table = compared.differences
    return [_ahead_from(table, one, reference) for one in compared.classifiers if one != reference]


def _ahead_from(differences: pd.DataFrame, classifier: str, reference: str) -> str:
    """``Generative is ahead of softmax from eps 0.5``, and where the interval leaves no doubt."""
    rows = differences[differences["classifier"] == classifier]
    begin = ahead_from(differences, classifier)
    sure = [numbers.eps(row["eps"]) for _, row in rows.iterrows() if row["low"] > 0]
    behind = [numbers.eps(row["eps"]) for _, row in rows.iterrows() if row["high"] < 0]
    first = (
        f"{_words(classifier)} is ahead of {_words(reference)} from eps {numbers.eps(begin)}"
        if begin is not None
        else f"{_words(classifier)} is not ahead of {_words(reference)} at the largest radii"
    )
    told = [f"surely ahead at {', '.join(sure)}"] * bool(sure) + [f"surely behind at {', '.join(behind)}"] * bool(
        behind
    )
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
    panels = [accuracy_panel("robustness-worst", "Worst of all attacks", worst, NORMS[config["norm"]], marks)]
    if len(compared.differences):
        panels.append(difference_panel(compared.differences, _words(reference), NORMS[config["norm"]], marks))
    radii, count = sorted(worst["eps"].unique()), numbers.count(int(worst["count"].iloc[0]))
    by, apart = (table.set_index(["classifier", "eps"]) for table in (worst, compared.differences))
    rows = [[_words(one), *(_share(by.loc[(one, eps)]) for eps in radii)] for one in compared.classifiers]
    others = list(dict.fromkeys(compared.differences["classifier"]))
    tables = [
        Table(
            "Worst of all attacks, by radius",
            "In percent with 95% intervals. Radius 0 is no attack.",
            ["Classifier", *(numbers.eps(eps) for eps in radii)],
            rows,
            context=_published(radii) if config["data"]["name"] == "cifar10" and config["norm"] == "l2" else [],
            context_title="Yin 2022, table 3.14",
        ),
        Table(
            f"Accuracy minus that of {_words(reference)}",
            "In points, of the same images, with Newcombe's 95% interval for paired shares.",
            ["Classifier", *(numbers.eps(eps) for eps in radii)],
            [[_words(one), *(_points(apart.loc[(one, eps)]) for eps in radii)] for one in others],
        ),
    ]
    told = "; ".join(_described(name, facts) for name, facts in compared.classifiers.items())
    return Section(
        "curves",
        "Accuracy against the radius",
        [f"{told}.", *_ahead(compared, reference)[1:]],
        [
            Figure("By radius", f"{count} images; bars and bands are 95% intervals.", panels, size="wide"),
            *tables[: 1 + bool(others)],
        ],
    )


def _described(name: str, facts: Mapping[str, Any]) -> str:
    trained = f", trained at eps {numbers.eps(facts['training_eps'])}" if facts["training_eps"] else ""
    return f"{_words(name)}: {numbers.count(facts['parameters'])} parameters{trained}"


def _share(row: pd.Series) -> str:
    return numbers.with_interval(row["accuracy"], row["low"], row["high"])


def _published(radii: Sequence[float]) -> list[list[str]]:
    return [
        [one.what, *(numbers.percent(one.by_radius[eps], 2) if eps in one.by_radius else "" for eps in radii)]
        for one in S004_ROBUSTNESS.values()
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
        accuracy_panel(f"robustness-{suite}", _words(suite), table[table["suite"] == suite], NORMS[config["norm"]])
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
