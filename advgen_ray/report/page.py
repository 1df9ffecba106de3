"""One self-contained page: styles and pictures inside it, nothing fetched, no script."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from jinja2 import Environment, PackageLoader, StrictUndefined

from advgen_ray.report.blocks import Figure, GridRow, KeyFigure, Panel, Section

OF_THE_RUN = ("run", "runs", "words")  # anchors


@dataclass(frozen=True)
class Page:
    """What a report says, from its first line to its last section."""

    title: str  # of the browser's window
    heading: str
    data_name: str
    version: str  # of advgen_ray
    answer: str  # one sentence: what came out
    lead: str  # what was run
    key_figures: Sequence[KeyFigure]
    sections: Sequence[Section]
    teaser: GridRow | None = None  # one source and its counterfactuals, one for each of ``teaser_columns``
    teaser_columns: Sequence[str] = field(default_factory=tuple)
    explorer: str = ""  # a page of every counterfactual beside this one, linked to under the teaser
    beside: Sequence[tuple[str, str]] = ()  # titles and addresses of other pages, linked to among the sections


def panels_of(sections: Sequence[Section]) -> list[Panel]:
    """Every drawn panel, for keeping as files."""
    figures = [block for section in sections for block in section.blocks if isinstance(block, Figure)]
    return [panel for figure in figures for panel in figure.panels]


def own_results(page: Page) -> list[Section]:
    """A page's sections without those about its run, for a page that has several in it."""
    return [section for section in page.sections if section.anchor not in OF_THE_RUN]


def render(page: Page) -> str:
    """The page as HTML; every text is escaped."""
    return fill("page.html", page=page)


def fill(template: str, **values: object) -> str:
    """A template of this package with its values; every text is escaped."""
    environment = Environment(
        loader=PackageLoader("advgen_ray", "report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(template).render(**values)
