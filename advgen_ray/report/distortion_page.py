"""The page of least distortion: how far an image must go to pass detection as another class, and what it becomes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from advgen_ray.analysis.distortion import DISSERTATION, NEAREST, SEARCHES
from advgen_ray.analysis.published_detection import S004_DISTORTION, PublishedDistortion
from advgen_ray.report import numbers
from advgen_ray.report.blocks import Figure, KeyFigure, Section, Table, full_config
from advgen_ray.report.page import Page
from advgen_ray.report.plots_distortion import distance_panel, distortion_pictures, reached_panel

COLUMNS = ["Detection, search", "found", "mean", "quartiles", "mean, the others at the diagonal", "n"]


@dataclass(frozen=True)
class Distortions:
    """What the page shows: ``table`` and ``distances`` of ``analysis.distortion``, and pictures in [0, 1]."""

    table: pd.DataFrame
    distances: Mapping[tuple[str, str], pd.Series]
    originals: np.ndarray  # ``[N, C, H, W]``
    attacked: Mapping[str, np.ndarray]  # by method, likewise
    became: Sequence[str]  # of each original: from which class to which


def distortion_page(
    results: Distortions, config: Mapping[str, Any], thresholds: Mapping[str, float], version: str
) -> Page:
    """``config`` is the measurement's, ``thresholds`` the one of each method."""
    found: list[dict[str, Any]] = results.table.to_dict("records")  # type: ignore[assignment]
    nearest = {row["method"]: row for row in found if row["search"] == NEAREST}
    theirs = {row["method"]: row for row in found if row["search"] == DISSERTATION}
    name = config["data"]["name"]
    told = " and ".join(f"{numbers.decimal(row['mean'])} past {method} detection" for method, row in nearest.items())
    settings = full_config("measurement", config)
    return Page(
        title=f"advgen_ray: least distortion on {name}",
        heading="How far must an image go to pass?",
        data_name=name,
        version=version,
        answer=f"Mean L2 distortion of the nearest images found to pass as {_aim(config)}: {told}.",
        lead=f"{numbers.count(config['num_images'])} images of the {config['split']} split, pixels in [0, 1]; "
        f"{numbers.percent(config['tpr'])} of images pass as they are.",
        key_figures=[_key_figure(method, row, theirs[method], name) for method, row in nearest.items()],
        sections=[
            _distances_section(results, found, config, thresholds),
            _pictures_section(results),
            Section("run", "What was run", [], [settings]),
        ],
    )


def _distances_section(
    results: Distortions, found: list[dict[str, Any]], config: Mapping[str, Any], thresholds: Mapping[str, float]
) -> Section:
    name = config["data"]["name"]
    says = [
        "What is found is an upper bound of the least distortion: of several searches the nearest counts, image by "
        "image. The dissertation has one, the last iterates of penalized descents, and averages what that finds.",
        "Thresholds: " + ", ".join(f"{method} {numbers.decimal(value)}" for method, value in thresholds.items()) + ".",
        *_missing(found),
    ]
    published = S004_DISTORTION.get(name)
    both = {method: one for (method, search), one in results.distances.items() if search == NEAREST}
    return Section(
        "distances",
        "Distances",
        says,
        [
            Figure(
                "Distances of the nearest found",
                "Left: distribution, means drawn through. Right: the share of images that can be made to pass within a "
                "distance.",
                [distance_panel(both), reached_panel(both)],
                size="wide",
            ),
            Table(
                "By detection and search",
                "L2 in [0, 1] pixel units. Found: the false positive rate on these images; 100% is the published "
                "setting. The mean is over what was found; the last one counts what was not at the box's diagonal, "
                f"beyond which there is no image. Quartiles are over all images. {_published_note(name)}",
                COLUMNS,
                [_cells(row) for row in found],
                context=_published(published) if published else [],
                context_title=published.table if published else "",
            ),
        ],
    )


def _pictures_section(results: Distortions) -> Section:
    figure = Figure(
        "Originals, and the nearest found to pass",
        "The first image of each class, nothing chosen; above each what it was and what it was made to pass as.",
        [distortion_pictures(results.originals, results.attacked, results.became)],
        size="full",
    )
    return Section("pictures", "What they become", [], [figure])


def _published(one: PublishedDistortion) -> list[list[str]]:
    return [
        [what[0].upper() + what[1:], "", numbers.decimal(value, one.decimals), "", "", ""]
        for what, value in one.named.items()
    ]


def _published_note(name: str) -> str:
    if name == "mnist":
        return (
            "Published for MNIST: the authors' code takes any class but the label (num_targets 0), 500 steps by Adam, "
            "c up to 8, last iterates."
        )
    if name == "cifar10":
        return "Published for CIFAR-10: one random target an image, 100 steps of 0.1, last iterates."
    return ""


def _missing(found: list[dict[str, Any]]) -> list[str]:
    """What a mean over those found leaves out, of the nearest of all searches."""
    return [
        f"Past {row['method']} detection nothing was found for any of the images."
        if not row["found"]
        else f"Past {row['method']} detection nothing was found for {numbers.percent(1 - row['found'])} of the images: "
        f"its mean is over the others, and {numbers.decimal(row['mean_bound'])} at most over all."
        for row in found
        if row["search"] == NEAREST and row["found"] < 1
    ]


def _cells(row: Mapping[str, Any]) -> list[str]:
    quartiles = [row[key] for key in ("lower_quartile", "median", "upper_quartile")]
    return [
        f"{row['method'].capitalize()}, {SEARCHES.get(row['search'], row['search'])}",
        numbers.percent(row["found"]),
        numbers.decimal(row["mean"]),
        " / ".join(numbers.decimal(one) if np.isfinite(one) else "none" for one in quartiles),
        numbers.decimal(row["mean_bound"]),
        numbers.count(row["count"]),
    ]


def _key_figure(method: str, row: Mapping[str, Any], theirs: Mapping[str, Any], name: str) -> KeyFigure:
    detail = (
        f"mean over the {numbers.percent(row['found'])} found; by the dissertation's search alone "
        f"{numbers.decimal(theirs['mean'])} over {numbers.percent(theirs['found'])}"
    )
    beside, published = "", S004_DISTORTION.get(name)
    if published and method == "generative":
        value = numbers.decimal(next(iter(published.own.values())), published.decimals)
        beside = f"{value}, {published.data} ({published.table})"
    return KeyFigure(f"{method.capitalize()} detection", numbers.decimal(row["mean"]), "L2", detail, "", None, beside)


def _aim(config: Mapping[str, Any]) -> str:
    count = config["num_targets"]
    if count == 0:
        return "any other class"
    return "a class drawn at random" if count == 1 else f"each of {count} classes drawn at random"
