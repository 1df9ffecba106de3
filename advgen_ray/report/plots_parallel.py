"""A search in parallel coordinates: one line a trial, over its settings to what they led to."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, LogNorm, Normalize

from advgen_ray.report.blocks import Panel
from advgen_ray.report.plots_pareto import is_number, norm_of
from advgen_ray.report.search_words import Objective, setting_name, setting_text, settings_text
from advgen_ray.report.style import BLACK, BLUE, INK, SKY, draw

HEIGHT, WIDTH = 3.4, 9.6  # inches
TICKS = (0.0, 0.25, 0.5, 0.75, 1.0)
FADED = 0.75
FROM_POOR_TO_GOOD = LinearSegmentedColormap.from_list("from-poor-to-good", ["#d4c9a8", SKY, BLUE, BLACK])


@dataclass(frozen=True)
class Coordinate:
    """One of the axes: its name, each trial's height in [0, 1] (nan where it has none), and its ticks."""

    name: str
    heights: np.ndarray  # [N]
    ticks: list[tuple[float, str]]


def parallel_panel(trials: pd.DataFrame, keys: Sequence[str], objectives: Sequence[Objective]) -> Panel:
    """Settings from the left, objectives to the right; coloured by the first objective, the best trial in front.

    A scale is logarithmic where its setting spans a decade; an objective that is to be small points downwards.

    Args:
        trials: a row each, the best first: every setting and objective.
        keys: the settings.
        objectives: the first one ranks.
    """
    axes_of = [_setting(trials[key], setting_name(key, keys)) for key in keys]
    axes_of += [_objective(trials, objective) for objective in objectives]
    heights = np.stack([one.heights for one in axes_of], axis=1)  # [N, axes]
    colors = FROM_POOR_TO_GOOD(np.nan_to_num(axes_of[len(keys)].heights))

    def paint(axes: Axes) -> None:
        places = np.arange(len(axes_of))
        for number in reversed(range(len(trials))):
            best = number == 0
            axes.plot(
                places, heights[number], color=colors[number], alpha=1.0 if best else FADED,
                linewidth=3.0 if best else 1.3, marker="o", markersize=4 if best else 2.5, zorder=3 if best else 2,
            )  # fmt: skip
        for place, one in zip(places, axes_of, strict=True):
            axes.axvline(float(place), color=INK, linewidth=0.9, zorder=1)
            for height, text in one.ticks:
                axes.annotate(text, (float(place), height), (4, 2), textcoords="offset points", fontsize=7.5, color=INK)
        axes.set_xticks(places, [one.name for one in axes_of])
        axes.set_yticks([])
        axes.grid(visible=False)
        axes.spines[["left", "bottom"]].set_visible(False)
        axes.tick_params(axis="x", length=0)
        axes.margins(x=0.08, y=0.06)

    best, first = trials.iloc[0], objectives[0]
    alt = (
        f"{len(trials)} trials as lines over {', '.join(one.name for one in axes_of)}. The best by {first.name}, "
        f"{first.written(best[first.metric])}: {settings_text({key: best[key] for key in keys})}."
    )
    return draw("parallel-coordinates", alt, (WIDTH, HEIGHT), paint)


def _setting(values: pd.Series, name: str) -> Coordinate:
    if is_number(values):
        found = pd.to_numeric(values, errors="coerce").to_numpy(float)
        scale = norm_of(found[np.isfinite(found)])
        return Coordinate(name, _heights(scale, found), _ticks(scale, lambda value: f"{value:.3g}"))
    words = sorted(set(values.dropna()))
    places = {word: number / max(1, len(words) - 1) for number, word in enumerate(words)}
    heights = np.array([places.get(value, np.nan) for value in values], dtype=float)
    return Coordinate(name, heights, [(height, setting_text(word)) for word, height in places.items()])


def _objective(trials: pd.DataFrame, objective: Objective) -> Coordinate:
    found = trials[objective.metric].to_numpy(float)
    known = found[np.isfinite(found)]
    scale = norm_of(known) if len(known) else Normalize(0.0, 1.0)
    if isinstance(scale, LogNorm):
        scale = Normalize(float(known.min()), float(known.max()))
    heights, ticks = _heights(scale, found), _ticks(scale, objective.written)
    if objective.maximize:
        return Coordinate(objective.name, heights, ticks)
    return Coordinate(objective.name, 1 - heights, [(1 - height, text) for height, text in ticks])


def _heights(scale: Normalize, values: np.ndarray) -> np.ndarray:
    return np.array([float(scale(value)) if np.isfinite(value) else np.nan for value in values])


def _ticks(scale: Normalize, written: Callable[[float], str]) -> list[tuple[float, str]]:
    return [(height, written(float(scale.inverse(height)))) for height in TICKS]
