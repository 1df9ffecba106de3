"""The page as a person meets it: offline, on a desk and on a phone."""

from pathlib import Path

import pytest

from tests.chromium import barriers

pytestmark = pytest.mark.browser


@pytest.mark.parametrize("width", [1280, 390])
def test_page_opens_offline(browser, page: str, tmp_path: Path, width: int):
    file = tmp_path / "report.html"
    file.write_text(page)
    context = browser.new_context(viewport={"width": width, "height": 800}, offline=True)
    tab = context.new_page()
    complaints: list[str] = []
    requests: list[str] = []
    tab.on("console", lambda message: complaints.append(message.text))
    tab.on("pageerror", lambda error: complaints.append(str(error)))
    tab.on("requestfailed", lambda request: complaints.append(request.url[:100]))
    tab.on("request", lambda request: requests.append(request.url[:20]))
    tab.goto(file.as_uri())
    tab.wait_for_load_state("load")

    assert complaints == []
    assert [url for url in requests if not url.startswith(("data:", "file:"))] == []
    assert len([url for url in requests if url.startswith("file:")]) == 1
    assert tab.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    pictures = tab.evaluate("[...document.images].map(i => [i.complete && i.naturalWidth > 0, i.alt.length > 0])")
    assert len(pictures) > 100
    assert all(loaded and told for loaded, told in pictures)
    clipped = """[...document.querySelectorAll('h1, h2, h3, p, figcaption, summary')]
        .filter(e => e.scrollWidth > e.clientWidth + 1 || e.getBoundingClientRect().right > innerWidth + 1)
        .map(e => e.textContent.slice(0, 60))"""
    assert tab.evaluate(clipped) == []
    assert barriers(tab) == []
    context.close()


def test_printed_tables_fit_the_paper(browser, page: str, tmp_path: Path):
    file = tmp_path / "report.html"
    file.write_text(page)
    tab = browser.new_page(viewport={"width": 760, "height": 1075})  # A4 without its margins
    tab.emulate_media(media="print")
    tab.goto(file.as_uri())
    assert tab.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    tab.close()


def test_the_first_screen_holds_the_summary(browser, page: str, tmp_path: Path):
    file = tmp_path / "report.html"
    file.write_text(page)
    tab = browser.new_page(viewport={"width": 1280, "height": 800})
    tab.goto(file.as_uri())
    assert tab.evaluate("document.querySelector('header.top').getBoundingClientRect().bottom") <= 800
    assert len(tab.query_selector_all(".key")) == 5
    tab.close()
