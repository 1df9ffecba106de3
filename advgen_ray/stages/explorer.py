"""The stage that makes the explorer: a stored set of counterfactuals in, a page and its data out, shard by shard."""

import time
from collections.abc import Iterator, Sequence
from importlib.metadata import version
from typing import Any

import numpy as np
import pandas as pd

from advgen_ray.analysis.ce_ablation import DISTANCES
from advgen_ray.config import ExploreCounterfactualsConfig
from advgen_ray.report import numbers
from advgen_ray.report.explorer.columns import encode
from advgen_ray.report.explorer.handing import COLUMNS_FILE, DATA_FOLDER, handing_script, sheet_file
from advgen_ray.report.explorer.page import ExplorerPage, render
from advgen_ray.report.explorer.sheets import sheet, sources_per_block
from advgen_ray.report.study import eps_labels
from advgen_ray.stages.explorer_inputs import Explored, read_explored
from advgen_ray.stages.outcome import tracked_job
from advgen_ray.storage import ResultSet
from advgen_ray.storage.filesystem import ensure_writable, join, remove_tree, write_atomic
from advgen_ray.storage.schemas import column_to_images

PAGE = "explorer.html"


def run(config: ExploreCounterfactualsConfig) -> dict[str, Any]:
    """Make the page of ``config``; returns where it is and how much it holds.

    Raises UserError, before anything is written, for a set or energies that are missing, unfinished or do not belong
    together, an unknown judge, or images that are not those that the set was made from.
    """
    begin = time.monotonic()
    explored = read_explored(config)
    ensure_writable(config.output)
    with tracked_job("explorer", config) as tracked:
        summary = write_page(config, explored) | {"seconds": round(time.monotonic() - begin, 3)}
        tracked.log_metrics(summary)
    return summary


def write_page(config: ExploreCounterfactualsConfig, explored: Explored) -> dict[str, Any]:
    """Write ``explorer.html`` and its data to ``config.output``; returns where it is and how much it holds.

    Pictures are read shard by shard: in memory are one shard and one sheet. The same set gives the same bytes.
    """
    folder = join(config.output, DATA_FOLDER)
    remove_tree(folder)  # a larger set may have left more sheets there
    num_sheets = num_bytes = 0
    for name, data in _data_files(explored):
        write_atomic(join(folder, name), data)
        num_sheets += name != COLUMNS_FILE
        num_bytes += len(data)
    write_atomic(join(config.output, PAGE), render(_page(config, explored)).encode())
    return {
        "explorer": join(config.output, PAGE),
        "count": len(explored.rows),
        "num_sources": len(explored.sources),
        "num_sheets": num_sheets,
        "megabytes": round(num_bytes / 1e6, 3),
    }


def _page(config: ExploreCounterfactualsConfig, explored: Explored) -> ExplorerPage:
    lead = (
        f"{numbers.count(len(explored.rows))} counterfactuals of {numbers.count(len(explored.sources))} "
        f"{explored.made_of}: each as it would look as each class, changed as little as possible"
    )
    if explored.opinions:
        lead += f", and what {len(explored.opinions)} classifiers say of it"
    return ExplorerPage(config.data.name, version("advgen_ray"), f"{lead}.", bool(explored.opinions), config.report)


def _data_files(explored: Explored) -> Iterator[tuple[str, bytes]]:
    """Every file of the data folder, one after the other: its name and its bytes."""
    shape = explored.info.image_shape
    first, starts = explored.first, explored.first[:-1]
    per_block = sources_per_block(shape, int(np.diff(first).max()))
    yield COLUMNS_FILE, handing_script(COLUMNS_FILE, _columns(explored, per_block))
    source_index = explored.sources["source_index"].to_numpy()
    blocks = [slice(start, start + per_block) for start in range(0, len(starts), per_block)]
    sizes = [int(np.diff(first)[block].sum()) for block in blocks]
    for index, (block, x_ce) in enumerate(zip(blocks, _image_runs(explored.result_set, sizes), strict=True)):
        sources = explored.sources_at(source_index[block]).images.numpy()
        pictures = np.insert(x_ce, starts[block] - starts[block][0], sources, axis=0)  # each before its CEs
        yield sheet_file(index), handing_script(sheet_file(index), sheet(pictures))


def _image_runs(result_set: ResultSet, sizes: Sequence[int]) -> Iterator[np.ndarray]:
    """A set's images ``[size, C, H, W]`` in item order, in runs of these sizes; a shard and a run are in memory."""
    shape = result_set.image_shape
    assert shape is not None, f"{result_set.uri} holds counterfactuals and hence pictures"
    shards = (column_to_images(table["x_ce"], shape) for table in result_set.tables(["x_ce"]))
    held = np.empty((0, *shape), np.float32)
    for size in sizes:
        while len(held) < size:
            held = np.concatenate([held, next(shards)])
        yield held[:size]
        held = held[size:]


def _columns(explored: Explored, per_block: int) -> dict[str, Any]:
    """What set.js takes: facts of the set, and its columns by counterfactual and by source."""
    rows, opinions, info = explored.rows, explored.opinions, explored.info
    columns = {
        "first": explored.first.astype(np.uint32),
        "label": explored.sources["source_label"].to_numpy(np.int16),
        "target": rows["y_target"].to_numpy(np.int16),
        "replicate": rows["replicate"].to_numpy(np.int16),
        **{metric: rows[metric].to_numpy(np.float32) for metric in DISTANCES},
    }
    if opinions:
        columns |= {
            "predicted": np.stack([one.predicted for one in opinions]),
            "confidence": np.stack([one.confidence for one in opinions]),
            "sourcePredicted": np.stack([one.source_predicted for one in opinions]),
            "sourceConfidence": np.stack([one.source_confidence for one in opinions]),
        }
    about = {
        "name": explored.result_set.plan["config"]["data"]["name"],
        "classes": list(info.class_names),
        "shape": list(info.image_shape),
        "ids": explored.sources["source_id"].tolist(),
        "perBlock": per_block,
        "classifiers": _classifiers(explored),
        "judge": explored.judge,
    }
    return {"about": about, "columns": {name: encode(column) for name, column in columns.items()}}


def _classifiers(explored: Explored) -> list[dict[str, str]]:
    """The name of each and what a reader calls it: its training radius, as in the report; the judge keeps its name."""
    table = pd.DataFrame([(one.classifier, one.eps) for one in explored.opinions], columns=["classifier", "eps"])
    others = table.index != explored.judge
    table["label"] = table["classifier"]
    table.loc[others, "label"] = eps_labels(table[others])
    return [{"name": row["classifier"], "label": row["label"]} for _, row in table.iterrows()]
