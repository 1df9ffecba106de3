"""What the explorer reads: a set's numbers, its sources, what classifiers say of both, and whether they fit."""

import difflib
from dataclasses import dataclass

import numpy as np
import pandas as pd

from advgen_ray.analysis.ce_ablation import DISTANCES
from advgen_ray.analysis.opinions import OPINION_COLUMNS, Opinion, read_opinions
from advgen_ray.config import CounterfactualsConfig, ExploreCounterfactualsConfig
from advgen_ray.data.catalog import DatasetInfo
from advgen_ray.data.datasets import dataset_info
from advgen_ray.distributed.ce_sources import SourcesAt, load_sources, of_split
from advgen_ray.errors import UserError
from advgen_ray.stages.inputs import (
    check_scored,
    content_digest,
    load_images,
    open_counterfactuals,
    open_energies,
    set_name,
    unique_names,
)
from advgen_ray.storage import ResultSet

ROW_COLUMNS = ["item_id", "source_id", "source_index", "source_label", "y_target", "replicate", *DISTANCES]


@dataclass(frozen=True)
class Explored:
    """A set of counterfactuals, whose pictures are read later, and what is known of it."""

    result_set: ResultSet
    info: DatasetInfo
    made_of: str  # "training images", "test images" or "counterfactuals"
    sources_at: SourcesAt  # by source_index
    rows: pd.DataFrame  # ``ROW_COLUMNS`` in item order: the CEs of a source follow each other
    first: np.ndarray  # [S + 1], the row of each source's first CE, and the number of rows
    opinions: list[Opinion]
    judge: int  # its place among the opinions; -1 where there are none

    @property
    def sources(self) -> pd.DataFrame:
        """One row a source, in item order."""
        return self.rows.iloc[self.first[:-1]]


def read_explored(config: ExploreCounterfactualsConfig) -> Explored:
    """Read and check everything that ``config`` names, but for the pictures; raises UserError (see the stage's run)."""
    result_set = open_counterfactuals(config.counterfactuals, config.data)
    made_of, sources_at = _sources(result_set, config)
    rows: pd.DataFrame = result_set.read(ROW_COLUMNS).to_pandas()
    first = np.concatenate([[0], np.flatnonzero(np.diff(rows["source_index"])) + 1, [len(rows)]])
    opinions, judge = _opinions(result_set, rows, first, config) if config.energies else ([], -1)
    info = dataset_info(config.data.name, config.data.root)
    return Explored(result_set, info, made_of, sources_at, rows, first, opinions, judge)


def _sources(result_set: ResultSet, config: ExploreCounterfactualsConfig) -> tuple[str, SourcesAt]:
    """What the sources are, and their images, as long as they are those that the set was made of."""
    uri, made, inputs = result_set.uri, result_set.plan["config"], result_set.plan["inputs"]
    if "sources" in inputs:
        if not config.sources:
            raise UserError(f"{uri}: made of another set of counterfactuals; name it with --set sources=PATH")
        if open_counterfactuals(config.sources, config.data).identity != inputs["sources"]:
            raise UserError(f"sources={config.sources}: is not the set that {uri} was made of; give that one")
        asked = CounterfactualsConfig(data=config.data, sources=config.sources)
        return "counterfactuals", load_sources(asked, inputs["sources"])
    images = load_images(config.data, made["split"], None, "num_images")
    if "images" in inputs and inputs["images"] != content_digest(images, made["num_sources"]):
        raise UserError(
            f"data.root={config.data.root}: its images are not those that {uri} was made from; give the folder of those"
        )
    return {"train": "training images", "test": "test images"}[made["split"]], of_split(images)


def _opinions(
    result_set: ResultSet, rows: pd.DataFrame, first: np.ndarray, config: ExploreCounterfactualsConfig
) -> tuple[list[Opinion], int]:
    """What the classifiers say of the CEs and their sources, and the judge's place among them."""
    energies, name = open_energies(config.energies), set_name(result_set)
    check_scored(energies, "counterfactuals", name, result_set.identity)
    judge = _judge(config.judge, list(energies.plan["inputs"]["classifiers"]))
    opinions = read_opinions(
        (table.to_pandas() for table in energies.tables(list(OPINION_COLUMNS))),
        name,
        rows["item_id"].tolist(),
        rows["source_id"].iloc[first[:-1]].tolist(),
        judge,
        unique_names((config.sources,), "sources", depth=0)[0] if config.sources else "",
    )
    return opinions, [one.classifier for one in opinions].index(judge) if judge else 0


def _judge(asked: str, known: list[str]) -> str:
    if asked and asked not in known:
        near = difflib.get_close_matches(asked, known, n=1, cutoff=0.5)
        hint = f"did you mean {near[0]!r}?" if near else f"expected one of {', '.join(known)}"
        raise UserError(f"judge={asked!r}: the energies are not of such a classifier; {hint}")
    return asked
