"""The grid of counterfactuals: its pictures, pixel for pixel, and its choice of rows."""

import base64
import io

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from advgen_ray.report.grid import build_grid, grid_rows, picture_uri


def opened(uri):
    head, _, data = uri.partition(",")
    assert head == "data:image/png;base64"
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(data))))


@pytest.mark.parametrize("width", [8, 5])
def test_pictures_are_enlarged_by_whole_pixels(width):
    image = np.linspace(0, 1, 8 * width, dtype=np.float32).reshape(1, 8, width)
    pixels = opened(picture_uri(image))
    assert pixels.shape == (64, 8 * width)
    assert (pixels == np.kron(np.rint(image[0] * 255), np.ones((8, 8)))).all()


def test_colour_pictures_keep_their_channels():
    image = np.zeros((3, 32, 32), dtype=np.float32)
    image[2] = 1.0
    pixels = opened(picture_uri(image))
    assert pixels.shape == (64, 64, 3)
    assert (pixels == [0, 0, 255]).all()


def test_large_pictures_stay_as_they_are():
    assert opened(picture_uri(np.zeros((3, 160, 160), dtype=np.float32))).shape == (160, 160, 3)


def test_first_source_of_each_class_and_first_replicate(invented):
    rows = grid_rows(invented.inputs.main.rows)
    assert len(rows) == 100
    assert (rows["replicate"] == 0).all()
    everything = invented.inputs.main.rows
    for label, group in rows.groupby("source_label"):
        first = everything[everything["source_label"] == label]["source_index"].min()
        assert set(group["source_index"]) == {first}


def test_cells_hold_their_own_picture_distance_and_verdict():
    rows = pd.DataFrame(
        [("a/0/0", "a", 1, 0, 0, 2.0), ("a/1/0", "a", 1, 1, 0, 0.5)],
        columns=["item_id", "source_id", "source_label", "y_target", "replicate", "l2"],
        index=[7, 3],
    )
    x_ce = np.stack([np.full((1, 64, 64), 0.2), np.full((1, 64, 64), 0.6)]).astype(np.float32)
    sources = np.ones_like(x_ce)
    grid = build_grid("Ten", rows, x_ce, sources, pd.Series({"a/0/0": 1, "a/1/0": 1}), ["cat", "dog"])
    (line,) = grid.rows
    assert grid.columns == ["cat", "dog"]
    assert line.label == "dog"
    assert (opened(line.uri) == 255).all()
    assert [int(opened(cell.uri)[0, 0]) for cell in line.cells] == [51, 153]
    assert [(cell.l2, cell.same_class, cell.rejected) for cell in line.cells] == [
        ("2.00", False, True),
        ("0.50", True, False),
    ]
    assert line.cells[0].alt == "dog turned into cat, L2 2.00, seen by the judge as dog"
    assert "1 of 2 shown" in grid.caption
