"""Pictures of binary AT in the plane: D as contours with the way up, the data, and where p0's samples go."""

from collections.abc import Callable, Mapping
from functools import partial

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap

from advgen_ray.analysis.binary_simulation import Case, Measures
from advgen_ray.report import numbers
from advgen_ray.report.animation import Movie
from advgen_ray.report.blocks import Panel
from advgen_ray.report.style import BLUE, INK, VERMILLION, draw

SIZE = (3.1, 3.3)
LEVELS = np.linspace(0, 1, 11)  # 1/2 is one of them: the contour that the theory speaks of
NUM_ARROWS = 13  # a side
# Light grey below 1/2 and yellow above it: the points keep their colours on both.
FIELD = LinearSegmentedColormap.from_list("field", ["#c9ced6", "#fafaf7", "#f2c200"])


def field_panel(case: Case, states: Mapping[str, np.ndarray], points: np.ndarray, frame: int, end: Measures) -> Panel:
    """One state of a case; ``points`` ``[G, G, 2]`` are those of its grids."""
    problem, p0 = case
    spurious = f"{len(end.spurious)} spurious maxima" if end.spurious else "no spurious maximum"
    alt = (
        f"{problem}, {p0} p0, after {end.step} steps: D over the square. On the data it is "
        f"{numbers.decimal(end.mean_on_data)}, elsewhere at most {numbers.decimal(end.highest_off_support)}; "
        f"{spurious}."
    )
    paint = partial(_paint, states=states, points=points, frame=frame, title=f"{problem}, {p0} p0: step {end.step}")
    return draw(f"{problem}-{p0}-step-{end.step}", alt, SIZE, paint)


def movie(case: Case, states: Mapping[str, np.ndarray], points: np.ndarray) -> Movie:
    """All states of a case, one after the other."""
    problem, p0 = case
    paints: list[Callable[[Axes], None]] = [
        partial(_paint, states=states, points=points, frame=frame, title=f"{problem}, {p0} p0: step {step}")
        for frame, step in enumerate(states["step"])
    ]
    alt = (
        f"Moving picture: {problem}, {p0} p0, D and the samples of p0 from step 0 to {states['step'][-1]}; "
        "its first and last states are the still figures."
    )
    return Movie(f"{problem}-{p0}", alt, SIZE, paints)


def _paint(axes: Axes, *, states: Mapping[str, np.ndarray], points: np.ndarray, frame: int, title: str) -> None:
    grid, line = states["grid"][frame].astype(np.float64), points[0, :, 0]
    axes.contourf(line, line, grid, levels=LEVELS, cmap=FIELD, vmin=0, vmax=1)
    axes.contour(line, line, grid, levels=[0.5], colors=INK, linewidths=0.9)
    _arrows(axes, grid, line)
    for dots, color in ((states["data"], BLUE), (states["moved"][frame], VERMILLION)):
        axes.scatter(dots[:, 0], dots[:, 1], s=3, color=color, linewidths=0, zorder=3, clip_on=False)
    axes.set(xlim=(0, 1), ylim=(0, 1), aspect="equal", xticks=[0, 0.5, 1], yticks=[0, 0.5, 1])
    axes.set_title(title, fontsize=8.5)
    axes.grid(visible=False)


def _arrows(axes: Axes, grid: np.ndarray, line: np.ndarray) -> None:
    """Which way the logit rises, every arrow of one length, as the ascent's steps are."""
    clipped = np.clip(grid, 1e-7, 1 - 1e-7)
    up, right = np.gradient(np.log(clipped) - np.log1p(-clipped), line, line)
    at = np.linspace(0, len(line) - 1, NUM_ARROWS + 2).round().astype(int)[1:-1]
    u, v = (part[np.ix_(at, at)] for part in (right, up))
    length = np.hypot(u, v)
    length[length == 0] = 1.0
    axes.quiver(line[at], line[at], u / length, v / length, color=INK, alpha=0.55, scale=22, width=0.005, pivot="mid")
