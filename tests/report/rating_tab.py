"""A tab of a browser with a rating page in it: opened, typed into, and asked what it keeps."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

CLIPPED = """[...document.querySelectorAll('main:not([hidden]) :is(h1, h2, p, button, li, figcaption)')]
    .filter(e => e.scrollWidth > e.clientWidth + 1 || e.getBoundingClientRect().right > innerWidth + 1)
    .map(e => e.outerHTML.slice(0, 80))"""


@contextmanager
def tab_of(browser: Any, file: Path, script: str = "", **settings: Any) -> Iterator[Any]:
    """A fresh offline context with the page open; at the end nothing may have been requested or complained of."""
    context = browser.new_context(offline=True, accept_downloads=True, **settings)
    context.set_default_timeout(120_000)  # a busy machine is slow, not wrong
    context.add_init_script(script)
    tab = context.new_page()
    complaints: list[str] = []
    tab.on("console", lambda message: complaints.append(message.text))
    tab.on("pageerror", lambda error: complaints.append(str(error)))
    allowed = ("data:", "blob:", file.as_uri())
    tab.on("request", lambda one: None if one.url.startswith(allowed) else complaints.append(one.url))
    tab.goto(file.as_uri())
    yield tab
    assert complaints == []
    context.close()


@contextmanager
def two_tabs_of(browser: Any, file: Path) -> Iterator[tuple[Any, Any]]:
    """Two tabs of one profile, both with the page open, that see one storage.

    On a busy machine Chromium 156 gives each tab of one fresh profile in thirty a storage of its own, which ends with
    the tab.
    """
    for _ in range(5):
        with tab_of(browser, file) as tab:
            other = tab.context.new_page()
            other.goto(file.as_uri())
            tab.evaluate("localStorage.setItem('shared', 'yes')")
            for _ in range(20):
                if other.evaluate("localStorage.getItem('shared')"):
                    yield tab, other
                    return
                other.wait_for_timeout(100)
    raise AssertionError("no two tabs of five profiles see one storage")


def press(tab: Any, *keys: str) -> None:
    for key in keys:
        tab.keyboard.press(key)


def saved(tab: Any) -> dict[str, Any]:
    """The file that the last screen gives."""
    with tab.expect_download() as download:
        tab.click("#save")
    said: dict[str, Any] = json.loads(Path(download.value.path()).read_text())
    assert download.value.suggested_filename.endswith(f"-{said['page'][:6]}.json")
    return said


def place(tab: Any) -> str:
    return str(tab.inner_text("#place"))


def pressed(tab: Any) -> list[str]:
    """The answers shown as given."""
    return [str(text) for text in tab.locator('[aria-pressed="true"]').all_inner_texts()]
