"""The grid of counterfactuals (S000 figure 8): which sources to show, and their pictures as small PNGs."""

import base64
import io
from collections.abc import Sequence

import numpy as np
import pandas as pd
from PIL import Image

from advgen_ray.report import numbers
from advgen_ray.report.blocks import Cell, Grid, GridRow

MAX_CLASSES = 10  # columns; more would be too small to see
MIN_PICTURE_PIXELS = 64


def grid_rows(rows: pd.DataFrame) -> pd.DataFrame:
    """The CEs to show: of each class the first source in stored order (nothing is hand-picked), first replicate.

    At most ten classes, both as sources and as columns. Sorted by source label, then target.
    """
    sources = rows.drop_duplicates("source_id").drop_duplicates("source_label")
    shown = rows["source_id"].isin(sources["source_id"]) & (rows["replicate"] == 0)
    shown &= (rows["y_target"] < MAX_CLASSES) & (rows["source_label"] < MAX_CLASSES)
    return rows[shown].sort_values(["source_label", "y_target"])


def build_grid(
    title: str,
    rows: pd.DataFrame,
    x_ce: np.ndarray,
    sources: np.ndarray,
    judged: pd.Series,
    class_names: Sequence[str],
) -> Grid:
    """The grid of the chosen ``rows``.

    Args:
        title: its heading.
        rows: from ``grid_rows``.
        x_ce: their pictures ``[len(rows), C, H, W]`` in [0, 1].
        sources: the source picture of each row, same shape.
        judged: what the judge predicts on each CE, indexed by item_id; a missing one is not marked.
        class_names: by class index.
    """
    targets = sorted(rows["y_target"].unique())
    lines = []
    numbered = rows.reset_index(drop=True)
    for source_id, group in numbered.groupby("source_id", sort=False):
        label = class_names[int(group["source_label"].iloc[0])]
        cells = [_cell(row, x_ce[int(str(index))], judged, class_names) for index, row in group.iterrows()]
        first = int(str(group.index[0]))
        lines.append(GridRow(picture_uri(sources[first]), f"Source image {source_id}, a {label}", label, cells))
    num_rejected = sum(cell.rejected for line in lines for cell in line.cells)
    num_shown = sum(len(line.cells) for line in lines)
    caption = (
        f"Left: the first source image of each class in the set. In its row: one counterfactual for each class, with "
        f"its L2 distance (pixels in [0, 1]). Framed: the source's own class. Dashed and marked ✗: the judge does not "
        f"see the target ({num_rejected} of {num_shown} shown)."
    )
    return Grid(title, caption, [class_names[int(t)] for t in targets], lines)


def _cell(row: pd.Series, image: np.ndarray, judged: pd.Series, class_names: Sequence[str]) -> Cell:
    target, label = int(row["y_target"]), int(row["source_label"])
    predicted = int(judged.get(row["item_id"], target))
    l2 = numbers.decimal(float(row["l2"]))
    rejected = predicted != target
    alt = f"{class_names[label]} turned into {class_names[target]}, L2 {l2}"
    if rejected:
        alt += f", seen by the judge as {class_names[predicted]}"
    return Cell(picture_uri(image), alt, l2, target == label, rejected)


def picture_uri(image: np.ndarray) -> str:
    """An image ``[C, H, W]`` in [0, 1], one or three channels, as a PNG enlarged by whole pixels."""
    pixels = eight_bit(image)
    picture = Image.fromarray(pixels[..., 0] if len(image) == 1 else pixels)
    factor = max(1, -(-MIN_PICTURE_PIXELS // max(picture.size)))
    picture = picture.resize((picture.width * factor, picture.height * factor), Image.Resampling.NEAREST)
    buffer = io.BytesIO()
    picture.save(buffer, "PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()


def eight_bit(images: np.ndarray) -> np.ndarray:
    """Images ``[..., C, H, W]`` in [0, 1] as ``[..., H, W, C]`` in 0..255: each value to the nearest 1/255."""
    levels = np.clip(np.rint(images.astype(np.float64) * 255), 0, 255).astype(np.uint8)
    return np.moveaxis(levels, -3, -1)
