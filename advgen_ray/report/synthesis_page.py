"""The page of targeted synthesis: samples nothing was chosen among, how like the data they are, whose they repeat."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from advgen_ray.analysis.proportion import Proportion
from advgen_ray.analysis.published_synthesis import CIFAR10_SPEED, samples_beside
from advgen_ray.report import numbers
from advgen_ray.report.blocks import Block, Figure, KeyFigure, Section, Table, full_config
from advgen_ray.report.page import Page
from advgen_ray.report.plots_synthesis import interpolation_panel, neighbors_panel, samples_panel

STARTS = {
    "class_gaussian": "drawn from a normal distribution fitted to each class's training images",
    "images": "the data's own images of other classes",
    "data": "images of another data set",
    "files": "images from files",
    "noise": "uniform noise",
}


@dataclass(frozen=True)
class Measure:
    """In whose features quality is told; ``prefix`` is ``proxy_`` unless they are those of published FIDs."""

    prefix: str
    features: str

    @property
    def fid(self) -> str:
        """What a distance is called: never ``FID`` alone of other features than Inception's."""
        return f"proxy FID ({self.features})" if self.prefix else "FID"

    @property
    def short(self) -> tuple[str, str]:
        """Column heads of distance and score, under a caption that names the features."""
        return ("proxy FID", "proxy IS") if self.prefix else ("FID", "IS")


@dataclass(frozen=True)
class Neighbors:
    """Samples ``[N, C, H, W]``, nearest training images ``[N, K, C, H, W]``, pixel distances ``[N]`` to the first."""

    generated: np.ndarray
    in_pixels: np.ndarray
    in_features: np.ndarray
    distances: np.ndarray


@dataclass(frozen=True)
class SynthesisResults:
    """What the page shows; pictures ``[N, C, H, W]`` in [0, 1], by ascent and model as tables call them."""

    table: pd.DataFrame  # of ``analysis.synthesis``
    measure: Measure
    starts: np.ndarray
    class_names: Sequence[str]  # what the image of each start is to show
    generated: Mapping[str, Mapping[str, np.ndarray]]
    neighbors: Mapping[str, Neighbors]  # by model, of the first ascent
    real_distances: np.ndarray  # from test images to their nearest training images
    interpolations: Mapping[str, np.ndarray]  # ``[pairs, points, C, H, W]``, likewise


def synthesis_page(results: SynthesisResults, config: Mapping[str, Any], version: str) -> Page:
    """``config`` is the job's."""
    table, measure = results.table, results.measure
    models = table[table["model"] != ""]
    best = models.loc[models.groupby("model", sort=False)["frechet"].idxmin()]
    told = "; ".join(
        f"{row['model']} {numbers.decimal(row['frechet'])} ({row['ascent']})" for _, row in best.iterrows()
    )
    data_name, count = config["data"]["name"], numbers.count(int(models["count"].iloc[0]))
    num_ascents = models["ascent"].nunique()
    sections = [
        Section("samples", "Samples", [], [_sample_figure(results, config)]),
        Section("quality", "How like the data", _quality_sentences(table, measure), _quality_blocks(results, config)),
        Section("neighbors", "Do they repeat training images?", [], [_neighbor_figure(results)]),
    ]
    if results.interpolations:
        sections.append(Section("interpolation", "Between two samples", [], [_interpolation_figure(results)]))
    settings = full_config("synthesis", config)
    return Page(
        title=f"advgen_ray: synthesis on {data_name}",
        heading="What does a logit ascend to?",
        data_name=data_name,
        version=version,
        answer=f"{measure.fid} of {count} samples{_lowest_of(num_ascents)}: {told}; of as many starts "
        f"{numbers.decimal(_row(table, 'starts')['frechet'])}.",
        lead=f"PGD on the logit of a class, from starts that are {STARTS[config['start']['kind']]}, the same for every "
        "model.",
        key_figures=[_key_figure(row, measure, num_ascents) for _, row in best.iterrows()],
        sections=[*sections, Section("run", "What was run", [], [settings])],
    )


def _sample_figure(results: SynthesisResults, config: Mapping[str, Any]) -> Figure:
    smoothed = f", smoothed by {config['smoothing_sigma']:g} pixels" if config["smoothing_sigma"] else ""
    return Figure(
        "Starts, and what becomes of them",
        f"The first {len(results.starts)} starts{smoothed}, nothing chosen, and below each what every model makes of "
        "it by so many steps × their size; columns are headed by the class asked for where all rows agree.",
        [
            samples_panel(f"samples-{index}", ascent, results.starts, of_model, results.class_names)
            for index, (ascent, of_model) in enumerate(results.generated.items())
        ],
        size="wide",
    )


def _quality_sentences(table: pd.DataFrame, measure: Measure) -> list[str]:
    real, starts = _row(table, "test images"), _row(table, "starts")
    says = [
        f"Real images, for comparison: {numbers.count(int(real['count']))} test images have a {measure.fid} of "
        f"{numbers.decimal(real['frechet'])}. The starts themselves have "
        f"{numbers.decimal(starts['frechet_at_floor'])} at that number."
    ]
    if measure.prefix:
        says.append("Features are a classifier's of ours: such distances do not compare with published FIDs.")
    return says


def _printed(value: float | None) -> str:
    return "" if value is None else numbers.decimal(value)


def _quality_blocks(results: SynthesisResults, config: Mapping[str, Any]) -> list[Block]:
    table, measure = results.table, results.measure
    fid, score = measure.short
    fewer = bool((table["floor_count"] < table["count"]).any())
    at_floor = f"at n = {numbers.count(int(table['floor_count'].iloc[0]))}"
    heads = [head for name in (fid, score) for head in (name, *([f"{name} {at_floor}"] if fewer else []))]
    rows = [_cells(row, fewer) for _, row in table.iterrows()]
    of_cifar10 = config["data"]["name"] == "cifar10" and not measure.prefix
    published = () if measure.prefix else samples_beside(config["data"]["name"], results.starts.shape[-1])
    context = [
        [one.what, one.ascent, _printed(one.fid), *([""] if fewer else []), _printed(one.inception_score),
         *[""] * (6 if fewer else 5)]
        for one in published
    ]  # fmt: skip
    blocks: list[Block] = [
        Table(
            "By model and ascent",
            f"{measure.fid}: Frechet distance to all training images that were read. IS: Inception Score of the same "
            "network, ten parts. Logit: mean of the class asked for, before and after. Recognized, judge: the "
            "model itself, or the judge, sees the class asked for; 95% binomial intervals. Samples a second: of the "
            "pool of actors, their start included in the first row; of a job that was continued, of the part since.",
            ["Model", "steps × size", *heads, "logit", "recognized", "judge", "distance", "samples/s"],
            rows,
            context=context,
            context_title="Published by Yin (2022)" + (f"; {CIFAR10_SPEED}" if of_cifar10 else ""),
        )
    ]
    models = table[table["model"] != ""]
    if models["ascent"].nunique() > 1:
        pivot = models.pivot_table(index="ascent", columns="model", values="frechet", sort=False)
        cells = [[str(ascent), *(numbers.decimal(value) for value in row)] for ascent, row in pivot.iterrows()]
        blocks.append(
            Table(
                "Steps × step size",
                f"{measure.fid} by ascent, as Yin's table 2.11; lower is nearer to the training images.",
                ["Steps × size", *map(str, pivot.columns)],
                cells,
            )
        )
    return blocks


def _cells(row: pd.Series, fewer: bool) -> list[str]:
    of_model = bool(row["model"])
    comparable = of_model or row["count"] > row["floor_count"] or not fewer  # with the samples: as many as they
    return [
        row["model"] or row["ascent"],
        f"{row['ascent']}" if of_model else "",
        numbers.decimal(row["frechet"]) if comparable else "",
        *([numbers.decimal(row["frechet_at_floor"])] if fewer else []),
        _score(row, "") if comparable else "",
        *([_score(row, "_at_floor")] if fewer else []),
        f"{numbers.decimal(row['start_logit'])} to {numbers.decimal(row['logit'])}" if of_model else "",
        _interval(row["recognized"]) if of_model else "",
        _interval(row["judged"]) if isinstance(row["judged"], Proportion) else "",
        numbers.decimal(row["distance"]) if of_model else "",
        numbers.decimal(row["rate"], 1) if of_model else "",
    ]


def _score(row: pd.Series, which: str) -> str:
    return f"{numbers.decimal(row[f'score{which}'])} ± {numbers.decimal(row[f'score_deviation{which}'])}"


def _interval(one: Proportion) -> str:
    return numbers.with_interval(one.value, *one.interval)


def _neighbor_figure(results: SynthesisResults) -> Figure:
    count = len(next(iter(results.neighbors.values())).generated)
    return Figure(
        "Nearest training images",
        f"The first {count} samples of the first ascent, beside each the nearest training images: px by L2 in pixels, "
        f"with the distance of the first, ft by L2 in {results.measure.features}. As many test images lie "
        f"{numbers.decimal(float(results.real_distances.min()))} to "
        f"{numbers.decimal(float(results.real_distances.max()))} from theirs.",
        [
            neighbors_panel(f"neighbors-{name}", name, one.generated, one.in_pixels, one.in_features, one.distances)
            for name, one in results.neighbors.items()
        ],
        size="wide",
    )


def _interpolation_figure(results: SynthesisResults) -> Figure:
    return Figure(
        "Interpolations",
        "Each row ascends from points on the line between two starts of one class (Yin's figure 2.16), by the first "
        "ascent; numbers say how far along the line.",
        [interpolation_panel(f"interpolation-{name}", name, images) for name, images in results.interpolations.items()],
        size="wide",
    )


def _lowest_of(num_ascents: int) -> str:
    """That the number is the least of several, so that it flatters; nothing of a single one."""
    return f", the lowest of {num_ascents} ascents, chosen on these samples" if num_ascents > 1 else ""


def _key_figure(row: pd.Series, measure: Measure, num_ascents: int) -> KeyFigure:
    detail = f"{measure.features}, {numbers.count(int(row['count']))} samples, {row['ascent']}{_lowest_of(num_ascents)}"
    if row["judged"].count:
        detail += f"; the judge sees the class in {numbers.percent(row['judged'].value)}"
    title, distance = f"Samples of {row['model']}", numbers.decimal(row["frechet"])
    return KeyFigure(title, distance, measure.short[0], detail, "", None, "")


def _row(table: pd.DataFrame, which: str) -> pd.Series:
    """Of the real images or of the starts."""
    found: pd.Series = table[(table["model"] == "") & (table["ascent"] == which)].iloc[0]
    return found
