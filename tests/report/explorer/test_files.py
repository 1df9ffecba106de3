"""What the explorer is made of: columns bit for bit, pictures to 256 levels, scripts that stay small, one safe page."""

import base64
import io
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import advgen_ray.report.explorer
from advgen_ray.report.explorer.columns import encode
from advgen_ray.report.explorer.handing import handing_script, sheet_file
from advgen_ray.report.explorer.page import SCRIPTS, ExplorerPage, render
from advgen_ray.report.explorer.sheets import BLOCK_BYTES, PICTURES_PER_LINE, sheet, sources_per_block
from advgen_ray.report.grid import eight_bit

FOLDER = Path(advgen_ray.report.explorer.__file__).parent
PAGE = ExplorerPage("digits", "0.1.0", "What is shown.", has_classifiers=True)


@pytest.mark.parametrize(
    ("values", "name"),
    [
        (np.array([-1, 0, 32767], np.int16), "Int16Array"),
        (np.array([0, 2**32 - 1], np.uint32), "Uint32Array"),
        (np.array([[0.1, np.nan], [-0.0, 1e-40]], np.float32), "Float32Array"),
        (np.array([1.5, 2.5], ">f4"), "Float32Array"),
        (np.arange(12, dtype=np.int16).reshape(3, 4)[:, ::2], "Int16Array"),
    ],
)
def test_a_column_keeps_every_bit(values: np.ndarray, name: str) -> None:
    coded = encode(values)
    assert coded["type"] == name
    kind = values.dtype.newbyteorder("<")
    assert base64.b64decode(coded["data"]) == np.ascontiguousarray(values).astype(kind).tobytes()


def test_a_column_without_a_typed_array_is_refused() -> None:
    with pytest.raises(ValueError, match="a column of int64: expected one of <i2, <u4, <f4"):
        encode(np.arange(3))


def test_a_value_goes_to_the_nearest_of_256_levels() -> None:
    values = np.linspace(0, 1, 10_001, dtype=np.float32).reshape(1, 1, 1, -1)
    levels = eight_bit(values)
    assert levels.shape == (1, 1, 10_001, 1)
    assert np.abs(levels[0, :, :, 0] / 255 - values[0, 0]).max() <= 0.5 / 255 + 1e-7
    whole = np.arange(256, dtype=np.uint8).reshape(1, 1, 16, 16)
    assert (eight_bit(whole.astype(np.float32) / 255)[0, ..., 0] == whole[0, 0]).all(), "images of 256 levels are exact"


@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 5, 4)])
@pytest.mark.parametrize("count", [1, 16, 37])
def test_a_sheet_holds_every_picture_in_its_place(shape: tuple[int, int, int], count: int) -> None:
    images = np.random.default_rng(0).random((count, *shape)).astype(np.float32)
    channels, height, width = shape
    pixels = np.asarray(Image.open(io.BytesIO(sheet(images))))
    assert pixels.shape[:2] == (-(-count // PICTURES_PER_LINE) * height, PICTURES_PER_LINE * width)
    pixels = pixels.reshape(*pixels.shape[:2], channels)
    for place, expected in enumerate(eight_bit(images)):
        top, left = place // PICTURES_PER_LINE * height, place % PICTURES_PER_LINE * width
        assert (pixels[top : top + height, left : left + width] == expected).all()


def test_a_sheet_takes_as_many_sources_as_fit_and_one_at_least() -> None:
    assert sources_per_block((3, 32, 32), 20) == BLOCK_BYTES // (3 * 32 * 32 * 21) == 8
    assert sources_per_block((3, 160, 160), 20) == 1


def test_data_is_handed_over_under_its_files_name() -> None:
    script = handing_script(sheet_file(12), b"\x00\xff").decode()
    assert script == 'explorer.receive("sheet-00012.js", "AP8=");\n'
    data = {"name": "</script>\u2028"}
    script = handing_script("columns.js", data).decode()
    assert script.isascii()
    assert json.loads(script.removeprefix('explorer.receive("columns.js", ').removesuffix(");\n")) == data


def test_every_script_says_its_reason_and_stays_small() -> None:
    files = sorted(FOLDER.glob("*.js"))
    assert sorted(SCRIPTS) == [file.stem for file in files]
    for file in files:
        text = file.read_text()
        assert text.startswith("// "), file.name
        assert '\n"use strict";\n' in text, file.name
        assert text.count("\n") <= 250, file.name


def test_the_page_fetches_nothing_from_elsewhere_and_escapes() -> None:
    html = render(replace(PAGE, lead="<b>&", data_name="<i>"))
    assert "&lt;b&gt;&amp;" in html
    assert "<i>" not in html
    assert "http" not in html.replace("https://", "http")
    assert "@import" not in html
    assert "url(" not in html
    assert "<a href" not in html.split("<main>")[0], "no report to link to"
    assert '<a href="report.html">report</a>' in render(replace(PAGE, report="report.html"))
