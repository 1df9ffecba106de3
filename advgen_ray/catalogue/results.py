"""What came out for a row of the catalogue, over seeds."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import mean
from typing import Any

from advgen_ray.analysis.estimate import Estimate, mean_interval
from advgen_ray.catalogue.entry import Reading, Row, Scale, in_order
from advgen_ray.catalogue.placing import command


@dataclass(frozen=True)
class Spread:
    """A figure over seeds; only published where none has it."""

    name: str
    mean: float | None
    low: float | None
    high: float | None
    published: float | None


@dataclass(frozen=True)
class RowResult:
    """The readings of a row, one a seed; where it failed a ``mistake``, and those of the seeds before."""

    row: Row
    scale: Scale
    readings: Sequence[Reading]
    mistake: str
    seconds: float
    pages: Sequence[str]  # of its jobs, beside the catalogue's

    @property
    def figures(self) -> list[Spread]:
        """Those of the first seed, each over the seeds that have it."""
        found = []
        for figure in self.readings[0].figures if self.readings else []:
            same = [one.ours for reading in self.readings for one in reading.figures if one.name == figure.name]
            values = [value for value in same if value is not None]
            mean_, low, high = (mean(values), min(values), max(values)) if values else (None, None, None)
            found.append(Spread(figure.name, mean_, low, high, figure.published))
        return found

    @property
    def margins(self) -> list[float]:
        """By how much the claim holds, seed by seed."""
        return [reading.margin.value for reading in self.readings]

    @property
    def margin(self) -> Estimate | None:
        """That of the one seed, over its images; of several their mean, over seeds; None where the row failed."""
        if self.mistake:
            return None
        return self.readings[0].margin if len(self.readings) == 1 else mean_interval(self.margins)

    @property
    def holds(self) -> bool | None:
        """Whether the margin is above zero; None where the row failed."""
        return None if self.margin is None else math.isfinite(self.margin.value) and self.margin.value > 0

    @property
    def within_noise(self) -> bool | None:
        """Whether the margin's interval has both signs; None where there is no interval."""
        if self.margin is None or math.isnan(self.margin.low):
            return None
        return self.margin.low <= 0 < self.margin.high

    @property
    def commands(self) -> list[str]:
        """The jobs by themselves."""
        return [command(work) for work in in_order(list(self.row.works(self.scale).values()))]


def as_json(result: RowResult) -> dict[str, Any]:
    """A row of summary.json."""
    return {
        "row": result.row.id,
        "source": result.row.source,
        "claim": result.row.claim,
        "ours": {one.name: _rounded(one.mean) for one in result.figures if one.mean is not None},
        "spread": {one.name: [_rounded(one.low), _rounded(one.high)] for one in result.figures if one.mean is not None},
        "published": {one.name: one.published for one in result.figures if one.published is not None},
        "published_on": result.row.published_on,
        "holds": result.holds,
        "margin": _rounded(result.margin.value if result.margin else None),
        "margin_interval": [_rounded(one) for one in result.margin[1:]] if result.margin else None,
        "within_noise": result.within_noise,
        "margin_of": result.row.margin,
        "margins": [_rounded(one) for one in result.margins],
        "command": f"advgen reproduce --rows {result.row.id} --scale {result.scale}",
        "jobs": result.commands,
        "seconds": round(result.seconds, 1),
        "failed": result.mistake,
    }


def _rounded(value: float | None) -> float | None:
    return round(value, 6) if value is not None and math.isfinite(value) else None
