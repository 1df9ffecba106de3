"""What a simulation of binary AT in the plane came to: D on the data, maxima elsewhere, S004's claims one by one."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

HALF = 0.5
TOLERANCE = 0.05  # of D about 1/2: its mean and spread on the data, and what makes a maximum elsewhere spurious
SUPPORT_SIGMAS = 3.0  # 98.9% of a Gaussian in the plane lie within
MATCHED_SHARE = 0.05  # of the energy distance at the start: so little is left where samples match the data

Case = tuple[str, str]
"""Problem and p0: ``("maximin", "diverse")``."""


@dataclass(frozen=True)
class Measures:
    """One state of one case. The support is the disc of three standard deviations about the data's middle."""

    step: int
    mean_on_data: float  # of D on held-out data
    std_on_data: float
    highest_off_support: float  # of D on the grid
    maxima_off_support: tuple[float, ...]  # D at the grid's local maxima there, highest first
    energy_distance: float  # between where p0's samples went and the data

    @property
    def spurious(self) -> tuple[float, ...]:
        """Those maxima that exceed 1/2 by more than the tolerance."""
        return tuple(height for height in self.maxima_off_support if height > HALF + TOLERANCE)

    @property
    def is_half_on_data(self) -> bool:
        """Whether D is 1/2 on the data, in the mean and in its spread."""
        return abs(self.mean_on_data - HALF) <= TOLERANCE and self.std_on_data <= TOLERANCE


@dataclass(frozen=True)
class Claim:
    """A sentence of S004 section 2.4 on one case, and whether it came out so."""

    case: Case
    text: str
    measured: str
    holds: bool


def measure(states: Mapping[str, np.ndarray], points: np.ndarray, data_sigma: float, frame: int = -1) -> Measures:
    """One state of what a simulation saw; ``points`` ``[G, G, 2]`` are those of its grids."""
    grid, on_data = states["grid"][frame], states["on_data"][frame].astype(np.float64)
    off_support = np.linalg.norm(points - HALF, axis=-1) > SUPPORT_SIGMAS * data_sigma
    return Measures(
        step=int(states["step"][frame]),
        mean_on_data=float(on_data.mean()),
        std_on_data=float(on_data.std()),
        highest_off_support=float(grid[off_support].max()),
        maxima_off_support=tuple(sorted((float(v) for v in grid[local_maxima(grid) & off_support]), reverse=True)),
        energy_distance=energy_distance(states["moved"][frame], states["data"]),
    )


def local_maxima(grid: np.ndarray) -> np.ndarray:
    """Where a grid ``[G, G]`` exceeds all of its up to eight neighbours; a point of the border may be one."""
    padded = np.pad(grid, 1, constant_values=-np.inf)
    height, width = grid.shape
    shifts = [(row, column) for row in range(3) for column in range(3) if (row, column) != (1, 1)]
    neighbours = np.stack([padded[row : row + height, column : column + width] for row, column in shifts])
    higher: np.ndarray = grid > neighbours.max(axis=0)
    return higher


def energy_distance(a: np.ndarray, b: np.ndarray) -> float:
    """``2 E|A - B| - E|A - A'| - E|B - B'|`` of two samples ``[N, 2]`` (Szekely and Rizzo 2013): 0 where equal."""

    def mean_distance(p: np.ndarray, q: np.ndarray) -> float:
        return float(np.linalg.norm(p[:, None].astype(np.float64) - q[None].astype(np.float64), axis=-1).mean())

    return 2 * mean_distance(a, b) - mean_distance(a, a) - mean_distance(b, b)


def claims(first: Mapping[Case, Measures], last: Mapping[Case, Measures]) -> list[Claim]:
    """What S004 says of the four cases, at their first and last states."""
    found = []
    for case, end in last.items():
        told = f"mean {end.mean_on_data:.3f}, standard deviation {end.std_on_data:.3f}"
        heights = ", ".join(f"{height:.2f}" for height in end.spurious) or "none"
        if case != ("maximin", "concentrated"):
            found.append(Claim(case, "D is 1/2 on the data", told, end.is_half_on_data))
        if case == ("maximin", "diverse"):
            found.append(Claim(case, "local maxima elsewhere are suppressed", heights, not end.spurious))
        if case == ("maximin", "concentrated"):
            found.append(Claim(case, "local maxima elsewhere remain", heights, bool(end.spurious)))
        if case[0] == "minimax":
            share = end.energy_distance / first[case].energy_distance
            text = "the samples come to match the data"
            found.append(Claim(case, text, f"{100 * share:.2f}% of their distance is left", share <= MATCHED_SHARE))
    return found
