"""The rows of a set of counterfactuals, by whatever generator: sources in, keys, pictures, distances out."""

from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import torch
from torch import Tensor

from advgen_ray.attacks.eval_mode import eval_mode
from advgen_ray.config import CounterfactualsConfig
from advgen_ray.counterfactuals.metrics import l0, l1, l2, linf
from advgen_ray.data.datasets import dataset_info
from advgen_ray.distributed import metrics
from advgen_ray.distributed.ce_generators import load_generator
from advgen_ray.distributed.ce_sources import load_sources
from advgen_ray.distributed.columns import made_by
from advgen_ray.distributed.failures import RowsFailed, make_rows
from advgen_ray.distributed.loading import load_unchanged
from advgen_ray.distributed.memory import WithinMemory
from advgen_ray.distributed.plans import CounterfactualPlan
from advgen_ray.storage import ResultSet
from advgen_ray.storage.schemas import COUNTERFACTUALS, images_to_column, typed_table


class Judge(NamedTuple):
    """A classifier that took no part in making counterfactuals: where it is, and its digest when the job began."""

    uri: str
    digest: str


class CounterfactualRows:
    """``shard index -> table``; the batches of a shard are fixed, so its bytes depend on nothing else.

    A shard of which one row fails is not stored, as the others were made beside it: whoever tries again makes it
    whole, in the same batches. What the metrics say of validity is the opinion of ``judge``, else of the classifier
    that made the rows, if one did.
    """

    def __init__(
        self,
        config: CounterfactualsConfig,
        result_set: ResultSet,
        device: torch.device,
        judge: Judge | None = None,
    ) -> None:
        self.config, self.device = config, device
        inputs: dict[str, Any] = result_set.plan["inputs"]
        generator = load_generator(config, inputs, device)
        self.generator = generator._replace(make=WithinMemory(generator.make))
        self.judge = self.generator.judge
        if judge:
            info = dataset_info(config.data.name, config.data.root)
            self.judge = load_unchanged(judge.uri, judge.digest, device, info).model
        self.sources = load_sources(config, inputs.get("sources"))
        self.plan = plan_of(config)

    def __call__(self, index: int) -> pa.Table:
        """The rows of one shard, in batches of ``batch_size``; raises RowsFailed where some cannot be made."""
        rows, size = self.plan.rows(index), self.config.images_at_once
        if self.config.batch_size is None and self.device.type == "cuda":
            size = len(rows)
        batches = [rows[start : start + size] for start in range(0, len(rows), size)]
        return make_rows(batches, self._batch, self._key, self.plan.num_rows)

    def _key(self, row: int) -> str:
        """``source index/target/replicate``: known also where the source cannot be read."""
        return "/".join(str(part[0]) for part in self.plan.keys(np.array([row])))

    def _batch(self, rows: np.ndarray) -> pa.Table:
        source, target, replicate = self.plan.keys(rows)
        sources = self.sources(source)
        images = sources.images.to(self.device)
        item_ids = [f"{s}/{y}/{r}" for s, y, r in zip(sources.ids, target, replicate, strict=True)]
        y_target = torch.from_numpy(target).to(self.device)
        x_ce = self.generator.make(images, y_target, item_ids)
        finite = x_ce.isfinite().flatten(1).all(1).cpu().numpy()
        if not finite.all():
            raise RowsFailed({self._key(row): "x_ce is not finite" for row in rows[~finite]})
        self._count(x_ce, y_target)
        columns = {
            "item_id": item_ids,
            "source_id": sources.ids,
            "source_index": source,
            "source_label": sources.labels,
            "y_target": target,
            "replicate": replicate,
            "x_ce": images_to_column(x_ce.cpu().numpy()),
            **{metric.__name__: metric(x_ce, images).cpu().numpy() for metric in (l2, l1, linf, l0)},
        }
        return typed_table(COUNTERFACTUALS, columns, **made_by(self.config, self.generator.model_digest))

    def _count(self, x_ce: Tensor, y_target: Tensor) -> None:
        """Once a batch, so that shards of an hour are seen to go on."""
        metrics.came_forward()
        metrics.count("counterfactuals_total", len(x_ce))
        metrics.count("network_evaluations_total", len(x_ce) * self.generator.evaluations)
        if self.judge is not None:
            with eval_mode(self.judge), torch.no_grad():
                valid = self.judge(x_ce).argmax(1) == y_target
            metrics.count("counterfactuals_judged_total", len(x_ce))
            metrics.count("counterfactuals_valid_total", int(valid.sum()))


def plan_of(config: CounterfactualsConfig) -> CounterfactualPlan:
    """Which rows the config asks for: every class of its data set is a target."""
    num_classes = dataset_info(config.data.name, config.data.root).num_classes
    return CounterfactualPlan(config.num_sources, num_classes, config.replicates, config.shard_images)
