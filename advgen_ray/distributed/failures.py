"""Rows that cannot be made: told apart from their neighbours, and from a job of which nothing can be made."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from advgen_ray.errors import UserError

Make = Callable[[np.ndarray], pa.Table]
"""``numbers of rows in the plan [n] -> the rows``."""

MAX_REASON_CHARACTERS = 200


class RowsFailed(Exception):  # noqa: N818 - a result of a shard, not an error of the program
    """Some rows cannot be made; ``reasons`` says why, by their keys."""

    def __init__(self, reasons: Mapping[str, str]) -> None:
        super().__init__(reasons)
        self.reasons = dict(reasons)

    def __str__(self) -> str:
        return f"{len(self.reasons)} rows cannot be made: {commonest(self.reasons)}"


class Failed:
    """What could not be made of a job: rows, and shards of which nothing is known, given up whole."""

    def __init__(self) -> None:
        self.rows: Counter[str] = Counter()  # by their reason
        self.num_shards = self.given_up = 0
        self.why_given_up = ""

    def add(self, report: Mapping[str, Any]) -> None:
        """One more shard, as its actor tells of it."""
        self.num_shards += 1
        if report["given_up"]:
            self.given_up, self.why_given_up = self.given_up + 1, report["reason"]
        else:
            self.rows[report["reason"]] += int(report["num_failed"])

    def told(self, of: int) -> str:
        """In a few words, in a job of so many shards."""
        told = []
        if self.rows:
            shards, most_often = self.num_shards - self.given_up, self.rows.most_common(1)[0][0]
            told.append(f"failed rows: {self.rows.total()}, in {shards} of {of} shards, most often: {most_often}")
        if self.given_up:
            told.append(f"shards given up: {self.given_up} of {of}: {self.why_given_up}")
        return "; ".join(told)


def commonest(reasons: Mapping[str, str]) -> str:
    """The reason that most rows have."""
    return Counter(reasons.values()).most_common(1)[0][0]


def make_rows(batches: Iterable[np.ndarray], make: Make, key: Callable[[int], str], num_rows: int) -> pa.Table:
    """The rows of all batches, in order; raises RowsFailed, after the last batch, where some cannot be made.

    What is returned was made in these very batches, so it follows from them alone, rounding included. A batch that
    ``make`` raises for is halved until the rows are found that it raises for alone as well; these fail, and what was
    made on the way is thrown away. Where there is no such row the batch is tried once more, and its error raised.
    ``make`` itself may raise RowsFailed for rows it found at fault.

    Where nothing comes of a batch, and the first, the middle and the last of the plan's ``num_rows`` rows cannot be
    made alone either, it is not the rows' fault: RuntimeError, at once. A UserError is never a row's fault.
    """
    tables: list[pa.Table] = []
    reasons: dict[str, str] = {}
    for rows in batches:
        try:
            tables.append(make(rows))
        except UserError:
            raise
        except Exception as error:
            if not isinstance(error, RowsFailed) or len(error.reasons) == len(rows):
                _check_that_others_can_be_made(make, num_rows, error)
            found = _guilty(make, key, rows, error)
            if not found:
                tables.append(make(rows))
            reasons |= found
    if reasons:
        raise RowsFailed(reasons)
    return pa.concat_tables(tables)


def _guilty(make: Make, key: Callable[[int], str], rows: np.ndarray, error: Exception) -> dict[str, str]:
    """Which rows of a batch that raised ``error`` fail alone too, and why."""
    if isinstance(error, RowsFailed):
        return error.reasons
    if len(rows) == 1:
        return {key(int(rows[0])): _one_line(error)}
    found: dict[str, str] = {}
    for half in np.array_split(rows, 2):
        try:
            make(half)
        except UserError:
            raise
        except Exception as of_half:
            found |= _guilty(make, key, half, of_half)
    return found


def _check_that_others_can_be_made(make: Make, num_rows: int, error: Exception) -> None:
    for row in (0, num_rows // 2, num_rows - 1):
        try:
            make(np.array([row]))
        except UserError:
            raise
        except Exception:
            continue
        return
    raise RuntimeError(
        f"nothing can be made: neither a batch nor the plan's first, middle and last row alone ({_one_line(error)})"
    ) from error


def _one_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0] if lines else 'no message'}"[:MAX_REASON_CHARACTERS]
