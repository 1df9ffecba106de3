"""Moving pictures that need no script: frames drawn once, joined to an animated PNG that every browser plays."""

import base64
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure as Canvas
from PIL import Image

from advgen_ray.report.style import LOOK, without_mathtext

FRAME_MILLISECONDS = 400
LAST_MILLISECONDS = 3000  # the end is what is to be seen
DOTS_PER_INCH = 120


@dataclass(frozen=True)
class Movie:
    """Frames of one size; ``alt`` tells what happens from the first to the last."""

    name: str
    alt: str
    size: tuple[float, float]  # inches
    paints: Sequence[Callable[[Axes], None]]

    @cached_property
    def _frames(self) -> list[Image.Image]:
        """In one palette, as the format wants it: that of all frames together, lest a colour that one has is lost."""
        frames = [_drawn(self.size, paint) for paint in self.paints]
        width, height = frames[0].size
        montage = Image.new("RGB", (width, height * len(frames)))
        for index, frame in enumerate(frames):
            montage.paste(frame, (0, index * height))
        palette = montage.quantize(256, Image.Quantize.MAXCOVERAGE)
        return [frame.quantize(palette=palette, dither=Image.Dither.NONE) for frame in frames]

    @cached_property
    def png(self) -> bytes:
        """The frames as an animated PNG, over and over; the same numbers give the same bytes."""
        first, *others = self._frames
        durations = [FRAME_MILLISECONDS] * len(others) + [LAST_MILLISECONDS]
        buffer = io.BytesIO()
        first.save(buffer, format="PNG", save_all=True, append_images=others, duration=durations, loop=0)
        return buffer.getvalue()

    @cached_property
    def last_png(self) -> bytes:
        """The last frame alone, for those who want nothing to move, and for paper."""
        buffer = io.BytesIO()
        self._frames[-1].save(buffer, format="PNG")
        return buffer.getvalue()

    @property
    def uri(self) -> str:
        """The moving picture inside the page."""
        return "data:image/png;base64," + base64.b64encode(self.png).decode()

    @property
    def still_uri(self) -> str:
        """The last frame inside the page."""
        return "data:image/png;base64," + base64.b64encode(self.last_png).decode()


def _drawn(size: tuple[float, float], paint: Callable[[Axes], None]) -> Image.Image:
    with mpl.rc_context(LOOK):
        canvas = Canvas(figsize=size, dpi=DOTS_PER_INCH, layout="constrained", facecolor="white")
        paint(canvas.add_subplot())
        without_mathtext(canvas)
        agg = FigureCanvasAgg(canvas)
        agg.draw()
        return Image.frombuffer("RGBA", agg.get_width_height(), bytes(agg.buffer_rgba())).convert("RGB")
