"""What the explorer reads: a set's numbers, its sources, what classifiers say of both, and whether they fit."""

import difflib
from dataclasses import dataclass

import numpy as np
import pandas as pd

from advgen_ray.analysis.opinions import OPINION_COLUMNS, Opinion, read_opinions
from advgen_ray.config import DataConfig, ExploreCounterfactualsConfig
from advgen_ray.data.datasets import LabelledImages
from advgen_ray.errors import UserError
from advgen_ray.stages.inputs import (
    check_scored,
    content_digest,
    load_images,
    open_counterfactuals,
    open_energies,
    set_name,
)
from advgen_ray.storage import ResultSet

METRICS = ("l2", "l1", "linf", "l0")
ROW_COLUMNS = ["item_id", "source_id", "source_index", "source_label", "y_target", "replicate", *METRICS]


@dataclass(frozen=True)
class Explored:
    """A set of counterfactuals, whose pictures are read later, and what is known of it."""

    result_set: ResultSet
    images: LabelledImages  # the split that the sources are of
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
    images = _images(result_set, config.data)
    rows: pd.DataFrame = result_set.read(ROW_COLUMNS).to_pandas()
    index = rows["source_index"].to_numpy()
    first = np.concatenate([[0], np.flatnonzero(np.diff(index)) + 1, [len(rows)]])
    source_ids = rows["source_id"].iloc[first[:-1]].tolist()
    if not config.energies:
        return Explored(result_set, images, rows, first, [], -1)
    energies = open_energies(config.energies)
    check_scored(energies, "counterfactuals", set_name(result_set), result_set.identity)
    judge = _judge(config.judge, list(energies.plan["inputs"]["classifiers"]))
    tables = (table.to_pandas() for table in energies.tables(list(OPINION_COLUMNS)))
    opinions = read_opinions(tables, set_name(result_set), rows["item_id"].tolist(), source_ids, judge)
    place = [one.classifier for one in opinions].index(judge) if judge else 0
    return Explored(result_set, images, rows, first, opinions, place)


def _images(result_set: ResultSet, data: DataConfig) -> LabelledImages:
    """The split that the sources are of, as long as it holds the images that the set was made from."""
    made = result_set.plan
    images = load_images(data, made["config"]["split"], None, "num_images")
    digest = made["inputs"].get("images")
    if digest and digest != content_digest(images, made["config"]["num_sources"]):
        raise UserError(
            f"data.root={data.root}: its images are not those that {result_set.uri} was made from; give the folder of "
            "those"
        )
    return images


def _judge(asked: str, known: list[str]) -> str:
    if asked and asked not in known:
        near = difflib.get_close_matches(asked, known, n=1, cutoff=0.5)
        hint = f"did you mean {near[0]!r}?" if near else f"expected one of {', '.join(known)}"
        raise UserError(f"judge={asked!r}: the energies are not of such a classifier; {hint}")
    return asked
