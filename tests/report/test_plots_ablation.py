"""An ablation's pictures: every trial a point, the front ringed, slices joined where nothing else differs."""

import numpy as np
import pandas as pd
from matplotlib.colors import to_rgba

from advgen_ray.analysis.ce_ablation import slice_of
from advgen_ray.report.plots_ablation import front_panel, slice_panels
from advgen_ray.report.style import INK
from tests.report.ablated import BASE, KIND, SIGMA, STEPS, W, trial, trials
from tests.report.painted import legend_of, painted

OTHERS = (SIGMA, W, STEPS)


def test_every_trial_is_a_point_and_the_front_is_ringed() -> None:
    table = trials()
    panel = front_panel(table, "l2_mean", W)
    axes, bar = painted(panel)
    drawn = {edge: [] for edge in (True, False)}
    for points in axes.collections:
        for place in np.asarray(points.get_offsets()):
            ringed = np.allclose(points.get_edgecolor()[0], to_rgba(INK))
            drawn[ringed].append(tuple(place))
    for front, expected in table.groupby("on_front"):
        assert sorted(drawn[bool(front)]) == sorted(zip(expected["l2_mean"], expected["validity"], strict=True))
    assert legend_of(axes) == ["Gaussian", "Boltzmann", "on the front"]
    assert bar.get_ylabel() == "w"
    assert bar.get_yscale() == "log"
    assert "15 trials, 13 of them on the front" in panel.alt
    marked = {text.get_text(): text.xy for text in axes.texts}
    base, paper = table[table["base"]].iloc[0], table[table["paper"]].iloc[0]
    assert marked == {
        "recipe": (base["l2_mean"], base["validity"]), "paper": (paper["l2_mean"], paper["validity"]),
    }  # fmt: skip


def test_validity_is_stretched_towards_one_which_is_on_the_picture() -> None:
    axes, _ = painted(front_panel(trials(), "l0_mean", SIGMA))
    transform = axes.yaxis.get_transform().transform
    heights = transform(np.array([0.9, 0.95, 1.0]))
    assert heights[1] - heights[0] < heights[2] - heights[1]
    assert axes.get_ylim()[1] == 1.0
    assert [round(tick, 2) for tick in axes.get_yticks()] == [0.75, 0.9, 0.95, 0.99, 1.0]
    np.testing.assert_allclose(axes.yaxis.get_transform().inverted().transform(heights), [0.9, 0.95, 1.0])
    assert "%" in axes.xaxis.get_major_formatter()(0.5, 0)


def test_one_setting_for_both_marks_has_one_word() -> None:
    table = trials()
    table["base"] = table["paper"]
    axes, _ = painted(front_panel(table, "l2_mean", W))
    assert [text.get_text() for text in axes.texts] == ["recipe and paper"]


def test_a_slice_joins_what_differs_in_nothing_else_with_its_intervals() -> None:
    exact = trial("exact", **{KIND: "boltzmann_exact"})
    cut = slice_of(trials(exact), OTHERS, W, BASE)
    validity, l2, l0 = (painted(panel)[0] for panel in slice_panels(cut, W, BASE[W], joined=True))
    assert legend_of(validity) == ["Gaussian", "Boltzmann"], "of the exact one there is a single point"
    gaussian = l2.containers[0]
    assert list(gaussian.lines[0].get_xdata()) == [1.0, 4.0, 15.0]
    np.testing.assert_allclose(gaussian.lines[0].get_ydata(orig=False), [1.0, 1.3, 2.4])
    assert gaussian.lines[0].get_linestyle() == "-"
    bar = gaussian.lines[2][0].get_segments()[0][:, 1]
    np.testing.assert_allclose(bar, [1.0 - 1.984217 * 0.01, 1.0 + 1.984217 * 0.01], rtol=1e-6)  # t of 99 degrees
    of_validity = validity.containers[0].lines[2][0].get_segments()[2][:, 1]
    np.testing.assert_allclose(of_validity, [0.97, 1.0])  # .99 with .02 below and what is left above
    assert l0.get_xscale() == "log"
    assert [tick.get_text() for tick in l0.get_xticklabels()] == ["1", "4", "15"]


def test_trials_that_share_nothing_are_points() -> None:
    table = pd.DataFrame([trial(f"{i}", **{SIGMA: 0.1 + 0.01 * i, W: 1.0 + i}) for i in range(9)])
    axes = painted(slice_panels(table, SIGMA, 0.5, joined=False)[0])[0]
    assert axes.containers[0].lines[0].get_linestyle() == "None"
    assert len(axes.lines) == 1 + 2, "the points and their caps; no line for a value that is not there"


def test_names_stand_side_by_side() -> None:
    rows = [trial(f"{i}", **{"sampler.kind": kind}) for i, kind in enumerate(("heun", "ancestral"))]
    axes = painted(slice_panels(pd.DataFrame(rows), "sampler.kind", "heun", joined=True)[1])[0]
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["heun", "ancestral"]
