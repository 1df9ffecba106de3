"""The page of detectors of one class each: AUC at the worst, beside the dissertation's protocol and its figures."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from advgen_ray.analysis.published_aucs import S004_AUCS, PublishedAUCs
from advgen_ray.report import numbers
from advgen_ray.report.blocks import Figure, KeyFigure, Section, Table, full_config
from advgen_ray.report.page import Page
from advgen_ray.report.plots_one_vs_rest import auc_panel, logit_panel, steps_panel

MAX_HISTOGRAMS = 4
MANY = 500  # images of either kind, from which the fourth digit of an AUC says something


def one_vs_rest_page(
    table: pd.DataFrame,
    rows: pd.DataFrame,
    ladder: Mapping[str, int],
    trained_in: str,
    config: Mapping[str, Any],
    version: str,
) -> Page:
    """``table`` is of ``detector_auc``, ``rows`` the logits behind it, ``config`` the evaluation's.

    ``ladder`` are attacks that differ in their steps alone, and how many those are; it may be empty. Beside detectors
    of a ball that the dissertation trained in (``trained_in``, as ``training_ball`` has it) stand its own; of others
    it says nothing.
    """
    found: list[dict[str, Any]] = table.to_dict("records")  # type: ignore[assignment]
    weakest = min(found, key=lambda row: row["auc_worst"])
    name, count = config["data"]["name"], table["detector"].nunique()
    published = S004_AUCS.get((name, trained_in))
    settings = full_config("evaluation", config)
    return Page(
        title=f"advgen_ray: detectors on {name}",
        heading="Can a detector be made to take one class for another?",
        data_name=name,
        version=version,
        answer=f"The weakest of {count} detectors, of class {weakest['detector']}, keeps an AUC of "
        f"{weakest['auc_worst']:.4f} under {weakest['attack']}, every image at its worst.",
        lead=f"By the last iterate alone it would be {weakest['auc_last']:.4f}, "
        f"of clean images {weakest['auc_clean']:.4f}.",
        key_figures=[
            KeyFigure("Lowest AUC, worst case", f"{weakest['auc_worst']:.4f}", "", weakest["attack"], "", None, ""),
            KeyFigure("Detectors", str(count), "", f"of {name}", "", None, ""),
        ],
        sections=[
            _of_attacks(table, found, ladder, _starts(config), published, trained_in),
            _of_logits(table, rows),
            Section("run", "What was run", [], [settings]),
        ],
    )


def _of_attacks(
    table: pd.DataFrame,
    found: list[dict[str, Any]],
    ladder: Mapping[str, int],
    starts: str,
    published: PublishedAUCs | None,
    trained_in: str,
) -> Section:
    digits = 5 if all(min(row["num_own"], row["num_others"]) >= MANY for row in found) else 3
    cells = [
        [
            f"class {row['detector']}, {row['attack']}",
            f"{row['auc_clean']:.{digits}f}",
            f"{row['auc_worst']:.{digits}f} ({row['low']:.{digits}f} to {row['high']:.{digits}f})",
            f"{row['auc_last']:.{digits}f}",
            numbers.percent(row["passing_at_tpr_95"]),
            f"{numbers.count(row['num_own'])} / {numbers.count(row['num_others'])}",
        ]
        for row in found
    ]
    return Section(
        "auc",
        "Detector by detector",
        [
            "Each detector tells images of its class from attacked images of all others. An image counts by the "
            f"highest logit met: as it is, and at every iterate from {starts}. The dissertation takes the last iterate "
            "from the image alone."
        ],
        [
            Figure(
                "AUC",
                f"Bars are 95% intervals over resampled images, {_span(table['num_own'])} of the class and "
                f"{_span(table['num_others'])} others.",
                [auc_panel(table), *([steps_panel(table, ladder)] if ladder else [])],
                size="wide",
            ),
            Table(
                "AUC by detector and attack",
                "Passing: worst cases above the threshold that 95% of the class's own images reach. "
                "n: images of the class / others.",
                ["Detector, attack", "clean", "worst (95% interval)", "last iterate", "passing", "n"],
                cells,
                context=_context(published) if published else [],
                context_title=f"Yin 2022, tables {published.tables}, trained in {trained_in}" if published else "",
            ),
        ],
    )


def _context(published: PublishedAUCs) -> list[list[str]]:
    """As the rows of ours: figures from random starts are the worst over these, all others of last iterates."""
    rows = []
    for (k, attack), auc in published.by_attack.items():
        told = f"{auc:.{published.decimals}f}"
        worst, last = (told, "") if attack.endswith("noise starts") else ("", told)
        rows.append([f"class {k}, {attack}", "", worst, last, "", ""])
    return rows


def _starts(config: Mapping[str, Any]) -> str:
    noisy = [attack["num_noise_starts"] > 0 for attack in config["attacks"]]
    if not any(noisy):
        return "the image itself"
    return "the image itself and from noise" + ("" if all(noisy) else ", where the attack has noise starts")


def _span(counts: pd.Series) -> str:
    low, high = int(counts.min()), int(counts.max())
    return numbers.count(low) if low == high else f"{numbers.count(low)} to {numbers.count(high)}"


def _of_logits(table: pd.DataFrame, rows: pd.DataFrame) -> Section:
    """Under the first attack: the detectors of lowest AUC."""
    first = table["attack"].iloc[0]
    shown = table[table["attack"] == first].nsmallest(MAX_HISTOGRAMS, "auc_worst")["detector"]
    panels = [logit_panel(rows, int(detector), first) for detector in shown]
    figure = Figure(f"Logits under {first}", "The detectors of lowest AUC.", panels)
    return Section("logits", "The logits behind it", [], [figure])
