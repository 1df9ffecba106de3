"""What a page is made of; the template knows these and nothing else."""

import base64
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal, Protocol

from advgen_ray.config.plain_yaml import to_plain_yaml


@dataclass(frozen=True)
class Panel:
    """One picture of a figure: its own axes, its own words for those who do not see it; drawn when first asked for."""

    name: str  # a file name without ending
    alt: str
    draw: Callable[[], bytes]

    @cached_property
    def svg(self) -> bytes:
        """The picture."""
        return self.draw()

    @property
    def uri(self) -> str:
        """The picture inside the page."""
        return "data:image/svg+xml;base64," + base64.b64encode(self.svg).decode()


@dataclass(frozen=True)
class Figure:
    """Panels side by side, one below the other on a phone; the caption says what is seen and on how many samples."""

    title: str
    caption: str
    panels: list[Panel]
    size: Literal["small", "wide", "full"] = "small"
    kind: Literal["figure"] = "figure"


@dataclass(frozen=True)
class Table:
    """Formatted cells; the first of each row is its heading. Rows in ``context`` are published, not measured here."""

    title: str
    caption: str
    columns: list[str]
    rows: list[list[str]]
    context: list[list[str]] = field(default_factory=list)
    context_title: str = ""
    prose: bool = False  # cells may wrap
    kind: Literal["table"] = "table"


@dataclass(frozen=True)
class Cell:
    """One counterfactual in the grid."""

    uri: str
    alt: str
    l2: str
    same_class: bool
    rejected: bool  # the judge does not see the target in it


@dataclass(frozen=True)
class GridRow:
    """A source picture with its label, and its counterfactuals in the order of the grid's columns."""

    uri: str
    alt: str
    label: str
    cells: list[Cell]


@dataclass(frozen=True)
class Grid:
    """S000 figure 8: source and label on the left, one column a class, the L2 distance under each picture."""

    title: str
    caption: str
    columns: list[str]
    rows: list[GridRow]
    kind: Literal["grid"] = "grid"


@dataclass(frozen=True)
class Details:
    """Texts to unfold: full configs."""

    title: str
    items: list[tuple[str, str]]
    kind: Literal["details"] = "details"


def full_config(name: str, config: Mapping[str, Any]) -> Details:
    """What was run, as ``--config`` reads it."""
    return Details("Full config", [(name, to_plain_yaml(dict(config)))])


def full_configs(configs: Iterable[tuple[str, Mapping[str, Any]]]) -> Details:
    """Those of several runs, each under its name."""
    return Details("Full configs", [item for name, config in configs for item in full_config(name, config).items])


class Moving(Protocol):
    """A moving picture and the one that stands in for it, both inside the page."""

    @property
    def alt(self) -> str:
        """What happens in it, for those who do not see it."""

    @property
    def uri(self) -> str:
        """The moving picture."""

    @property
    def still_uri(self) -> str:
        """Its last frame."""


@dataclass(frozen=True)
class Animation:
    """Moving pictures side by side, which a reader may stop; at rest where the reader's system asks for less motion."""

    anchor: str
    title: str
    caption: str
    movies: Sequence[Moving]
    kind: Literal["animation"] = "animation"


Block = Figure | Table | Grid | Details | Animation


@dataclass(frozen=True)
class Section:
    """A heading, a few sentences computed from the tables, and what they rest on."""

    anchor: str
    title: str
    sentences: list[str]
    blocks: list[Block]


@dataclass(frozen=True)
class KeyFigure:
    """One of the numbers at the top: value, what it is, target and published value beside it."""

    title: str
    value: str
    unit: str
    detail: str
    target: str
    reached: bool | None  # None where no target is set
    published: str
