"""How like the originals restored images are: by strength, at the strength that validation images choose, paired."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import fmean

import pandas as pd

from advgen_ray.analysis.estimate import Estimate, mean_interval

DEGRADED = "degraded"
MEASURES = ("ssim", "psnr")


@dataclass(frozen=True)
class AtBest:
    """A method at its strength: ``mean`` over ``count`` test images, ``gain`` over the degraded ones, paired.

    ``validation`` is the mean over the images that chose the strength, by which methods are chosen as well.
    """

    degradation: str
    method: str
    measure: str
    strength: float
    has_dial: bool
    validation: float
    mean: Estimate
    gain: Estimate
    count: int

    def plain(self) -> dict[str, str | float | int | bool]:
        """One row for JSON."""
        row = {name: getattr(self, name) for name in ("degradation", "method", "measure", "strength", "count")}
        for name, one in (("mean", self.mean), ("gain", self.gain)):
            row |= {name: one.value, f"{name}_low": one.low, f"{name}_high": one.high}
        return row


def mean_gain(chosen: Sequence[AtBest], measure: str) -> Estimate:
    """Of all models and degradations, which are of the same images; raises ValueError where there is none.

    The ends are means too, as if an image that gains more in one gained as much more in all: never too narrow.
    """
    gains = [one.gain for one in chosen if one.measure == measure]
    return Estimate(*(fmean(end) for end in zip(*gains, strict=True)))


def with_no_restoration(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows, and of every method with a dial the degraded images once more: strength 0 is to leave them alone."""
    degraded = rows[rows["method"] == DEGRADED]
    parts = [rows]
    for (degradation, method), own in rows.groupby(["degradation", "method"], sort=False):
        if own["strength"].nunique() > 1 or (own["strength"] > 0).any():
            parts.append(degraded[degraded["degradation"] == degradation].assign(method=str(method), strength=0.0))
    return pd.concat(parts, ignore_index=True)


def by_strength(rows: pd.DataFrame) -> pd.DataFrame:
    """One row a half, degradation, method and strength, in the order of the rows, strengths rising.

    Columns: those four, count, and of each measure its mean, ``_low`` and ``_high``.
    """
    found = []
    keys = ["half", "degradation", "method", "strength"]
    whole = with_no_restoration(rows)
    for names, own in whole.groupby(keys, sort=False):
        assert isinstance(names, tuple)
        row: dict[str, object] = dict(zip(keys, names, strict=True)) | {"count": len(own)}
        for measure in MEASURES:
            row |= dict(zip((measure, f"{measure}_low", f"{measure}_high"), mean_interval(own[measure]), strict=True))
        found.append(row)
    table = pd.DataFrame(found)
    met = dict.fromkeys(zip(whole["degradation"], whole["method"], strict=True))
    order = {name: place for place, name in enumerate(met)}
    places = [order[key] for key in zip(table["degradation"], table["method"], strict=True)]
    return table.assign(place=places).sort_values(["half", "place", "strength"]).drop(columns="place")


def at_chosen_strength(rows: pd.DataFrame, may_leave_alone: bool = True) -> list[AtBest]:
    """Of each measure, degradation and method the strength of the best mean on validation images, then the test.

    A method with a dial has strength 0 among them, and so can hardly lose, unless it may not leave images alone.
    """
    whole = with_no_restoration(rows) if may_leave_alone else rows
    return [one for measure in MEASURES for one in _chosen(whole, measure)]


def _chosen(whole: pd.DataFrame, measure: str) -> Iterator[AtBest]:
    on_test = whole[whole["half"] == "test"]
    for (degradation, method), own in whole.groupby(["degradation", "method"], sort=False):
        means = own[own["half"] == "validation"].groupby("strength")[measure].mean()
        strength = float(means.index[int(means.to_numpy().argmax())])
        test = on_test[(on_test["degradation"] == degradation) & (on_test["method"] == method)]
        values = test[test["strength"] == strength].set_index("image_id")[measure]
        alone = on_test[(on_test["degradation"] == degradation) & (on_test["method"] == DEGRADED)]
        before = alone.set_index("image_id")[measure].loc[values.index]
        yield AtBest(
            degradation=str(degradation),
            method=str(method),
            measure=measure,
            strength=strength,
            has_dial=len(means) > 1,
            validation=float(means.max()),
            mean=mean_interval(values),
            gain=mean_interval(values - before),
            count=len(values),
        )
