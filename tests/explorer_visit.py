"""A visit to an explorer's page: a tab in a real browser, offline, that notes what it asks for and complains of."""

import re
from typing import Any

# What a script of the page knows when it is asked by a test: the set and its sheets, opened once more.
OPENED = """
const set = new CounterfactualSet(await received(DATA + "/columns.js"));
const sheets = new Sheets(set, DATA, () => {}, () => {});
"""


class Visit:
    """A tab on the page: what it showed, what it asked for, and what it complained of."""

    def __init__(self, browser: Any, address: str, hash_: str = "", width: int = 1280) -> None:
        self.context = browser.new_context(viewport={"width": width, "height": 800}, offline=True)
        self.context.set_default_timeout(120_000)  # a busy machine is slow, not wrong
        self.tab = self.context.new_page()
        self.complaints: list[str] = []
        self.requests: list[str] = []
        self.tab.on("console", lambda message: self.complaints.append(message.text))
        self.tab.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.tab.on("request", lambda request: self.requests.append(request.url[:200]))
        self.address = address
        self.go(hash_)

    def go(self, hash_: str) -> None:
        self.tab.goto("about:blank")
        self.tab.goto(self.address + hash_)
        self.tab.wait_for_selector("body.ready", state="attached")

    def text(self, selector: str) -> str:
        return str(self.tab.inner_text(selector))

    def counts(self) -> tuple[int, int]:
        """How many CEs of how many sources are shown."""
        return tuple(int(re.sub(r"\D", "", self.text(s))) for s in (".num-ces", ".num-sources"))  # type: ignore[return-value]

    def wait_for_hash(self, expected: str) -> None:
        self.tab.wait_for_function("expected => location.hash === expected", arg=expected)

    def run(self, script: str, argument: Any = None) -> Any:
        return self.tab.evaluate(f"async (given) => {{ {OPENED} {script} }}", argument)

    def end(self) -> None:
        """Close the tab, which must have been content and have asked for nothing from elsewhere."""
        assert self.complaints == []
        assert [url for url in self.requests if not url.startswith(("data:", "file:", "about:"))] == []
        self.context.close()
