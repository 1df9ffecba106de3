"""The page of gradients beside counterfactuals: whether they point there, by training radius and by distance."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from advgen_ray.report import numbers
from advgen_ray.report.blocks import Figure, KeyFigure, Section, Table, full_config
from advgen_ray.report.page import Page
from advgen_ray.report.plots_alignment import alignment_by_eps, alignment_panels

MEASURE_NAMES = {"alignment": "to the counterfactual", "class_alignment": "to the class mean"}
COLUMNS = ["Classifier", "cosine to the CE", "correlation with distance", "cosine to the class mean",
           "correlation with distance", "sources"]  # fmt: skip


def alignment_page(table: pd.DataFrame, points: pd.DataFrame, config: Mapping[str, Any], version: str) -> Page:
    """``table`` and ``points``: of ``analysis.gradient_alignment``; ``config``: the job's."""
    least, most = table.iloc[0], table.iloc[-1]
    figures = [
        Figure(
            "Alignment by training radius",
            "Mean over sources of the mean over their different-class counterfactuals, with standard errors: cosine of "
            "minus the gradient of the target's loss at the source with the way to the counterfactual, and with the "
            "way to the mean training image of the target.",
            [alignment_by_eps(table)],
            size="wide",
        ),
        Figure(
            "Alignment by distance",
            "One point a source: mean cosine to its counterfactuals against their mean L2 distance; the line is the "
            "least-squares fit.",
            alignment_panels(points, table),
        ),
    ]
    numbers_table = Table(
        "Alignment in numbers",
        "Correlations are Pearson's over sources with 95% intervals by Fisher's z; negative: better aligned where "
        "counterfactuals lie near.",
        COLUMNS,
        [_row(row) for _, row in table.iterrows()],
    )
    settings = full_config("job", config)
    return Page(
        title=f"advgen_ray: gradients and counterfactuals on {config['data']['name']}",
        heading="Do gradients point to counterfactuals?",
        data_name=config["data"]["name"],
        version=version,
        answer=_answer(least, most),
        lead="The notes on Yeats et al. ask whether the aligned gradients of robust classifiers go with the proximity "
        "of data to their counterfactuals; they report no figure.",
        key_figures=[_key(least)] if least["classifier"] == most["classifier"] else [_key(least), _key(most)],
        sections=[
            Section("alignment", "Alignment", [_by_distance(row) for _, row in table.iterrows()], [*figures,
                                                                                                   numbers_table]),
            Section("run", "What was run", [], [settings]),
        ],
    )  # fmt: skip


def _answer(least: pd.Series, most: pd.Series) -> str:
    told = f"{numbers.decimal(least['alignment'])} under {least['classifier']}"
    if least["classifier"] == most["classifier"]:
        return f"The mean cosine between gradients and the way to counterfactuals is {told}."
    error = (least["alignment_error"] ** 2 + most["alignment_error"] ** 2) ** 0.5
    change = most["alignment"] - least["alignment"]
    verdict = "whether robust training turns gradients towards them cannot be told from these sources"
    if abs(change) > 2 * error:
        verdict = f"robust training turns gradients {'towards' if change > 0 else 'away from'} them"
    return (
        f"The mean cosine between gradients and the way to counterfactuals is {told} and "
        f"{numbers.decimal(most['alignment'])} under {most['classifier']}: {verdict}."
    )


def _by_distance(row: pd.Series) -> str:
    low, high = row["alignment_correlation_low"], row["alignment_correlation_high"]
    interval = numbers.decimal_interval(row["alignment_correlation"], low, high)
    verdict = "no relation that can be told"
    if high < 0:
        verdict = "better aligned where counterfactuals lie near"
    elif low > 0:
        verdict = "better aligned where counterfactuals lie far"
    return f"{row['classifier']}: {verdict} (correlation with distance {interval})."


def _row(row: pd.Series) -> list[str]:
    cells = [str(row["classifier"])]
    for measure in MEASURE_NAMES:
        cells.append(f"{numbers.decimal(row[measure])} ± {numbers.decimal(row[f'{measure}_error'])}")
        ends = (row[f"{measure}_correlation{end}"] for end in ("", "_low", "_high"))
        cells.append(numbers.decimal_interval(*map(float, ends)))
    return [*cells, numbers.count(int(row["count"]))]


def _key(row: pd.Series) -> KeyFigure:
    detail = f"mean cosine to the counterfactual; to the class mean {numbers.decimal(row['class_alignment'])}"
    return KeyFigure(str(row["classifier"]), numbers.decimal(row["alignment"]), "", detail, "", None, "")
