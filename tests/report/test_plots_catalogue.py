"""Pictures of a catalogue row: a name of any length leaves room for the dots."""

import warnings

import pytest

from advgen_ray.catalogue.results import Spread
from advgen_ray.report.plots_catalogue import ours_panel, published_panel


@pytest.mark.parametrize("length", [10, 82, 200])
def test_a_long_name_leaves_room_for_the_dots(length: int) -> None:
    name = " ".join(["word"] * (length // 5))
    figures = [Spread(name, 0.5, 0.4, 0.6, 0.7), Spread("short", 0.2, 0.2, 0.2, None)]
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # matplotlib gives up the layout with a warning, and draws on nothing
        ours, published = (of("A1", figures, "share") for of in (ours_panel, published_panel))
        assert ours.svg.startswith(b"<?xml")
        assert published is not None
        assert published.svg.startswith(b"<?xml")
