"""The raters' page as raters meet it: real keys, taps, a reload in the middle, and a file that the job reads."""

import json
from pathlib import Path
from typing import Any

import pytest

from advgen_ray.config import ReadRatingsConfig
from advgen_ray.stages import ratings
from advgen_ray.stages.rating_page import CONFIG, PAGE, PLAN, page_of
from advgen_ray.stages.rating_plan import RatingPlan, plan_of
from tests.chromium import barriers
from tests.rated_sets import page_config, store_counterfactuals
from tests.report.rating_tab import CLIPPED, place, press, pressed, saved, tab_of, two_tabs_of

pytestmark = pytest.mark.browser

NO_STORAGE = "Object.defineProperty(window, 'localStorage', { get() { throw new Error('forbidden'); } });"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, RatingPlan]:
    """A page of eight pairs, two of them twice, and two clean images."""
    root = tmp_path_factory.mktemp("page")
    config = page_config(
        root, store_counterfactuals(root / "set", "set"), num_pairs=8, repeat_share=0.25, catch_share=0.25
    )
    plan = plan_of(config)
    (root / PAGE).write_text(page_of(plan))
    (root / PLAN).write_text(json.dumps(plan.description))
    (root / CONFIG).write_text(config.model_dump_json())
    return root, plan


def test_a_whole_page_by_keyboard_ends_in_the_right_agreement(
    browser: Any, made: tuple[Path, RatingPlan], tmp_path: Path
) -> None:
    root, plan = made
    truth = [str(target) for target in plan.trials["y_target"]]
    with tab_of(browser, root / PAGE) as tab:
        press(tab, *"Ada", "Enter")
        assert place(tab) == "Pair 1 of 12"
        press(tab, "y", "Enter", "ArrowLeft", "Backspace", "ArrowRight")
        assert place(tab) == "Pair 1 of 12", "nothing is answered and there is nothing to go back to"
        press(tab, str((int(truth[0]) + 1) % 10), "y")
        assert place(tab) == "Pair 2 of 12"
        press(tab, "Backspace")
        assert pressed(tab) == [str((int(truth[0]) + 1) % 10), "Plausible Y"]
        press(tab, truth[0])
        assert pressed(tab) == [truth[0]], "another class asks anew whether it is plausible"
        press(tab, "n")
        press(tab, "3", "ArrowLeft")
        assert (place(tab), pressed(tab)) == ("Pair 2 of 12", []), "a half-given answer is taken back first"
        for target in truth[1:5]:
            press(tab, target, "y")
        tab.reload()
        assert tab.input_value("#rater") == "Ada"
        assert tab.inner_text("#begin") == "Continue at 6 of 12"
        press(tab, "Enter")
        assert (place(tab), pressed(tab)) == ("Pair 6 of 12", [])
        assert tab.evaluate("document.getElementById('progress').value") == 5
        press(tab, *["ArrowLeft"] * 2, *["ArrowRight"] * 2)
        assert place(tab) == "Pair 6 of 12"
        for target in truth[5:]:
            press(tab, target, "y")
        assert tab.inner_text("#thanks") == "Thank you, Ada."
        assert "11 plausible, 1 not" in tab.inner_text("#told")
        press(tab, "ArrowLeft")
        assert (place(tab), pressed(tab)) == ("Pair 12 of 12", [truth[11], "Plausible Y"])
        press(tab, "ArrowRight")
        said = saved(tab)
        assert json.loads(tab.input_value("#text")) == said
        assert "Saved as ratings-Ada-" in tab.inner_text("#saved")
        press(tab, "ArrowLeft", "n")
        assert (tab.is_visible("#saved"), tab.is_visible("#unsaved")) == (False, True), "the file is out of date"
        press(tab, "ArrowLeft", "y")
        said = saved(tab)
        tab.reload()
        press(tab, "Enter")
        assert saved(tab) == said, "a finished page stays finished"

    assert [answer["seen"] for answer in said["answers"]] == plan.trials["y_target"].tolist()
    assert [answer["plausible"] for answer in said["answers"]] == [False] + [True] * 11
    (tmp_path / "ada.json").write_text(json.dumps(said))
    config = ReadRatingsConfig(page=str(root), answers=(str(tmp_path),), output=str(tmp_path / "out"))
    (rater,) = ratings.run(config)["raters"]
    assert (rater["rater"], rater["target"], rater["clean"], rater["flagged"]) == ("Ada", 1.0, 1.0, False)
    pairs = plan.trials[~plan.trials["repeat"] & (plan.trials["y_target"] != plan.trials["source_label"])]
    assert rater["plausible"] == pytest.approx((pairs["trial"] != 0).mean(), abs=1e-3)


def test_on_a_phone_everything_is_in_reach_of_a_thumb(browser: Any, made: tuple[Path, RatingPlan]) -> None:
    root, plan = made
    phone = {"viewport": {"width": 390, "height": 780}, "has_touch": True, "is_mobile": True}
    with tab_of(browser, root / PAGE, **phone) as tab:

        def fits() -> None:
            assert tab.evaluate("document.documentElement.scrollWidth") <= 390
            assert tab.evaluate(CLIPPED) == []
            assert barriers(tab) == []

        fits()
        tab.fill("#rater", "Bob of the long, long and overlong name")
        tab.tap("#begin")
        for _ in range(2):
            fits()
            boxes = [one.bounding_box() for one in tab.locator("#rate button, #rate img").all()]
            assert all(box["y"] + box["height"] <= 780 for box in boxes), "on one screen, without scrolling"
            assert all(box["height"] >= 43 for box in boxes)
            side = tab.locator("#changed").bounding_box()
            assert side["width"] == side["height"] > 160
            tab.tap('#choices button[data-index="4"]')
            tab.tap("#no")
        press(tab, *["5", "y"] * (len(plan.trials) - 2))
        fits()
        tab.tap("#correct")
        assert pressed(tab)[0] == "5"
        tab.tap("#back")
        assert place(tab) == "Pair 11 of 12"


def test_without_storage_it_works_until_it_is_closed(browser: Any, made: tuple[Path, RatingPlan]) -> None:
    root, plan = made
    with tab_of(browser, root / PAGE, NO_STORAGE) as tab:
        assert "keeps nothing" in tab.inner_text("#kept")
        press(tab, *"Cyd", "Enter")
        for _ in plan.trials["trial"]:
            press(tab, "7", "n")
        assert tab.evaluate("window.onbeforeunload !== null"), "leaving asks first"
        assert [answer["seen"] for answer in saved(tab)["answers"]] == [7] * 12
        assert tab.evaluate("window.onbeforeunload === null")


@pytest.mark.parametrize(("script", "lost"), [(NO_STORAGE, "0"), ("", "localStorage.clear()")])
def test_a_reload_needs_no_storage(browser: Any, made: tuple[Path, RatingPlan], script: str, lost: str) -> None:
    with tab_of(browser, made[0] / PAGE, script) as tab:
        press(tab, *"Dan", "Enter", "1", "y", "2", "n", "3")
        tab.on("dialog", lambda dialog: dialog.accept())
        tab.evaluate(lost)
        tab.reload()
        assert tab.input_value("#rater") == "Dan"
        assert ("keeps nothing" in tab.inner_text("#kept")) == (script == NO_STORAGE)
        press(tab, "Enter")
        assert (place(tab), pressed(tab)) == ("Pair 3 of 12", ["3"])


def test_a_closed_page_goes_on_where_it_was(browser: Any, made: tuple[Path, RatingPlan]) -> None:
    def reopened() -> tuple[str, str, list[str]]:
        with tab_of(browser, made[0] / PAGE) as tab:
            press(tab, *"Eve", "Enter", "1", "y", "2", "n", "3")
            tab.close()
            anew = tab.context.new_page()
            anew.goto((made[0] / PAGE).as_uri())
            rater = anew.input_value("#rater")
            press(anew, "Enter")
            return rater, place(anew), pressed(anew)

    # One fresh profile in thirty of Chromium 156 on a busy machine loses what it was given to store.
    assert ("Eve", "Pair 3 of 12", ["3"]) in (reopened() for _ in range(5))


def test_each_rater_of_a_browser_has_answers_of_their_own(browser: Any, made: tuple[Path, RatingPlan]) -> None:
    with tab_of(browser, made[0] / PAGE) as tab:
        press(tab, *"Ada", "Enter", "1", "y", "2", "y")
        tab.reload()
        tab.fill("#rater", "Bob")
        assert tab.inner_text("#begin") == "Begin"
        tab.fill("#rater", "Ada ")
        assert tab.inner_text("#begin") == "Continue at 3 of 12"
        tab.fill("#rater", "  ")
        press(tab, "Enter")
        assert tab.is_visible("#start"), "a rater has a name"


def test_a_reload_leaves_each_of_two_tabs_its_rater(browser: Any, made: tuple[Path, RatingPlan]) -> None:
    with two_tabs_of(browser, made[0] / PAGE) as (tab, other):
        for one, rater in ((tab, "Ada"), (other, "Bob")):
            one.fill("#rater", rater)
            press(one, "Enter", "1", "y")
        tab.reload()
        assert (tab.input_value("#rater"), tab.inner_text("#begin")) == ("Ada", "Continue at 2 of 12")


def test_held_and_combined_keys_answer_nothing(browser: Any, made: tuple[Path, RatingPlan]) -> None:
    with tab_of(browser, made[0] / PAGE) as tab:
        press(tab, *"Ada", "Enter", "1", "y", "2", "y", "3", "y", "Control+4", "Alt+5")
        assert (place(tab), pressed(tab)) == ("Pair 4 of 12", [])
        for _ in range(3):
            tab.keyboard.down("Backspace")  # from the second on as a held key repeats
        assert place(tab) == "Pair 3 of 12"


def test_time_counts_while_a_pair_is_in_sight(browser: Any, made: tuple[Path, RatingPlan]) -> None:
    hide = """hidden => { Object.defineProperty(document, 'hidden', { value: hidden, configurable: true });
        document.dispatchEvent(new Event('visibilitychange')); }"""
    with tab_of(browser, made[0] / PAGE, "window.clock = 0; performance.now = () => window.clock;") as tab:

        def pass_seconds(seconds: float) -> None:
            tab.evaluate(f"window.clock += {1000 * seconds}")

        press(tab, *"Ada", "Enter")
        pass_seconds(3)
        tab.evaluate(hide, True)
        pass_seconds(60)
        tab.evaluate(hide, False)
        pass_seconds(1)
        press(tab, "1", "y")
        pass_seconds(0.5)
        press(tab, "ArrowLeft")
        pass_seconds(2)
        press(tab, "n")
        assert tab.evaluate("answers.slice(0, 2).map((answer) => answer.milliseconds)") == [6000, 500]


def test_two_tabs_of_one_rater_keep_one_list_of_answers(browser: Any, made: tuple[Path, RatingPlan]) -> None:
    with two_tabs_of(browser, made[0] / PAGE) as (tab, other):
        for one in (tab, other):
            one.fill("#rater", "Ada")
            press(one, "Enter")
        for first, second, pair in ((tab, other, 1), (other, tab, 3)):
            press(first, "1", "y", "2", "n")
            second.wait_for_selector(f"#place:text-is('Pair {pair + 2} of 12')")
        press(tab, "5")
        other.wait_for_selector("#chosen:text-is('“5”')")
        press(other, "y")
        tab.wait_for_selector("#place:text-is('Pair 6 of 12')")
        for one in (tab, other):
            assert one.evaluate("answers.filter(answered).map((answer) => answer.seen)") == [1, 2, 1, 2, 5]
