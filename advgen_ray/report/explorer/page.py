"""The explorer's page: styles and scripts inside it, its data in a folder beside it."""

from dataclasses import dataclass
from importlib.resources import files

from advgen_ray.report.explorer.handing import DATA_FOLDER
from advgen_ray.report.page import fill

# In the order of what stands on what; each is a plain script, and together they share one scope.
SCRIPTS = (
    "loading", "set", "filters", "address", "sheets", "difference", "layout", "keys", "row", "list", "summary",
    "detail", "controls", "main",
)  # fmt: skip


@dataclass(frozen=True)
class ExplorerPage:
    """What the page says before its data is loaded."""

    data_name: str
    version: str  # of advgen_ray
    lead: str  # what is shown
    has_classifiers: bool
    report: str = ""  # a page beside this one, linked to
    data_folder: str = DATA_FOLDER

    @property
    def title(self) -> str:
        """Of the browser's window."""
        return f"advgen_ray: counterfactuals of {self.data_name}, one by one"

    @property
    def scripts(self) -> list[str]:
        """The texts of the scripts."""
        folder = files("advgen_ray.report.explorer")
        return [(folder / f"{name}.js").read_text().rstrip() for name in SCRIPTS]


def render(page: ExplorerPage) -> str:
    """The page as HTML; every text is escaped."""
    return fill("explorer/explorer.html", page=page)
