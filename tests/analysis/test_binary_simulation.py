"""Maxima, distances and verdicts on fields that are known beforehand."""

from dataclasses import replace

import numpy as np
import pytest

from advgen_ray.analysis.binary_simulation import Measures, claims, energy_distance, local_maxima, measure

LINE = np.linspace(0, 1, 41, dtype=np.float32)
POINTS = np.stack(np.meshgrid(LINE, LINE), axis=-1)


def bump(x: float, y: float, height: float) -> np.ndarray:
    values: np.ndarray = height * np.exp(-((POINTS - np.array([x, y])) ** 2).sum(-1) / 0.005)
    return values


def test_maxima_of_the_inside_and_of_the_border_are_found_and_flats_are_none() -> None:
    found = np.argwhere(local_maxima(np.maximum(bump(0.25, 0.75, 0.9), bump(1.0, 0.0, 0.7))))
    assert {(row, column) for row, column in found.tolist()} == {(30, 10), (0, 40)}
    assert not local_maxima(np.full((5, 5), 0.5)).any()


def test_what_lies_on_the_data_is_not_spurious() -> None:
    grid = np.maximum.reduce([bump(0.5, 0.5, 0.95), bump(0.2, 0.2, 0.8), bump(0.8, 0.8, 0.54)])
    points = np.random.default_rng(0).random((50, 2))
    states = {
        "step": np.array([3, 7]),
        "grid": np.stack([np.zeros_like(grid), grid]),
        "on_data": np.array([[0.0, 0.0], [0.4, 0.5]]),
        "moved": np.stack([points, points]),
        "data": points,
    }
    end = measure(states, POINTS, data_sigma=0.05)
    assert (end.step, end.mean_on_data, end.std_on_data) == (7, pytest.approx(0.45), pytest.approx(0.05))
    assert end.maxima_off_support == pytest.approx((0.8, 0.54))
    assert end.spurious == pytest.approx((0.8,))
    assert end.highest_off_support == pytest.approx(0.8)
    assert end.energy_distance == 0
    assert measure(states, POINTS, data_sigma=0.15).spurious == (), "both lie within three standard deviations"


def test_the_energy_distance_of_two_points_is_twice_theirs() -> None:
    assert energy_distance(np.zeros((4, 2)), np.tile([0.6, 0.8], (3, 1))) == pytest.approx(2.0)


def test_each_claim_can_fail() -> None:
    good = Measures(9, 0.49, 0.01, 0.5, (0.3,), 0.001)
    cases = [(problem, p0) for problem in ("maximin", "minimax") for p0 in ("diverse", "concentrated")]
    first = dict.fromkeys(cases, replace(good, energy_distance=0.1))
    verdicts = {(*one.case, one.text): one.holds for one in claims(first, dict.fromkeys(cases, good))}
    assert len(verdicts) == 7
    assert [key for key, holds in verdicts.items() if not holds] == [
        ("maximin", "concentrated", "local maxima elsewhere remain")
    ]
    bad = replace(good, std_on_data=0.06, maxima_off_support=(0.9,), energy_distance=0.006)
    verdicts = {(*one.case, one.text): one.holds for one in claims(first, dict.fromkeys(cases, bad))}
    assert [key for key, holds in verdicts.items() if holds] == [
        ("maximin", "concentrated", "local maxima elsewhere remain")
    ]
