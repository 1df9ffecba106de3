"""Images without labels from folders, Parquet files and arrays: in order, in shape, and one line for each mistake."""

import io
import tracemalloc
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from advgen_ray.data import pictures
from advgen_ray.data.image_files import read_image_files, resized, some
from advgen_ray.errors import UserError

GENERATOR = np.random.default_rng(0)
PICTURES = [GENERATOR.integers(0, 256, (12, 12, 3), dtype=np.uint8) for _ in range(5)]
SHAPE = (3, 12, 12)


def _encoded(picture: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "PNG")
    return buffer.getvalue()


def _stacked() -> np.ndarray:
    return np.stack(PICTURES).transpose(0, 3, 1, 2)


def test_a_folder_is_read_at_any_depth_in_the_order_of_names(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    for name, picture in zip(("a.png", "b/0.png", "b/1.PNG", "c.png", "d.png"), PICTURES, strict=True):
        (tmp_path / name).write_bytes(_encoded(picture))
    (tmp_path / "notes.txt").write_text("no picture")
    (tmp_path / ".thumbnails").mkdir()
    (tmp_path / ".thumbnails" / "a.png").write_bytes(_encoded(PICTURES[0]))
    (tmp_path / "b" / "._0.png").write_bytes(b"of a Mac")
    np.testing.assert_array_equal(read_image_files(tmp_path, SHAPE), _stacked())


@pytest.mark.parametrize("as_struct", [False, True])
def test_parquet_files_hold_bytes_or_hugging_faces_struct(tmp_path: Path, as_struct: bool) -> None:
    for number, part in enumerate((PICTURES[:2], PICTURES[2:])):
        values = [{"bytes": _encoded(one), "path": None} if as_struct else _encoded(one) for one in part]
        pq.write_table(pa.table({"image": values, "label": list(range(len(part)))}), tmp_path / f"{number}.parquet")
    np.testing.assert_array_equal(read_image_files(tmp_path, SHAPE), _stacked())
    np.testing.assert_array_equal(read_image_files(tmp_path / "1.parquet", SHAPE), _stacked()[2:])


def test_a_choice_of_places_is_read_and_no_other_picture_decoded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pictures, "AT_ONCE", 2)
    (tmp_path / "files").mkdir()
    (tmp_path / "rows").mkdir()
    contents = [_encoded(picture) for picture in PICTURES]
    contents[1] = b"no picture"
    for number, content in enumerate(contents):
        (tmp_path / "files" / f"{number}.png").write_bytes(content)
    for number, part in enumerate((contents[:2], contents[2:])):
        pq.write_table(pa.table({"image": part}), tmp_path / "rows" / f"{number}.parquet")
    np.savez(tmp_path / "images.npz", images=np.stack(PICTURES))
    for source in ("files", "rows", "images.npz"):
        found = read_image_files(tmp_path / source, SHAPE, lambda count: np.setdiff1d(np.arange(count), 1))
        np.testing.assert_array_equal(found, _stacked()[[0, 2, 3, 4]])


def test_decoded_pictures_are_in_memory_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pictures, "AT_ONCE", 10)
    for number in range(100):
        (tmp_path / f"{number}.png").write_bytes(_encoded(PICTURES[0]))
    read_image_files(tmp_path, (3, 64, 64))  # what Pillow loads once
    tracemalloc.start()
    images = read_image_files(tmp_path, (3, 64, 64))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert images.nbytes < peak < 1.4 * images.nbytes


def test_some_are_the_same_whoever_asks_and_among_those_of_more() -> None:
    few, more = some(10, 1000), some(100, 1000)
    assert len(few) == 10
    assert set(few) < set(more)
    assert (np.diff(more) > 0).all()
    assert more.max() > 900, "from all over"
    assert some(None, 7).tolist() == some(7, 7).tolist() == list(range(7))
    with pytest.raises(UserError, match="num_images=8: there are 7 to choose from; lower it"):
        some(8, 7)


def test_a_flipped_bit_is_met_as_one_line_wherever_it_is(tmp_path: Path) -> None:
    noise = np.random.default_rng(1).integers(0, 256, (200, 200, 3), dtype=np.uint8)
    content = _encoded(noise)
    assert content.count(b"IDAT") > 1, "damage in the second chunk is found while decoding"
    second, path = content.rindex(b"IDAT"), tmp_path / "a.png"
    said = []
    for place in (*range(8, 33), *range(second - 8, second + 8)):
        for bit in range(8):
            damaged = bytearray(content)
            damaged[place] ^= 1 << bit
            path.write_bytes(damaged)
            try:
                read_image_files(tmp_path, SHAPE)
            except UserError as error:
                said.append(str(error))
    assert set(said) == {f"{path}: no whole PNG or JPEG image; write it again"}
    assert len(said) > 200


def test_an_array_needs_no_labels(tmp_path: Path) -> None:
    np.savez(tmp_path / "images.npz", images=np.stack(PICTURES))
    np.testing.assert_array_equal(read_image_files(tmp_path / "images.npz", SHAPE), _stacked())


def test_another_size_or_colour_is_fitted_from_the_middle(tmp_path: Path) -> None:
    wide = np.zeros((20, 40, 3), np.uint8)
    wide[:, 10:30] = 200  # the square in the middle
    (tmp_path / "wide.png").write_bytes(_encoded(wide))
    (grey,) = read_image_files(tmp_path, (1, 5, 5))
    assert grey.shape == (1, 5, 5)
    assert (grey[:, :, 1:-1] == 200).all()
    small = resized(np.full((2, 1, 8, 8), 0.5, np.float32), (3, 16, 16))
    assert small.shape == (2, 3, 16, 16)
    assert (small == 128).all()


@pytest.mark.parametrize("in_parquet", [False, True])
def test_sixteen_bits_are_scaled_to_eight(tmp_path: Path, in_parquet: bool) -> None:
    ramp = np.linspace(0, 65535, 144).round().astype(np.uint16).reshape(12, 12)
    if in_parquet:
        pq.write_table(pa.table({"image": [_encoded(ramp)]}), tmp_path / "0.parquet")
    else:
        (tmp_path / "ramp.png").write_bytes(_encoded(ramp))
    for channels in (1, 3):
        (found,) = read_image_files(tmp_path, (channels, 12, 12))
        np.testing.assert_array_equal(found, np.stack([np.rint(ramp / 257)] * channels))


def test_each_mistake_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="nowhere: not found; give a folder"):
        read_image_files(tmp_path / "nowhere", SHAPE)
    with pytest.raises(UserError, match=r"nowhere\.npz: not found; give a folder"):
        read_image_files(tmp_path / "nowhere.npz", SHAPE)
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(UserError, match="empty: no PNG, JPEG or Parquet file in it"):
        read_image_files(empty, SHAPE)
    (empty / "torn.png").write_bytes(_encoded(PICTURES[0])[:100])
    with pytest.raises(UserError, match=r"torn\.png: no whole PNG or JPEG image"):
        read_image_files(empty, SHAPE)
    Image.fromarray(np.ones((12, 12), np.float32)).save(empty / "torn.png", "TIFF")
    with pytest.raises(
        UserError, match=r"torn\.png: its pixels are floating-point numbers \(mode F\), expected 8 or 16"
    ):
        read_image_files(empty, SHAPE)
    pq.write_table(pa.table({"picture": [b""]}), tmp_path / "other.parquet")
    with pytest.raises(UserError, match="columns picture; expected one named image"):
        read_image_files(tmp_path / "other.parquet", SHAPE)
    pq.write_table(pa.table({"image": [b"no picture"]}), tmp_path / "bad.parquet")
    with pytest.raises(UserError, match=r"bad\.parquet row 0: no whole PNG or JPEG image"):
        read_image_files(tmp_path / "bad.parquet", SHAPE)
    pq.write_table(pa.table({"image": [{"path": "a.png"}]}), tmp_path / "paths.parquet")
    with pytest.raises(UserError, match=r"paths\.parquet row 0: no whole PNG or JPEG image"):
        read_image_files(tmp_path / "paths.parquet", SHAPE)
    (tmp_path / "torn.parquet").write_bytes(b"PAR1")
    with pytest.raises(UserError, match=r"torn\.parquet: no whole Parquet file"):
        read_image_files(tmp_path / "torn.parquet", SHAPE)
