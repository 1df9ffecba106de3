"""One look for every picture: colours that colour-blind readers tell apart, one type size, SVG that stays crisp."""

import io
import re
from collections.abc import Callable
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure as Canvas
from matplotlib.ticker import Formatter, FuncFormatter, LogFormatterMathtext

from advgen_ray.report.blocks import Panel

# Okabe and Ito (2008).
BLACK, ORANGE, SKY, GREEN = "#000000", "#E69F00", "#56B4E9", "#009E73"
BLUE, VERMILLION, PURPLE = "#0072B2", "#D55E00", "#CC79A7"
SERIES = (BLUE, VERMILLION, GREEN, PURPLE, ORANGE, SKY, BLACK)
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
# One more than the colours, so that the eighth line is not the first again.
DASHES: tuple[Any, ...] = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (3, 3)), (0, (1, 1)), (0, (8, 2)))

NATURAL, ATTACKED = BLUE, VERMILLION
SMALL, WIDE = (3.1, 2.6), (4.9, 3.2)  # inches; a small panel is a quarter of the page, a wide one nearly half
INK, GRID = "#24282d", "#e4e4df"

LOOK: dict[Any, Any] = {
    "font.family": "DejaVu Sans",  # ships with matplotlib: the same on every machine
    "font.size": 9.0,
    "axes.titlesize": 10.0,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.labelsize": 9.0,
    "figure.facecolor": "none",  # the page's shows through
    "figure.edgecolor": "none",
    "axes.facecolor": "none",
    "axes.edgecolor": "#8b8f94",
    "axes.labelcolor": INK,
    "axes.titlecolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": GRID,
    "grid.linewidth": 0.7,
    "xtick.color": INK,
    "ytick.color": INK,
    "xtick.labelsize": 8.5,
    "ytick.labelsize": 8.5,
    "legend.fontsize": 8.5,
    "legend.frameon": False,
    "legend.handlelength": 2.2,
    "lines.linewidth": 1.6,
    "lines.markersize": 5.0,
    "text.parse_math": False,  # a class may be called us_$5_front
    "svg.fonttype": "path",
    "svg.hashsalt": "advgen_ray",  # the same numbers give the same bytes
}


def draw(name: str, alt: str, size: tuple[float, float], paint: Callable[[Axes], None]) -> Panel:
    """One panel: ``paint`` draws on fresh axes of ``size`` inches; no global state of matplotlib is touched."""

    def svg() -> bytes:
        with mpl.rc_context(LOOK):
            canvas = Canvas(figsize=size, dpi=200, layout="constrained")
            paint(canvas.add_subplot())
            without_mathtext(canvas)
            buffer = io.BytesIO()
            # savefig would draw everything twice, the first time into nothing; the bytes are the same.
            FigureCanvasSVG(canvas).print_svg(buffer, metadata={"Date": None, "Creator": None})
            return buffer.getvalue()

    return Panel(name, alt, svg)


class _PlainPowers(Formatter):
    """What a logarithmic axis says in mathtext, as text: 10² and 2×10⁻¹."""

    RAISED = str.maketrans("-\N{MINUS SIGN}0123456789", "⁻⁻⁰¹²³⁴⁵⁶⁷⁸⁹")

    def __init__(self, powers: Formatter) -> None:
        self.powers = powers

    def set_axis(self, axis: Any) -> None:
        super().set_axis(axis)
        self.powers.set_axis(axis)

    def set_locs(self, locs: list[float]) -> None:
        self.powers.set_locs(locs)

    def __call__(self, x: float, pos: int | None = None) -> str:
        said = re.sub(r"^\$\\mathdefault\{(.*)\}\$$", r"\1", self.powers(x, pos)).replace(r"\times", "×")
        return self.fix_minus(re.sub(r"\^\{(.*?)\}", lambda found: found[1].translate(self.RAISED), said))


def without_mathtext(canvas: Canvas) -> None:
    """Let logarithmic axes of a painted canvas say as text what they would in mathtext, which ``LOOK`` turns off."""
    for axis in (axis for axes in canvas.axes for axis in (axes.xaxis, axes.yaxis)):
        if isinstance(axis.get_major_formatter(), LogFormatterMathtext):
            axis.set_major_formatter(_PlainPowers(axis.get_major_formatter()))
        if isinstance(axis.get_minor_formatter(), LogFormatterMathtext):
            axis.set_minor_formatter(_PlainPowers(axis.get_minor_formatter()))


def file_name(text: str) -> str:
    """What a panel or a section is called after a name: ``"PGD (8/255)" -> "pgd-8-255"``."""
    return "-".join("".join(c if c.isalnum() else " " for c in text.lower()).split())


def in_percent(axis: Axis) -> None:
    """Label fractions as percent with no more digits than the ticks need: 96%, 97.5%."""
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{round(100 * value, 6):g}%"))


def legend_above(axes: Axes, num_columns: int, handlelength: float = 2.2) -> None:
    """The legend between title and axes, where it hides nothing."""
    axes.legend(
        loc="lower left",
        bbox_to_anchor=(-0.02, 0.985),
        ncols=num_columns,
        handlelength=handlelength,
        columnspacing=1.0,
        borderpad=0.2,
    )
