"""Drawings: bins without artefacts, the same bytes each time, and nothing that cannot be drawn."""

import numpy as np
import pandas as pd

from advgen_ray.report.plots_classifiers import confidence_panels
from advgen_ray.report.plots_distances import bin_edges
from advgen_ray.report.plots_training import training_panel
from advgen_ray.report.style import DASHES, SERIES


def test_bins_of_a_lattice_hold_equally_many_of_its_points():
    """64 pixels give distances k/64; a bin width of 1.5 steps would draw a comb."""
    values = np.arange(10, 60) / 64
    counts = np.histogram(values, bin_edges(values))[0]
    assert counts.sum() == len(values)
    assert set(counts[:-1]) == {counts[0]}


def test_bins_cover_continuous_and_constant_values():
    values = np.random.default_rng(0).normal(2, 0.5, 500)
    edges = bin_edges(values)
    assert 25 <= len(edges) <= 36
    assert np.histogram(values, edges)[0].sum() == 500
    assert np.histogram(np.full(5, 2.0), bin_edges(np.full(5, 2.0)))[0].sum() == 5
    assert len(bin_edges(np.array([]))) > 1


def test_as_many_lines_as_a_study_draws_are_told_apart():
    looks = [(SERIES[index % len(SERIES)], str(DASHES[index % len(DASHES)])) for index in range(20)]
    assert len(set(looks)) == 20


def test_a_panel_is_the_same_bytes_each_time_and_says_what_it_shows():
    points = pd.DataFrame(
        {"mean_distance": [1.0, 2.0, 3.0], "confidence": [0.2, 0.4, 0.9], "correct": [True, True, False]}
    )
    first, second = (confidence_panels({"robust": points}, [1.0])[0] for _ in range(2))
    assert first.svg == second.svg
    assert first.svg.startswith(b"<?xml")
    assert "3 sources: r squared 0.94, 2 correct, 1 wrong" in first.alt


def test_constant_confidence_is_drawn_with_r2_not_available():
    points = pd.DataFrame(
        {"mean_distance": [1.0, 2.0, 3.0], "confidence": [1.0, 1.0, 1.0], "correct": [True, True, True]}
    )
    (panel,) = confidence_panels({"standard": points}, [0.0])
    assert "r squared n/a" in panel.alt


def test_a_metric_that_nothing_logged_is_no_panel():
    assert training_panel({"a": [{"step": 1, "loss": 1.0}]}, "accuracy", "accuracy") is None
    assert training_panel({"a": []}, "loss", "loss") is None
