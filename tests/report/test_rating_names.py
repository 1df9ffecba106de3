"""A rating page of more classes than keys: names are typed, the best match comes first, and no letter is a verdict."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from advgen_ray.report.rating_page import RatedPair, rating_page
from tests.report.rating_tab import CLIPPED, place, press, pressed, saved, tab_of

pytestmark = pytest.mark.browser

NAMES = (
    "red fox", "red panda", "arctic fox", "foxglove", "truck", "fire truck", "tree", "lake",
    "hill", "road", "sea", "sky",
)  # fmt: skip


@pytest.fixture
def page(tmp_path: Path) -> Path:
    """Three trials of one pair."""
    images = np.random.default_rng(0).random((2, 3, 32, 32))
    file = tmp_path / "many.html"
    file.write_text(rating_page("a" * 16, NAMES, [RatedPair("p", *images)], ["p"] * 3))
    return file


def test_many_classes_are_found_by_a_part_of_their_name(browser: Any, page: Path) -> None:
    with tab_of(browser, page, viewport={"width": 1280, "height": 800}) as tab:

        def offered() -> list[str]:
            found = tab.evaluate(
                "[...document.querySelectorAll('#choices button:not([hidden])')]"
                ".sort((a, b) => a.style.order - b.style.order).map(b => b.textContent)"
            )
            return [str(name) for name in found]

        press(tab, *"Ada", "Enter")
        assert len(offered()) == 12
        press(tab, *"fox")
        assert offered() == ["red fox", "arctic fox", "foxglove"], "whole words first, then beginnings"
        press(tab, "ArrowDown", "Enter")
        assert pressed(tab) == ["arctic fox"]
        press(tab, "n")
        assert place(tab) == "Pair 2 of 3"
        press(tab, *"truk")
        assert (offered(), tab.is_visible("#nothing")) == ([], True)
        press(tab, "Enter", "Backspace", "Backspace")
        assert (offered(), place(tab)) == (["truck", "tree", "fire truck"], "Pair 2 of 3")
        press(tab, "Enter", "Backspace")
        assert (pressed(tab), len(offered())) == ([], 12), "the choice is taken back and the text with it"
        tab.click("#choices >> text=lake")
        press(tab, "y", *"sky", "Enter", "y")
        assert [answer["seen"] for answer in saved(tab)["answers"]] == [2, 7, 11]
        assert tab.evaluate(CLIPPED) == []


def test_a_name_typed_after_a_choice_is_no_verdict(browser: Any, page: Path) -> None:
    with tab_of(browser, page) as tab:
        press(tab, *"Ada", "Enter", *"lake", "Enter")
        tab.fill("#filter", "")
        assert pressed(tab) == ["lake"], "an empty text is no other answer"
        tab.click("#filter")
        press(tab, *"sky")
        assert (place(tab), pressed(tab), tab.is_disabled("#yes")) == ("Pair 1 of 3", [], True)
        press(tab, "Enter")
        assert pressed(tab) == ["sky"]
        press(tab, "y", *"sea", "Enter", "n", *"sea", "Enter", "n", *["ArrowLeft"] * 3)
        tab.click("#filter")
        press(tab, *"fox", "ArrowLeft", "ArrowRight", "Enter", "n", *["ArrowRight"] * 2)
        answers = [(NAMES[one["seen"]], one["plausible"]) for one in saved(tab)["answers"]]
        assert answers == [("red fox", False), ("sea", False), ("sea", False)]
