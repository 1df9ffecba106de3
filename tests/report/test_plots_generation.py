"""Grids of pictures: which lies where, in which colors, and energies of what was generated."""

import numpy as np
import pytest

from advgen_ray.report.plots_generation import descent_panel, generated_panel, input_gradient_panel, neighbors_panel
from tests.report.painted import legend_of, painted


def _images(num_images: int, channels: int = 1, side: int = 8, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).random((num_images, channels, side, side)).astype(np.float32)


def _placed(axes) -> dict[tuple[int, int], np.ndarray]:  # type: ignore[no-untyped-def]
    """Pictures by (row, column)."""
    pictures = {}
    for image in axes.images:
        left, _, bottom, top = image.get_extent()
        assert bottom > top  # as the axis runs: downwards
        pictures[int(top), int(left)] = image.get_array()
    return pictures


@pytest.mark.parametrize("channels", [1, 3])
def test_gradients_lie_below_their_images(channels: int) -> None:
    images = _images(4, channels)
    gradients = {name: _images(4, channels, seed=i + 1) for i, name in enumerate(["non-robust", "robust"])}
    panel = input_gradient_panel(images, gradients, ["cat", "dog", "cat", "frog"])
    (axes,) = painted(panel)
    pictures = _placed(axes)
    assert sorted(pictures) == [(row, column) for row in range(3) for column in range(4)]
    assert [text.get_text() for text in axes.get_yticklabels()] == ["input", "non-robust", "robust"]
    assert [text.get_text() for text in axes.get_xticklabels()] == ["cat", "dog", "cat", "frog"]
    np.testing.assert_allclose(pictures[0, 2], np.broadcast_to(np.moveaxis(images[2], 0, -1), (8, 8, 3)))
    if channels == 3:
        np.testing.assert_allclose(pictures[2, 1], np.moveaxis(gradients["robust"][1], 0, -1))
    assert axes.get_ylim()[0] > axes.get_ylim()[1]  # the first row on top


def test_signed_gradients_are_purple_orange_and_white() -> None:
    gradient = np.zeros((1, 1, 1, 3), dtype=np.float32)
    gradient[0, 0, 0] = [0.0, 0.5, 1.0]
    (axes,) = painted(input_gradient_panel(_images(1, side=4), {"model": gradient}, ["1"]))
    purple, white, orange = _placed(axes)[1, 0][0]
    assert purple[2] > purple[0] > purple[1]
    assert white.min() > 0.95
    assert orange[0] > orange[1] > orange[2]


def test_generated_images_by_class_of_unequal_number() -> None:
    images = {"zero": _images(3), "one": _images(1, seed=1)}
    panel = generated_panel(images)
    (axes,) = painted(panel)
    pictures = _placed(axes)
    assert sorted(pictures) == [(0, 0), (0, 1), (0, 2), (1, 0)]
    np.testing.assert_allclose(pictures[1, 0][..., 0], images["one"][0, 0])
    assert "3 in a row; rows: zero, one" in panel.alt


def test_neighbors_follow_what_was_generated() -> None:
    generated, neighbors = _images(2, 3), _images(6, 3, seed=1).reshape(2, 3, 3, 8, 8)
    panel = neighbors_panel(generated, neighbors, np.array([[0.9, 0.5, 0.4], [0.3, 0.2, 0.1]]))
    (axes,) = painted(panel)
    pictures = _placed(axes)
    assert len(pictures) == 8
    np.testing.assert_allclose(pictures[1, 0], np.moveaxis(generated[1], 0, -1))
    np.testing.assert_allclose(pictures[1, 2], np.moveaxis(neighbors[1, 1], 0, -1))
    assert [text.get_text() for text in axes.get_yticklabels()] == ["SSIM 0.90", "SSIM 0.30"]
    assert [text.get_text() for text in axes.get_xticklabels()] == ["generated", "1", "2", "3"]


@pytest.mark.parametrize("num_images", [1, 5])
def test_descent_of_each_model(num_images: int) -> None:
    energies = -np.arange(21.0)[:, None] + np.zeros(num_images)
    panel = descent_panel({"SAT": energies, "TRADES": energies[:11] / 2})
    (axes,) = painted(panel)
    assert legend_of(axes) == ["SAT", "TRADES"]
    assert list(axes.lines[0].get_ydata()) == [-float(k) for k in range(21)]
    assert "SAT from 0.00 to −20.00, TRADES from 0.00 to −5.00" in panel.alt
