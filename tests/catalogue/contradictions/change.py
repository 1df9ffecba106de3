"""What a change is, and changes that several rows share."""

from collections.abc import Callable
from typing import Any

Found = Any
Way = int  # 1 where the results are to agree with the claim, -1 where they are to contradict it
Changes = dict[str, Callable[[Found, Way], None]]


def put(rows: Any, key: str, value: float, spread: float = 0.01) -> None:
    """A number of each row, its ends and its error beside it, as far as there are such."""
    for row in rows:
        row[key] = value
        for stem in (f"{key}_", f"{key.partition('_')[0]}_", ""):
            for end, of in (("low", value - spread), ("high", value + spread)):
                if f"{stem}{end}" in row:
                    row[f"{stem}{end}"] = of


def gradients(rows: Any, way: Way) -> None:
    put(rows[1:], "alignment", rows[0]["alignment"] + 0.1 * way)
