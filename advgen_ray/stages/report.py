"""The stage that ends a study: stored results in, ``report.html`` and ``summary.json`` out."""

import math
import time
from collections.abc import Iterable, Mapping
from dataclasses import replace
from importlib.metadata import version
from typing import Any

from advgen_ray.analysis.ce_accuracy import judged
from advgen_ray.analysis.inputs import CounterfactualSet
from advgen_ray.analysis.study import StudyTables, analyze
from advgen_ray.analysis.summary import summarize
from advgen_ray.config import ReportConfig
from advgen_ray.report.blocks import Grid
from advgen_ray.report.grid import build_grid, grid_rows
from advgen_ray.report.page import panels_of
from advgen_ray.report.study import RunRecord, Study
from advgen_ray.report.study_page import result_sections, study_page
from advgen_ray.report.text import summary_text
from advgen_ray.stages import energy_view
from advgen_ray.stages.inputs import load_images
from advgen_ray.stages.outcome import PAGE, publish, tracked_job
from advgen_ray.stages.report_inputs import pictures, read_stored
from advgen_ray.storage import ResultSet
from advgen_ray.storage.filesystem import ensure_writable, join
from advgen_ray.tracking import Run

STAGE_NAMES = dict.fromkeys(("classifier", "judge", "score model"), "trainings")


def run(config: ReportConfig, elapsed_seconds: Mapping[str, float] | None = None) -> dict[str, Any]:
    """Compute the tables, write the page and the summary to ``config.output``, and return the summary.

    ``elapsed_seconds`` is the wall clock by stage; without it, the seconds stored with the results are added up.
    Raises UserError, before anything is written, for a result that is missing, unfinished or not of this study.
    """
    begin = time.monotonic()
    ensure_writable(config.output)
    with tracked_job("report", config) as tracked:
        stored = read_stored(config)
        tables = analyze(stored.inputs)
        elapsed = dict(elapsed_seconds) if elapsed_seconds else stored_seconds(stored.records)
        grids = {one.name: _grid(config, tables, stored_set, one) for stored_set, one in stored.pictured}
        study = Study(tables, stored.records, grids, elapsed, version("advgen_ray"), config.explorer, config.binary)
        sections = [*result_sections(study), *energy_view.sections(config)]
        drawings = {panel.name: panel.svg for panel in panels_of(sections)}
        elapsed["report"] = time.monotonic() - begin
        summary = summarize(tables, elapsed)
        publish(config.output, summary, study_page(replace(study, elapsed_seconds=elapsed), sections), tracked)
        _track(tracked, summary, drawings)
    print(f"\n{summary_text(summary)}\n\nreport: {join(config.output, PAGE)}", flush=True)
    if config.explorer:
        print(f"every counterfactual: {join(config.output, config.explorer)}", flush=True)
    if config.binary:
        print(f"detectors of one class: {join(config.output, config.binary)}", flush=True)
    return summary


def stored_seconds(records: Iterable[RunRecord]) -> dict[str, float]:
    """Seconds by stage, added up over the stored results that know theirs."""
    seconds: dict[str, float] = {}
    for record in records:
        if math.isfinite(record.seconds):
            stage = STAGE_NAMES.get(record.stage, record.stage)
            seconds[stage] = seconds.get(stage, 0.0) + record.seconds
    return seconds


def _grid(config: ReportConfig, tables: StudyTables, stored: ResultSet, one: CounterfactualSet) -> Grid:
    """The pictures of the grid's rows, the judge's opinion of each, and the sources from the data set."""
    rows = grid_rows(one.rows)
    images = load_images(config.data, stored.plan["config"]["split"], None, "num_images")
    sources = images.tensor(rows["source_index"].to_numpy()).numpy()
    opinion = judged(tables.inputs.energies, tables.inputs.judge, one)
    predicted = opinion.set_index("item_id")["predicted"]
    title = "One image, ten answers" if one is tables.inputs.main else f"Answers by {one.label}"
    return build_grid(title, rows, pictures(stored, rows["item_id"]), sources, predicted, tables.inputs.class_names)


def _track(tracked: Run, summary: Mapping[str, Any], drawings: Mapping[str, bytes]) -> None:
    """Log the summary's numbers, and each drawing as a file."""
    metrics = {f"{row['classifier']}/{key}": row[key] for row in summary["classifiers"] for key in row}
    for group in ("counterfactuals", "effect", "energy_detector"):
        metrics |= {f"{group}/{key}": value for key, value in summary[group].items()}
    tracked.log_metrics(metrics | {"distance_classifier_accuracy": summary["distance_classifier_accuracy"]})
    for name, svg in drawings.items():
        tracked.log_file(f"figures/{name}.svg", svg)
