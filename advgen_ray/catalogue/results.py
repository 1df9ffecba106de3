"""What came out for a row of the catalogue, over seeds."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import mean
from typing import Any

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
    """The readings of a row, one a seed; none and a ``mistake`` where it failed."""

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
        return [reading.margin for reading in self.readings]

    @property
    def margin(self) -> float | None:
        """Their mean."""
        return mean(self.margins) if self.readings else None

    @property
    def holds(self) -> bool | None:
        """Whether the mean margin is above zero; None where the row failed."""
        return None if self.margin is None else math.isfinite(self.margin) and self.margin > 0

    @property
    def verdict(self) -> str:
        """In words; where there are several seeds, also in how many of them the claim holds."""
        if self.holds is None:
            return "failed"
        word = "holds" if self.holds else "does not hold"
        if len(self.margins) < 2:
            return word
        return f"{word} ({sum(margin > 0 for margin in self.margins)} of {len(self.margins)} seeds)"

    @property
    def told(self) -> str:
        """One line."""
        return (
            f"failed: {self.mistake}"
            if self.margin is None
            else f"{self.verdict}: {self.row.margin} {self.margin:+.3g}"
        )

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
        "margin": _rounded(result.margin),
        "margin_of": result.row.margin,
        "margins": [_rounded(one) for one in result.margins],
        "command": f"advgen reproduce --rows {result.row.id} --scale {result.scale}",
        "jobs": result.commands,
        "seconds": round(result.seconds, 1),
        "failed": result.mistake,
    }


def markdown(results: Sequence[RowResult]) -> str:
    """A table for a README."""
    lines = ["| row | claim | here | by how much |", "|---|---|---|---|"]
    for one in results:
        number = "" if one.margin is None else f"{one.margin:+.3g}".replace("-", "−")
        margin = f"{one.row.margin}: {number}" if number else ""
        verdict = f"**{one.verdict}**" if one.holds is False else one.verdict
        lines.append(f"| {one.row.id} | {one.row.claim} | {verdict} | {margin} |")
    return "\n".join(lines)


def _rounded(value: float | None) -> float | None:
    return round(value, 6) if value is not None and math.isfinite(value) else None
