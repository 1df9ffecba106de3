"""The explorer under real clicks and keys, by links, on a phone, with files missing; what it keeps stays bounded."""

import re
import shutil
from pathlib import Path

import pytest

from advgen_ray.stages.explorer import write_page
from advgen_ray.stages.explorer_inputs import read_explored
from advgen_ray.storage import ResultSet
from tests.chromium import barriers
from tests.explorer_visit import Visit
from tests.invented_counterfactuals import invent

pytestmark = pytest.mark.browser


def test_controls_filter_and_the_address_follows(visit) -> None:
    page = visit()
    assert page.counts() == (800, 40)
    page.tab.select_option("select[name=target]", label="bird")
    assert page.counts() == (80, 40)
    page.tab.get_by_text("changed", exact=True).click()
    page.tab.get_by_text("not valid", exact=True).click()
    page.tab.select_option("select[name=by]", label="eps 1")
    few = page.counts()
    assert 0 < few[0] < 40
    page.wait_for_hash("#target=2&kind=different&validity=invalid&by=eps-1.0")
    assert page.tab.locator(".tile:not(.rejected)").count() == 0
    page.tab.get_by_text("valid", exact=True).click()
    assert 0 < page.counts()[0] < 80
    assert page.tab.locator(".tile.rejected").count() == 0
    page.tab.click(".reset")
    assert page.counts() == (800, 40)
    page.wait_for_hash("")
    assert page.tab.is_disabled(".reset")


def test_the_handles_of_the_distance_are_moved_by_keys_and_stop_at_each_other(visit) -> None:
    page = visit()
    low, high = page.tab.locator("input[name=low]"), page.tab.locator("input[name=high]")
    low.focus()
    for _ in range(12):
        page.tab.keyboard.press("ArrowRight")
    first = page.counts()[0]
    assert 0 < first < 800
    shown = page.text(".range-text").split()[0]
    in_hash = "Number(new URLSearchParams(location.hash.slice(1)).get('low')).toFixed(2)"  # written a moment later
    page.tab.wait_for_function(f"shown => {in_hash} === shown", arg=shown)
    page.go(page.tab.evaluate("location.hash"))
    assert page.counts()[0] == first
    high.focus()
    page.tab.keyboard.press("Home")
    assert high.input_value() == low.input_value() == "12"
    page.tab.select_option("select[name=metric]", "l0")
    assert page.counts() == (800, 40), "another metric has other distances"
    assert "%" in page.text(".range-text")


def test_a_click_opens_keys_move_and_escape_closes(visit) -> None:
    page = visit()
    page.tab.locator(".tile").nth(3).click()
    assert page.text("dialog .name") == "npz-train-000000/3/0"
    page.wait_for_hash("#ce=npz-train-000000/3/0")
    for key, expected in (
        ("ArrowRight", "000000/4/0"), ("ArrowLeft", "000000/3/0"), ("ArrowDown", "000000/3/1"),
        ("ArrowDown", "000001/3/0"), ("ArrowUp", "000000/3/1"), ("ArrowUp", "000000/3/0"),
    ):  # fmt: skip
        page.tab.keyboard.press(key)
        assert page.text("dialog .name").endswith(expected), key
        page.wait_for_hash(f"#ce=npz-train-{expected}")
    page.tab.keyboard.press("Escape")
    assert not page.tab.is_visible("dialog")
    page.wait_for_hash("")
    assert page.tab.evaluate("document.activeElement.className") == "list"
    page.tab.keyboard.press("End")
    page.tab.keyboard.press("Enter")
    assert page.text("dialog .name") == "npz-train-000039/9/1"
    assert page.tab.is_disabled(".after")
    page.tab.click(".before")
    assert page.text("dialog .name") == "npz-train-000039/8/1"
    page.tab.click("dialog .close")
    page.tab.keyboard.press("Home")
    active = page.tab.get_attribute(".list", "aria-activedescendant")
    assert page.tab.get_attribute(f"#{active}", "aria-label").startswith("truck turned into airplane, L2 ")
    page.tab.wait_for_function("document.querySelector('.active').getBoundingClientRect().top > 0")


def test_keys_lead_through_what_is_shown_only(visit) -> None:
    page = visit("#target=2&replicate=1")
    page.tab.locator(".tile").first.click()
    for _ in range(3):
        page.tab.keyboard.press("ArrowRight")
    assert page.text("dialog .name") == "npz-train-000003/2/1"
    page.tab.keyboard.press("ArrowDown")
    assert page.text("dialog .name") == "npz-train-000004/2/1"


def test_the_detail_tells_what_is_stored(visit, explored) -> None:
    page = visit("#ce=npz-train-000005/4/1")
    rows = ResultSet.open(explored.counterfactuals).read().to_pandas().set_index("item_id")
    row = rows.loc["npz-train-000005/4/1"]
    said = page.tab.eval_on_selector_all("dialog .distances tbody td", "cells => cells.map(c => c.textContent)")
    written = [f"{row['l2']:.2f}", f"{row['l1']:.2f}", f"{row['linf']:.2f}", f"{100 * row['l0']:.1f}%"]
    assert said[::2] == written
    assert said[1] == f"{100 * (rows['l2'] < row['l2']).mean():.1f}%"
    energies = ResultSet.open(explored.energies).read().to_pandas().set_index(["classifier", "image_id"])
    lines = page.tab.eval_on_selector_all("dialog .opinions tbody tr", "rows => rows.map(r => r.textContent)")
    names = page.run("return set.classes")
    for line, classifier in zip(lines, ("eps-0.0", "eps-1.0", "judge"), strict=True):
        for image, wanted in ((row["source_id"], row["source_label"]), (row.name, row["y_target"])):
            one = energies.loc[classifier, image]
            verdict = "✓" if one["predicted"] == wanted else "✗"
            assert f"{names[one['predicted']]} {verdict} {100 * one['confidence']:.1f}%" in line
    assert lines[2].startswith("judge •")
    drawn = "name => new Set(document.querySelector(name).getContext('2d').getImageData(0, 0, 32, 32).data).size"
    for name in ("before", "after", "signed", "absolute"):
        page.tab.wait_for_function(f"({drawn})('.picture-{name}') > 20")


def test_a_link_restores_filters_and_selection(visit) -> None:
    page = visit(
        "#label=9&kind=different&by=eps-1.0&metric=linf&low=0.1&high=0.4&replicate=0&sort=mean-far&ce=npz-train-000000/3/0"
    )
    page.tab.wait_for_selector("dialog[open]")
    link = page.tab.get_attribute("dialog .link", "href")
    shown = page.counts(), page.text("dialog .name"), page.text(".range-text")
    assert shown[1:] == ("npz-train-000000/3/0", "0.10 to 0.40")
    assert page.tab.input_value("select[name=label]") == "9"
    assert page.tab.input_value("select[name=sort]") == "mean-far"
    assert page.tab.is_checked("input[name=kind][value=different]")
    page.go(link.split(".html")[1])
    assert (page.counts(), page.text("dialog .name"), page.text(".range-text")) == shown
    page.go("#label=99&kind=odd&by=nobody&low=x&sort=up&ce=npz-train-000000/3/7&more=1")
    assert page.counts() == (800, 40), "what means nothing here is passed over"
    assert not page.tab.is_visible("dialog")


def test_back_closes_what_was_opened(visit) -> None:
    page = visit("#target=1")
    page.tab.locator(".tile").first.click()
    page.tab.wait_for_selector("dialog[open]")
    page.tab.go_back()
    page.wait_for_hash("#target=1")
    page.tab.wait_for_selector("dialog", state="hidden")
    assert page.counts() == (80, 40)


@pytest.mark.parametrize("width", [1280, 768, 390])
def test_nothing_sticks_out_at_any_width(visit, width: int) -> None:
    page = visit(width=width)
    fits = "document.documentElement.scrollWidth <= innerWidth"
    assert page.tab.evaluate(fits)
    assert page.tab.is_visible("form") == (width >= 900), "filters are folded on a phone"
    if width < 900:
        page.tab.click("summary")
        page.tab.select_option("select[name=target]", label="cat")
        assert page.counts() == (80, 40)
        page.tab.click("summary")
    outside = """[...document.querySelectorAll('.tile, .head, .label, h1, .legend, dialog figcaption, dialog td')]
        .filter(e => e.getBoundingClientRect().right > innerWidth + 1 || e.getBoundingClientRect().left < 0).length"""
    assert page.tab.evaluate(outside) == 0
    assert barriers(page.tab) == []
    page.tab.locator(".tile").first.click()
    assert barriers(page.tab) == []
    assert page.tab.evaluate(fits)
    assert page.tab.evaluate("(d => d.scrollWidth <= d.clientWidth)(document.querySelector('dialog'))")
    assert page.tab.evaluate(outside) == 0


def test_only_rows_near_the_screen_exist_and_old_sheets_are_let_go(visit) -> None:
    page = visit()
    most = 0
    for _ in range(12):
        page.tab.evaluate("scrollBy(0, 700)")
        page.tab.wait_for_function("!document.querySelector('.row:not(:has(canvas))')")
        places = page.tab.evaluate("[...document.querySelectorAll('.row')].map(r => r.getBoundingClientRect().top)")
        assert places == sorted(places), "rows are read in the order shown"
        most = max(most, len(places))
    assert most < 14
    kept, closed = page.run(
        """const closed = [];
        for (let block = 0; block < 9; block++) {
          sheets.bitmaps.set(block, { width: 2048, height: 1024, close: () => closed.push(block) });
        }
        sheets.wanted = [0];
        sheets.letGo();
        return [[...sheets.bitmaps.keys()], closed]"""
    )
    assert (kept, closed) == ([0, 2, 3, 4, 5, 6, 7, 8], [1])


def test_missing_files_are_told_of(browser, explored, tmp_path: Path) -> None:
    shutil.copytree(explored.output, tmp_path / "page")
    (tmp_path / "page/explorer_data/sheet-00000.js").unlink()
    page = Visit(browser, (tmp_path / "page/explorer.html").as_uri())
    page.tab.wait_for_selector(".problem:not([hidden])")
    assert "explorer_data/sheet-00000.js cannot be read" in page.text(".problem")
    page.tab.evaluate("scrollTo(0, document.body.scrollHeight)")
    page.tab.wait_for_selector(".row canvas", state="attached")
    assert all("sheet-00000.js" in one or "ERR_FILE_NOT_FOUND" in one for one in page.complaints)
    page.context.close()
    (tmp_path / "page/explorer_data/columns.js").unlink()
    tab = browser.new_page()
    tab.goto((tmp_path / "page/explorer.html").as_uri())
    tab.wait_for_selector(".problem:not([hidden])")
    assert re.match("explorer_data/columns.js cannot be read", tab.inner_text(".problem"))
    tab.close()


@pytest.mark.parametrize(("shape", "num_classes"), [((1, 8, 8), 4), ((3, 150, 100), 3)])
def test_small_and_large_images_without_classifiers(browser, tmp_path: Path, shape, num_classes: int) -> None:
    made = invent(tmp_path, 5, 1, shape, num_classes=num_classes).model_copy(update={"energies": ""})
    write_page(made, read_explored(made))
    page = Visit(browser, Path(made.output, "explorer.html").as_uri(), "#validity=invalid&sort=invalid")
    assert page.counts() == (5 * num_classes, 5)
    assert not page.tab.is_visible(".judged")
    page.tab.wait_for_selector(".row canvas", state="attached")
    page.tab.locator(".tile").last.click()
    page.tab.wait_for_function("document.querySelector('.picture-signed').width > 0")
    size = page.tab.evaluate("(c => [c.height, c.width])(document.querySelector('.picture-signed'))")
    assert size == list(shape[1:])
    assert page.tab.locator("dialog .opinions").is_hidden()
    page.end()
