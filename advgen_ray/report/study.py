"""What the page tells of: the tables, the runs behind them, and the pictures chosen for the grid."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from advgen_ray.analysis.study import StudyTables
from advgen_ray.report import numbers
from advgen_ray.report.blocks import Grid


@dataclass(frozen=True)
class RunRecord:
    """One stored result: a model's card or a result set's manifest, as far as the page shows it."""

    stage: str  # "classifier", "judge", "score model", "counterfactuals", "energies"
    name: str
    config: Mapping[str, Any]
    config_digest: str
    digest: str  # of the weights, or the identity of a result set
    seconds: float
    versions: Mapping[str, str]
    history: Sequence[Mapping[str, Any]] = field(default_factory=list)

    @property
    def seed(self) -> str:
        """The seed of the run's config."""
        return str(self.config.get("seed", numbers.MISSING))

    def setting(self, key: str) -> Any:
        """A value of the config by its dotted name, None where there is none."""
        value: Any = self.config
        for part in key.split("."):
            value = value.get(part) if isinstance(value, Mapping) else None
        return value


@dataclass(frozen=True)
class Study:
    """Everything the page is built from."""

    tables: StudyTables
    records: Sequence[RunRecord]
    grids: Mapping[str, Grid]  # by name of the set: the main one, and those that classifiers made
    elapsed_seconds: Mapping[str, float]
    version: str  # of advgen_ray
    explorer: str = ""  # a page of every counterfactual beside this one
    binary: str = ""  # a page of detectors of one class, likewise

    def records_of(self, *stages: str) -> list[RunRecord]:
        """The records of some stages, in the order stored."""
        return [record for record in self.records if record.stage in stages]

    def first(self, stage: str) -> RunRecord | None:
        """The first record of a stage."""
        return next(iter(self.records_of(stage)), None)

    @property
    def training_norms(self) -> set[str]:
        """Of the balls in which the classifiers were trained: ``{"l2"}``; those from elsewhere tell none."""
        found = {record.setting("attack.norm") for record in self.records_of("classifier")}
        return {str(norm) for norm in found if norm}

    @property
    def source_images(self) -> str:
        """What the main counterfactuals were made of: ``"training images"``."""
        made = self.first("counterfactuals")
        return {"train": "training images", "test": "test images"}.get(made.setting("split") if made else "", "images")


def eps_labels(table: pd.DataFrame) -> list[str]:
    """``"eps 0.25"`` for each row; where several share a radius, the classifier's name is added."""
    radii = [numbers.eps(eps) for eps in table["eps"]]
    return [
        f"eps {radius}" if radii.count(radius) == 1 else f"eps {radius} ({name})"
        for radius, name in zip(radii, table["classifier"], strict=True)
    ]
