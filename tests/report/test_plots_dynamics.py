"""Energy drift, subset errors and loss terms: every image an arrow, every set a bar, one epoch enough."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.collections import PathCollection
from matplotlib.colors import to_rgba
from matplotlib.quiver import Quiver

from advgen_ray.analysis.energy_dynamics import arrows
from advgen_ray.report.plots_dynamics import (
    CLASS_COLORS,
    OTHER_CLASS,
    drift_by_class,
    drift_by_length,
    error_rate_panel,
    loss_terms_panel,
    scatter_panels,
)
from tests.report.painted import legend_of, painted


def _rows(epochs: tuple[int, ...] = (1, 30), num_images: int = 40, num_classes: int = 10) -> pd.DataFrame:
    generator = np.random.default_rng(0)
    parts = []
    for epoch in epochs:
        energy = generator.normal(-epoch / 3, 1, num_images)
        parts.append(
            pd.DataFrame(
                {
                    "epoch": epoch,
                    "item_id": [f"i{i:03d}" for i in range(num_images)],
                    "label": np.arange(num_images) % num_classes,
                    "natural_energy_x": energy,
                    "natural_energy_xy": energy + generator.exponential(0.3, num_images),
                    "attacked_energy_x": energy - 0.5,
                    "attacked_energy_xy": energy + generator.exponential(2, num_images),
                }
            )
        )
    return pd.concat(parts, ignore_index=True)


@pytest.mark.parametrize("epochs", [(1, 30), (7,)])
def test_every_epoch_on_common_axes_with_the_identity_line(epochs: tuple[int, ...]) -> None:
    panels = scatter_panels(_rows(epochs))
    drawn = [painted(panel)[0] for panel in panels]
    assert [panel.name for panel in panels] == [f"energies-epoch-{epoch}" for epoch in epochs]
    assert len({(axes.get_xlim(), axes.get_ylim()) for axes in drawn}) == 1
    for axes in drawn:
        natural, attacked = (one for one in axes.collections if isinstance(one, PathCollection))
        assert len(natural.get_offsets()) == len(attacked.get_offsets()) == 40
        (line,) = axes.lines
        assert list(line.get_xdata()) == list(line.get_ydata())
        assert legend_of(axes) == ["natural", "attacked"]


def test_an_arrow_goes_from_natural_to_attacked_in_the_color_of_its_class() -> None:
    chosen = arrows(_rows(), 30)
    (axes,) = painted(drift_by_class(chosen, [f"class {k}" for k in range(10)]))
    (quiver,) = (one for one in axes.collections if isinstance(one, Quiver))
    np.testing.assert_allclose(quiver.get_offsets(), chosen[["natural_energy_x", "natural_energy_xy"]])
    np.testing.assert_allclose(quiver.U, chosen["drift_x"])
    np.testing.assert_allclose(quiver.V, chosen["drift_xy"])
    np.testing.assert_allclose(quiver.get_facecolor()[13][:3], to_rgba(CLASS_COLORS[3])[:3])
    assert legend_of(axes) == [f"class {k}" for k in range(10)]
    assert axes.get_ylim()[1] > chosen["attacked_energy_xy"].max()  # tips lie inside


def test_classes_after_the_tenth_are_grey() -> None:
    (axes,) = painted(drift_by_class(arrows(_rows(num_classes=20), 30), [str(k) for k in range(20)]))
    assert legend_of(axes)[-1] == "other"
    (quiver,) = (one for one in axes.collections if isinstance(one, Quiver))
    np.testing.assert_allclose(quiver.get_facecolor()[15][:3], to_rgba(OTHER_CLASS)[:3])


@pytest.mark.parametrize("num_images", [1, 40])
def test_length_has_a_color_bar(num_images: int) -> None:
    panel = drift_by_length(arrows(_rows(num_images=num_images), 1))
    axes, bar = painted(panel)
    assert bar.get_ylabel() == "length of the drift"
    assert f"{num_images} images" in panel.alt
    assert axes.get_xlabel() == "E(x)"


def _errors(num_seeds: int) -> pd.DataFrame:
    spread = 0.01 if num_seeds > 1 else float("nan")
    return pd.DataFrame(
        {
            "subset": ["full", "I", "C", "H", "L"],
            "clean_error": [0.05, 0.04, 0.05, 0.04, 0.05],
            "clean_std": spread,
            "adversarial_error": [0.3, 0.35, 0.3, 0.36, 0.3],
            "adversarial_std": spread,
        }
    )


@pytest.mark.parametrize("num_seeds", [1, 3])
def test_two_bars_a_set_and_two_lines_for_all_images(num_seeds: int) -> None:
    panel = error_rate_panel(_errors(num_seeds))
    (axes,) = painted(panel)
    assert [bar.get_height() for bar in axes.patches] == [0.04, 0.05, 0.04, 0.05, 0.35, 0.3, 0.36, 0.3]
    assert legend_of(axes) == ["clean, all images", "attacked, all images", "clean", "attacked"]
    assert [text.get_text()[0] for text in axes.get_xticklabels()] == ["I", "C", "H", "L"]
    assert "H: clean 4.0%, attacked 36.0%" in panel.alt


def test_without_a_training_on_all_images_there_is_no_line_to_compare() -> None:
    (axes,) = painted(error_rate_panel(_errors(3).iloc[1:2]))
    assert legend_of(axes) == ["clean", "attacked"]
    assert len(axes.patches) == 2


@pytest.mark.parametrize("num_epochs", [1, 5])
def test_one_line_a_term(num_epochs: int) -> None:
    history = [{"epoch": e, "kl": 1 / (e + 1), "marginal": -0.1 * e} for e in range(num_epochs)]
    history[0]["unrelated"] = 3
    panel = loss_terms_panel(history, {"kl": "KL", "marginal": "marginal term"}, "TRADES as energies")
    (axes,) = painted(panel)
    assert legend_of(axes) == ["KL", "marginal term"]
    assert list(axes.lines[0].get_ydata()) == [row["kl"] for row in history]
    assert f"KL {1 / num_epochs:.3f}" in panel.alt
