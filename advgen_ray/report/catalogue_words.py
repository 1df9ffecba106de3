"""How a row of the catalogue came out, in words: on its page, in a README, on the command line."""

import math
from collections.abc import Sequence

from advgen_ray.catalogue.entry import Unit
from advgen_ray.catalogue.results import RowResult
from advgen_ray.report import numbers

CAUTION = (
    "A claim holds where its margin is above zero. In brackets is the margin's 95% interval: of one seed over the "
    "images, sources or repeated trainings that its jobs measured, of several seeds over these. Where it has both "
    "signs the claim is within noise. A margin without one is exact, or one run does not tell how sure it is: "
    "--seeds 3 does."
)


def verdict(result: RowResult) -> str:
    """Whether the claim holds, in how many seeds where there are several, and whether that may be luck."""
    if result.holds is None:
        return "failed"
    several = len(result.margins) > 1
    seeds = f" in {sum(margin > 0 for margin in result.margins)} of {len(result.margins)} seeds" if several else ""
    noise = ", within noise" if result.within_noise else ""
    return f"{'holds' if result.holds else 'does not hold'}{seeds}{noise}"


def margin(result: RowResult) -> str:
    """``the best less the other: +1.2 points (−1.0 to +3.4)``; "" where the row failed."""
    found, unit = result.margin, result.row.unit
    if found is None:
        return ""
    value, low, high = (_written(one, unit) for one in found)
    interval = f" ({low} to {high})" if math.isfinite(found.low) and found.low < found.high else ""
    return f"{result.row.margin}: {value}{' points' if unit == 'share' else ''}{interval}"


def told(result: RowResult) -> str:
    """One line."""
    return f"failed: {result.mistake}" if result.margin is None else f"{verdict(result)}; {margin(result)}"


def markdown(results: Sequence[RowResult], former: str, order: Sequence[str]) -> str:
    """A table for a README, by ``order``, ids of rows; those not among ``results`` keep their lines in ``former``."""
    lines = {line.split("|")[1].strip(): line for line in former.splitlines() if line.count("|") > 1}
    for one in results:
        said = f"**{verdict(one)}**" if one.holds is False else verdict(one)
        lines[one.row.id] = f"| {one.row.id} | {one.row.claim} | {said} | {margin(one)} |"
    table = ["| row | claim | here | by how much |", "|---|---|---|---|"]
    return "\n".join(table + [lines[one] for one in order if one in lines])


def _written(value: float, unit: Unit) -> str:
    """In points with one decimal, where that says anything of a share; else with as many digits as it takes."""
    size = 100 * value if unit == "share" else value
    return numbers.signed(size, 1) if unit == "share" and abs(size) >= 0.05 else numbers.signed_short(size)
