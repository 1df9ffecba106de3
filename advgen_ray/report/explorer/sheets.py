"""Pictures packed many to a sheet: one PNG for a block of sources, each followed by its counterfactuals."""

import io

import numpy as np
from PIL import Image

from advgen_ray.report.grid import eight_bit

PICTURES_PER_LINE = 16  # sheets.js knows it too
BLOCK_BYTES = 2**19  # of a sheet's pixels: what is loaded to show one source, and decoded within a frame or two


def sources_per_block(image_shape: tuple[int, int, int], ces_per_source: int) -> int:
    """How many sources share a sheet, images of shape ``(C, H, W)``: as many as fit, at least one."""
    return max(1, BLOCK_BYTES // (int(np.prod(image_shape)) * (1 + ces_per_source)))


def sheet(images: np.ndarray) -> bytes:
    """Images ``[N, C, H, W]`` in [0, 1] as one PNG of 256 levels, sixteen in a line, in order; the rest is black."""
    pixels = eight_bit(images)
    count, height, width, channels = pixels.shape
    lines = -(-count // PICTURES_PER_LINE)
    padded = np.zeros((lines * PICTURES_PER_LINE, height, width, channels), np.uint8)
    padded[:count] = pixels
    grid = padded.reshape(lines, PICTURES_PER_LINE, height, width, channels).swapaxes(1, 2)
    whole = grid.reshape(lines * height, PICTURES_PER_LINE * width, channels)
    buffer = io.BytesIO()
    Image.fromarray(whole[..., 0] if channels == 1 else whole).save(buffer, "PNG")
    return buffer.getvalue()
