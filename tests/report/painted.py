"""A panel's picture as matplotlib objects: drawn as the page draws it, the figure kept."""

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from advgen_ray.report import style
from advgen_ray.report.blocks import Panel


def painted(panel: Panel) -> list[Axes]:
    """The axes of the panel's picture (a color bar is one too), after it was drawn to SVG without complaint."""
    canvases: list[Figure] = []

    def keep(**settings: object) -> Figure:
        canvases.append(Figure(**settings))  # type: ignore[arg-type]
        return canvases[-1]

    former, style.Canvas = style.Canvas, keep  # type: ignore[misc, assignment]
    try:
        assert panel.draw().startswith(b"<?xml")
    finally:
        style.Canvas = former  # type: ignore[misc]
    (canvas,) = canvases
    return canvas.axes


def legend_of(axes: Axes) -> list[str]:
    """The labels of the legend."""
    legend = axes.get_legend()
    return [] if legend is None else [text.get_text() for text in legend.get_texts()]
