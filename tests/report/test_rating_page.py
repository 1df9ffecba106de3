"""The raters' page as text: closed in itself, escaped, and the same for the same pairs."""

import json
import re

import numpy as np

from advgen_ray.report.rating_page import RatedPair, rating_page
from tests.report.test_page import Outline


def _pair(name: str, side: int = 8, channels: int = 1) -> RatedPair:
    images = np.random.default_rng(len(name)).random((2, channels, side, side))
    return RatedPair(name, images[0], images[1])


def _page(class_names: tuple[str, ...] = ("0", "1"), side: int = 8) -> str:
    return rating_page("f" * 16, class_names, [_pair("bb", side), _pair("a", side)], ["a", "bb", "a"])


def test_it_is_well_formed_and_may_load_nothing() -> None:
    outline = Outline(_page().replace("<input", "<meta"))  # a tag without an end
    assert outline.open == []
    for tag, attributes in outline.tags:
        for name in ("src", "href", "srcset", "action"):
            address = attributes.get(name)
            assert address is None or address.startswith("data:"), f"{tag} {name}={address}"
        assert not [name for name in attributes if name.startswith("on")], tag
    policy = next(a["content"] for tag, a in outline.tags if a.get("http-equiv") == "Content-Security-Policy")
    assert policy is not None
    assert policy.startswith("default-src 'none'; img-src data:;")
    ids = [attributes["id"] for _, attributes in outline.tags if "id" in attributes]
    assert len(set(ids)) == len(ids)
    used = set(re.findall(r'element\("([a-z-]+)"\)', _page()))
    assert used <= set(ids)
    assert len(used) > 20


def test_the_order_in_which_pairs_are_given_does_not_show() -> None:
    pairs = [_pair("bb"), _pair("a"), _pair("ccc")]
    order = ["a", "ccc", "bb", "a"]
    pages = [rating_page("0" * 16, ("0", "1"), given, order) for given in (pairs, pairs[::-1])]
    assert pages[0] == pages[1]


def test_names_of_classes_cannot_end_the_script() -> None:
    html = _page(class_names=("</script><b>", "R&D", "{{ 7 * 7 }}"))
    assert html.count("</script>") == 2
    found = re.search(r'id="page-data">(.*?)</script>', html)
    assert found
    assert json.loads(found.group(1))["classNames"] == ["</script><b>", "R&D", "{{ 7 * 7 }}"]


def test_small_pictures_keep_their_pixels_and_large_ones_are_smoothed() -> None:
    assert 'class="pair pixelated" style="--pixels: 8"' in _page(side=8)
    assert 'class="pair" style="--pixels: 128"' in _page(side=128)


def test_what_it_promises_of_time_grows_with_the_pairs() -> None:
    assert "3 pairs of images, about 1 minute." in _page()
    pair = _pair("a")
    assert "120 pairs of images, about 10 minutes." in rating_page("0" * 16, ("0", "1"), [pair], ["a"] * 120)
