"""The page of binary AT in the plane: each problem with each p0 at the end, on the way there, and S004's claims."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from advgen_ray.analysis.binary_simulation import SUPPORT_SIGMAS, TOLERANCE, Case, Claim, Measures
from advgen_ray.report import numbers
from advgen_ray.report.blocks import Animation, Figure, KeyFigure, Section, Table, full_config
from advgen_ray.report.page import Page
from advgen_ray.report.plots_binary_simulation import field_panel, movie

States = Mapping[str, np.ndarray]
READING = (
    "D is grey below 1/2 and yellow above, the line is D = 1/2, arrows show which way the logit rises. Blue: data. "
    "Red: where samples of p0 went."
)


def binary_simulation_page(
    states: Mapping[Case, States],
    points: np.ndarray,
    first: Mapping[Case, Measures],
    last: Mapping[Case, Measures],
    claims: Sequence[Claim],
    floor: float,
    config: Mapping[str, Any],
    version: str,
) -> Page:
    """``floor`` is the energy distance of two samples of the data; ``points`` ``[G, G, 2]`` those of the grids."""
    num_held = sum(claim.holds for claim in claims)
    diverse, concentrated = last["maximin", "diverse"], last["maximin", "concentrated"]
    settings = full_config("simulation", config)
    return Page(
        title="advgen_ray: binary adversarial training in the plane",
        heading="What does binary adversarial training learn?",
        data_name="points of the plane",
        version=version,
        answer=f"{num_held} of {len(claims)} claims of Yin 2022 {'holds' if num_held == 1 else 'hold'} here. "
        f"With a diverse p0 the maximin problem leaves D at {numbers.decimal(diverse.mean_on_data)} on the data "
        f"and {_spurious(diverse)} elsewhere; with a "
        f"concentrated one at {numbers.decimal(concentrated.mean_on_data)} and {_spurious(concentrated)}.",
        lead="Maximin: samples of p0 ascend the logit, then D takes a step (Yin 2022, algorithm 1). Minimax: D is "
        "fitted, then the samples take a step (algorithm 2). One seed, one network.",
        key_figures=[_key(case, end) for case, end in last.items()],
        sections=[
            Section("end", "Where it ends", [], [_figure(states, points, last), _table(first, last, floor)]),
            Section("way", "The way there", [], [_animation(states, points), _begin(states, points, first)]),
            Section("claims", "What Yin (2022) says of it", [], [_claims(claims)]),
            Section("run", "What was run", [], [settings]),
        ],
    )


def _spurious(measures: Measures) -> str:
    count = len(measures.spurious)
    if count == 0:
        return "no spurious maximum"
    highest = numbers.decimal(measures.spurious[0])
    return f"a spurious maximum of {highest}" if count == 1 else f"{count} spurious maxima, the highest {highest}"


def _key(case: Case, end: Measures) -> KeyFigure:
    value = numbers.decimal(end.mean_on_data)
    published = "maxima remain elsewhere" if case == ("maximin", "concentrated") else "1/2 on the data"
    return KeyFigure(f"{case[0]}, {case[1]} p0", value, "D on the data", _spurious(end), "", None, published)


def _figure(states: Mapping[Case, States], points: np.ndarray, last: Mapping[Case, Measures]) -> Figure:
    panels = [field_panel(case, seen, points, -1, last[case]) for case, seen in states.items()]
    return Figure("D and the samples at the end", READING, panels)


def _begin(states: Mapping[Case, States], points: np.ndarray, first: Mapping[Case, Measures]) -> Figure:
    panels = [field_panel(case, seen, points, 0, first[case]) for case, seen in states.items()]
    caption = "The untrained D has maxima of its own. In the maximin problem the samples have already ascended it."
    return Figure("At the beginning", caption, panels)


def _animation(states: Mapping[Case, States], points: np.ndarray) -> Animation:
    movies = [movie(case, seen, points) for case, seen in states.items()]
    frames = len(next(iter(states.values()))["step"])
    return Animation("solving", "From the first step to the last", f"{frames} states of each. {READING}", movies)


def _table(first: Mapping[Case, Measures], last: Mapping[Case, Measures], floor: float) -> Table:
    rows = [
        [f"{case[0]}, {case[1]} p0", numbers.decimal(end.mean_on_data, 3), numbers.decimal(end.std_on_data, 3),
         numbers.decimal(end.highest_off_support), str(len(end.spurious)), str(len(end.maxima_off_support)),
         str(len(first[case].maxima_off_support)), numbers.decimal(first[case].energy_distance, 4),
         numbers.decimal(end.energy_distance, 4)]
        for case, end in last.items()
    ]  # fmt: skip
    columns = ["", "D on the data", "its standard deviation", "highest D elsewhere", "spurious maxima",
               "all maxima elsewhere", "those of the untrained D", "samples' distance, first",
               "samples' distance, last"]  # fmt: skip
    caption = (
        f"Elsewhere: farther than {SUPPORT_SIGMAS:g} standard deviations from the middle of the data. A local maximum "
        f"of the grid there is spurious above {0.5 + TOLERANCE:g}; one on the square's border counts. The distance is "
        f"the energy distance to the data; two samples of the data lie {numbers.decimal(floor, 4)} apart."
    )
    return Table("Case by case", caption, columns, rows)


def _claims(claims: Sequence[Claim]) -> Table:
    rows = [
        [f"{one.case[0]}, {one.case[1]} p0", one.text, one.measured, "yes" if one.holds else "no"] for one in claims
    ]
    caption = (
        f"Yin (2022), section 2.4, states them without numbers; the bounds are ours: D within {TOLERANCE:g} of 1/2 in "
        "its mean, with a standard deviation of no more; samples match where 5% of their first distance is left. With "
        "a concentrated p0 Yin calls the minimax D undefined off the data, which no number can refute."
    )
    return Table("Claim by claim", caption, ["", "claim", "measured", "holds"], rows, prose=True)
