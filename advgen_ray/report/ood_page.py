"""The page of OOD detection: AUROC by detector and set, clean and at worst, scores, and what was taken for data."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from advgen_ray.analysis.ood import CASES, mean_auroc, unseen_sets
from advgen_ray.analysis.ood_metrics import METRICS
from advgen_ray.analysis.published_ood import PublishedOOD, ood_beside
from advgen_ray.report import numbers
from advgen_ray.report.blocks import Block, Details, Figure, KeyFigure, Section, Table, full_config
from advgen_ray.report.page import Page
from advgen_ray.report.plots_ood import Picture, auroc_panel, harmless_panel, score_panel

SEEN = "†"
POSITIVE = "Positive class: out of distribution."
TITLES = {"standard": "Standard", "worst": "Worst case"}


@dataclass(frozen=True)
class OODResults:
    """What the page shows."""

    table: pd.DataFrame  # of ``analysis.ood``
    rows: pd.DataFrame  # detector, image_set, clean_score and worst_score of every image
    pictures: Mapping[str, Sequence[Picture]]  # by detector: the attacked OOD images of lowest score
    trained_on: Mapping[str, Collection[str]]  # by detector: sets whose source its training told from the data
    skipped: Mapping[str, str]  # sets that could not be read, and why
    side: int  # of the images, in pixels


def ood_page(results: OODResults, config: Mapping[str, Any], version: str) -> Page:
    """``config`` is the evaluation's."""
    table, name = results.table, config["data"]["name"]
    detectors, compared = list(results.trained_on), unseen_sets(table, results.trained_on)
    means = {case: mean_auroc(table, case, compared) for case in CASES}
    best = max(detectors, key=lambda one: means["worst"][one])
    ball = _ball(config)
    seen = {name for names in results.trained_on.values() for name in names}
    new = "" if seen & set(compared) else " that no detector was trained on"
    of_sets = f"{numbers.counted(len(compared), 'set')}{new}"
    return Page(
        title=f"advgen_ray: OOD detection on {name}",
        heading="What is taken for data?",
        data_name=name,
        version=version,
        answer=f"With each OOD image at worst within {ball}, {best} tells {of_sets} from {name} with "
        f"{'a mean' if len(compared) > 1 else 'an'} AUROC of {numbers.decimal(means['worst'][best])} "
        f"({numbers.decimal(means['standard'][best])} where nothing attacks).",
        lead=f"{POSITIVE} {numbers.count(int(table['num_in'].iloc[0]))} test images in distribution, up to "
        f"{numbers.count(int(table['num_out'].max()))} of each set out of it; APGD on the detection score, "
        f"{numbers.counted(config['attack']['num_steps'], 'step')}, "
        f"{numbers.counted(config['attack']['num_restarts'], 'restart')}.",
        key_figures=[_key_figure(one, table, means, compared) for one in detectors],
        sections=[
            Section("auroc", "AUROC by detector and set", _sentences(results, compared), _auroc_blocks(results, ball)),
            Section("scores", "Scores", [], _score_blocks(results, ball)),
            Section("metrics", "Every metric", [f"{text}." for text in METRICS.values()], _metric_tables(results)),
            Section("run", "What was run", [], [_settings(config)]),
        ],
    )


def _ball(config: Mapping[str, Any]) -> str:
    return f"{config['attack']['norm'].capitalize()} {config['attack']['eps']:g}"


def _key_figure(
    detector: str, table: pd.DataFrame, means: Mapping[str, Mapping[str, float]], compared: Sequence[str]
) -> KeyFigure:
    own = table[(table["detector"] == detector) & (table["case"] == "worst") & table["image_set"].isin(compared)]
    lowest = own.sort_values("auroc", kind="stable").iloc[0]
    detail = (
        f"worst case{f', mean of {len(compared)}' if len(compared) > 1 else ''}; standard "
        f"{numbers.decimal(means['standard'][detector])}; lowest "
        f"{numbers.decimal(lowest['auroc'])} on {lowest['image_set']}"
    )
    return KeyFigure(detector, numbers.decimal(means["worst"][detector]), "AUROC", detail, "", None, "")


def _sentences(results: OODResults, compared: Sequence[str]) -> list[str]:
    says = [f"Detectors are compared {'by the mean over' if len(compared) > 1 else 'on'} {', '.join(compared)}."]
    seen = {one: sorted(names) for one, names in results.trained_on.items() if names}
    if seen:
        told = "; ".join(f"{one} ({', '.join(names)})" for one, names in seen.items())
        says.append(f"{SEEN} marks sets whose source a detector was trained to tell from the data: {told}.")
    if results.skipped:
        told = "; ".join(f"{name} ({reason})" for name, reason in results.skipped.items())
        says.append(f"Left out, because they could not be read: {told}.")
    return says


def _auroc_blocks(results: OODResults, ball: str) -> list[Block]:
    table = results.table
    detectors, sets = list(results.trained_on), list(dict.fromkeys(table["image_set"]))
    captions = {
        "standard": f"{POSITIVE} Images as they are.",
        "worst": f"{POSITIVE} Each OOD image at the lowest score found within {ball}: of itself and of the best "
        "iterates of all restarts, image by image. Images in distribution are not attacked.",
    }
    panels = [auroc_panel(table, detectors, sets, case, f"AUROC, {TITLES[case].lower()}") for case in CASES]
    figure = Figure("AUROC at a glance", f"{POSITIVE} Intervals are in the tables below.", panels, size="wide")
    blocks: list[Block] = [figure]
    for case, caption in captions.items():
        rows = [[one, *(_cell(results, one, name, case) for name in sets)] for one in detectors]
        blocks.append(
            Table(
                f"{TITLES[case]} AUROC",
                f"{caption} In brackets the 95% bootstrap interval over images.",
                ["Detector", *sets],
                rows,
            )
        )
    return [*blocks, _published(ood_beside(results.side))]


def _cell(results: OODResults, detector: str, image_set: str, case: str) -> str:
    table = results.table
    rows: list[dict[str, Any]] = table[
        (table["detector"] == detector) & (table["image_set"] == image_set) & (table["case"] == case)
    ].to_dict("records")  # type: ignore[assignment]
    mark = f" {SEEN}" if image_set in results.trained_on[detector] else ""
    return _with_interval(rows[0], "auroc") + mark


def _published(one: PublishedOOD) -> Table:
    rows = [
        [f"{name}, {case}", *(numbers.MISSING if value is None else _decimals(value) for value in values)]
        for case, part in (("standard", one.standard), ("worst case", one.worst))
        for name, values in part.items()
    ]
    caption = f"Not measured here, nor on these data. {POSITIVE} {one.description}."
    return Table("Published AUROC", caption, ["OOD set", *one.columns], rows)


def _score_blocks(results: OODResults, ball: str) -> list[Block]:
    panels = [score_panel(results.rows, one) for one in results.trained_on]
    return [
        Figure(
            "Detection scores of all sets together",
            f"{POSITIVE} What lies to the left of most images in distribution passes for data; half a percent of the "
            "scores at either end is drawn in the outermost bin.",
            panels,
            size="wide",
        ),
        Figure(
            "OOD images that look most like data",
            f"Of all sets the attacked images of lowest score, within {ball} of the original; below each its set and "
            "its score. One row a detector.",
            [harmless_panel(results.pictures)],
            size="full",
        ),
    ]


def _metric_tables(results: OODResults) -> list[Block]:
    columns = ["AUROC", "AUPR, pos. OOD", "AUPR, pos. in", "FPR95, pos. OOD", "FPR95, pos. in"]
    blocks: list[Block] = []
    for name, of_set in results.table.groupby("image_set", sort=False):
        rows: list[dict[str, Any]] = of_set.to_dict("records")  # type: ignore[assignment]
        cells = [
            [f"{row['detector']}, {TITLES[row['case']].lower()}", *(_with_interval(row, one) for one in METRICS)]
            for row in rows
        ]
        counts = f"{numbers.count(rows[0]['num_in'])} images in, {numbers.count(rows[0]['num_out'])} out"
        note = f"{POSITIVE} Where it is the other, the column says pos. in. {counts}; 95% bootstrap intervals."
        blocks.append(Table(str(name), note, ["Detector, case", *columns], cells))
    return blocks


def _with_interval(row: Mapping[str, Any], metric: str) -> str:
    low, high = (_decimals(row[f"{metric}_{end}"]) for end in ("low", "high"))
    return f"{_decimals(row[metric])} ({low} to {high})"


def _decimals(value: float) -> str:
    return numbers.decimal(value, 3)


def _settings(config: Mapping[str, Any]) -> Details:
    return full_config("evaluation", config)
