"""The page that raters see: pairs of pictures under opaque names, in order, and nothing that tells what they are."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from advgen_ray.report.grid import picture_uri
from advgen_ray.report.page import fill

SECONDS_A_PAIR = 5  # what the first screen promises
LARGEST_PIXELATED = 96  # pixels a side; larger pictures are smoothed when they are enlarged


@dataclass(frozen=True)
class RatedPair:
    """An original and its changed version, ``[C, H, W]`` in [0, 1], under a name that says nothing."""

    name: str
    original: np.ndarray
    changed: np.ndarray


def rating_page(page_id: str, class_names: Sequence[str], pairs: Sequence[RatedPair], order: Sequence[str]) -> str:
    """The page as HTML, offline and complete.

    Args:
        page_id: under which answers are kept and by which they name their page.
        class_names: what may be seen, by class index.
        pairs: each different pair once; they are stored sorted by name, whatever their order.
        order: the names as they are shown, some of them perhaps twice.
    """
    pictures = {
        one.name: [picture_uri(one.original), picture_uri(one.changed)]
        for one in sorted(pairs, key=lambda one: one.name)
    }
    pixels = max(pairs[0].original.shape[1:])
    return fill(
        "rating_page.html",
        data={"page": page_id, "classNames": list(class_names), "order": list(order), "pairs": pictures},
        num_trials=len(order),
        minutes=max(1, round(len(order) * SECONDS_A_PAIR / 60)),
        pixels=pixels,
        pixelated=pixels <= LARGEST_PIXELATED,
    )
