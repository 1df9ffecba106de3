"""Pictures of classes against classes: what was taken for what."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes

from advgen_ray.report.blocks import Panel
from advgen_ray.report.style import INK, WIDE, draw

MAX_DRAWN_CLASSES = 20  # in a matrix; more would be too small to read


def confusion_panel(
    name: str, confusion: np.ndarray, class_names: Sequence[str], rows: str, columns: str, what: str
) -> Panel:
    """Counts ``[num_classes, num_classes]``, darker the larger their share of a row.

    ``rows`` and ``columns`` say which classes these are, ``what`` is counted.
    """

    def paint(axes: Axes) -> None:
        shares = confusion / np.maximum(confusion.sum(axis=1, keepdims=True), 1)
        axes.imshow(shares, cmap="Blues", vmin=0.0, vmax=1.25, aspect="auto")
        for (row, column), number in np.ndenumerate(confusion):
            if number:
                color = "white" if shares[row, column] > 0.6 else INK
                axes.text(column, row, str(number), ha="center", va="center", color=color, fontsize=8.5)
        name_classes(axes, class_names, class_names)
        axes.set(xlabel=columns, ylabel=rows)

    right, total = int(np.trace(confusion)), int(confusion.sum())
    return draw(name, f"Confusion matrix: {right} of {total} {what} on its diagonal.", WIDE, paint)


def name_classes(axes: Axes, columns: Sequence[str], rows: Sequence[str]) -> None:
    """Names of classes along both axes of a matrix."""
    axes.set_xticks(range(len(columns)), columns, rotation=0 if max(map(len, columns)) <= 3 else 60)
    axes.set_yticks(range(len(rows)), rows)
    axes.grid(visible=False)
