"""The page of a check of the service: what came back from the job server, and what MLflow has of it."""

from collections.abc import Mapping
from typing import Any

from advgen_ray.report import numbers
from advgen_ray.report.blocks import KeyFigure, Section, Table, full_config
from advgen_ray.report.page import Page

MEANING = {
    "parameters": "values of the config",
    "metrics": "numbers of the training and its results",
    "versions": "of packages, and the commit",
    "files": "the config among them",
    "models": "loadable by mlflow.pytorch.load_model",
}


def service_page(summary: Mapping[str, Any], config: Mapping[str, Any], version: str) -> Page:
    """``summary`` is the job's."""
    kept, same = summary["kept"], summary["same_weights"]
    missing = lacking(kept)
    settings = full_config("service", config)
    held = f"lacks {', '.join(missing)}" if missing else "holds its config, versions, numbers, files and model"
    return Page(
        title="advgen_ray: a check of the service",
        heading="Does a submitted job do what it does here?",
        data_name=config["training"]["data"]["name"],
        version=version,
        answer=f"The job server's training ended in {'the same' if same else 'other'} weights as the one here; its run "
        f"in MLflow {held}.",
        lead="One training of a classifier, once through ray job submit and once by this process.",
        key_figures=[
            KeyFigure("Weights", "equal" if same else "different", "", "bit by bit", "", None, ""),
            KeyFigure("Submitted", numbers.decimal(summary["seconds_submitted"], 0), "s", "to its end", "", None, ""),
        ],
        sections=[
            Section("results", "What both measured", [], [_accuracies(summary)]),
            Section("run", "The run in MLflow", [], [_kept(kept), settings]),
        ],
    )


def lacking(kept: Mapping[str, int]) -> list[str]:
    """Of what a run in MLflow is to hold the kinds of which it has none."""
    return [kind for kind in MEANING if not kept.get(kind)]


def _accuracies(summary: Mapping[str, Any]) -> Table:
    cells = [
        [name, *(numbers.percent(summary[name][key], 2) for key in ("clean_accuracy", "pgd_accuracy"))]
        for name in ("submitted", "here")
    ]
    return Table("Accuracy on test images", "Of the same training.", ["", "clean", "under PGD"], cells)


def _kept(kept: Mapping[str, int]) -> Table:
    cells = [[kind, numbers.count(kept.get(kind, 0)), meaning] for kind, meaning in MEANING.items()]
    return Table("What it holds", "Of the submitted training.", ["", "how many", "which are"], cells)
