"""What an entry of the catalogue is: a published claim, the jobs that test it here, and how their results are read."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from advgen_ray.analysis.estimate import Estimate

Scale = Literal["small", "paper"]
Unit = Literal["share", "number"]
Summaries = Mapping[str, Any]
"""What the jobs of a row returned, by the names that the row has for them."""


@dataclass(frozen=True)
class Work:
    """A job by a recipe, with settings over it, after the works whose results it reads."""

    job: str
    recipe: str
    settings: tuple[str, ...] = ()
    after: tuple["Work", ...] = ()


@dataclass(frozen=True)
class Figure:
    """One number of a row; ``published`` is the document's, on its own data. Either may be missing."""

    name: str
    ours: float | None
    published: float | None = None


@dataclass(frozen=True)
class Reading:
    """What one seed's results say: the figures, and by how much the claim holds; below zero it does not.

    The margin's interval is of other images, or of other trainings where a job repeats them; its ends are nan where the
    results do not tell.
    """

    figures: Sequence[Figure]
    margin: Estimate


@dataclass(frozen=True)
class Row:
    """One row of the catalogue. It repeats no job's code: it names jobs, and reads what they return."""

    id: str
    source: str  # document, table or figure
    claim: str  # a sentence
    margin: str  # what is measured to see whether it holds
    published_on: str  # the data, network and norm of the published figures; "" where none is printed
    small: Mapping[str, Work]
    paper: Mapping[str, Work]
    read: Callable[[Summaries], Reading]
    unit: Unit = "share"

    def works(self, scale: Scale) -> Mapping[str, Work]:
        """By the names that ``read`` knows them by."""
        return self.small if scale == "small" else self.paper


def in_order(works: Sequence[Work]) -> list[Work]:
    """Each once, after those whose results it reads."""
    return list(dict.fromkeys(one for work in works for one in _with_former(work)))


def _with_former(work: Work) -> Iterator[Work]:
    for former in work.after:
        yield from _with_former(former)
    yield work


def first(rows: Sequence[Mapping[str, Any]], **wanted: Any) -> Mapping[str, Any]:
    """The first of a summary's rows with these values; raises KeyError where there is none."""
    for row in rows:
        if all(row[key] == value for key, value in wanted.items()):
            return row
    raise KeyError(f"no row with {wanted}")
