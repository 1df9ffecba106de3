"""The explorer of 2,000 sources with twenty CEs each, 3 x 32 x 32: how soon a filter is seen, how long a frame takes.

In headless Chromium, beside whatever else the machine does: measure on one that is at rest.
"""

import tempfile
from pathlib import Path
from typing import Any

from advgen_ray.errors import UserError
from advgen_ray.stages.explorer import PAGE, write_page
from advgen_ray.stages.explorer_inputs import read_explored
from tests import chromium
from tests.benchmarks.measure import median_and_spread, seconds
from tests.invented_counterfactuals import invent

NUM_SOURCES = 2000
LATENCY_MS, FRAME_MS, BUILD_SECONDS = 100, 50, 60  # what a person takes for at once, for smooth, and waits for
CHANGES = (
    ("validity", "invalid"), ("validity", "any"), ("metric", "l1"), ("label", "3"), ("label", "any"), ("sort", "mean"),
    ("sort", "nearest-far"), ("kind", "different"), ("replicate", "1"), ("low", "60"), ("target", "5"),
)  # fmt: skip
STEPS = (60, 300)  # pixels a frame: a wheel turned steadily, and a hurried hand

# Milliseconds from a change of the form until two frames later, when it is on the screen.
FILTER = """async (changes) => {
  const frame = () => new Promise(requestAnimationFrame);
  const form = document.querySelector(".filters form"), took = [];
  for (const [name, value] of changes) {
    await new Promise((resolve) => setTimeout(resolve, 300));
    await frame();
    const begin = performance.now();
    form.elements[name].value = value;
    const changed = form.elements[name];
    const input = changed instanceof RadioNodeList ? [...changed].find((one) => one.checked) : changed;
    input.dispatchEvent(new Event("input", { bubbles: true }));
    await frame();
    await frame();
    took.push(performance.now() - begin);
  }
  return took;
}"""
# Milliseconds of every frame while the page scrolls.
SCROLL = """async ([step, numFrames]) => {
  const frame = () => new Promise(requestAnimationFrame);
  const took = [];
  let before = await frame();
  for (let i = 0; i < numFrames; i++) {
    scrollBy(0, step);
    const now = await frame();
    took.push(now - before);
    before = now;
  }
  return took;
}"""


def explorer() -> list[dict[str, Any]]:
    """``ratio`` of the slowest filter, the longest frame and the build to what is asked of them; below 1 is met."""
    if chromium.installed() is None:
        raise UserError(f"none of {', '.join(chromium.NAMES)} on the PATH: nothing to measure in")
    with tempfile.TemporaryDirectory(prefix="advgen-bench-") as folder, chromium.launched() as browser:
        made = invent(Path(folder), NUM_SOURCES, shard_images=1000)
        build = seconds(lambda: write_page(made, read_explored(made)))
        tab = browser.new_page(viewport={"width": 1280, "height": 860})
        tab.goto(Path(made.output, PAGE).as_uri())
        tab.wait_for_selector(".row canvas", state="attached")
        filters = tab.evaluate(FILTER, CHANGES)
        tab.click(".reset")
        frames = {step: tab.evaluate(SCROLL, [step, 120]) for step in STEPS}
    rows = [_row("explorer_filter", filters, LATENCY_MS, "ms until the slowest filter is seen")]
    for step, took in frames.items():
        rows.append(_row(f"explorer_scroll_{step}", took, FRAME_MS, f"ms, the longest frame at {step} pixels a frame"))
    return [*rows, _row("explorer_build", [build], BUILD_SECONDS, "seconds for 40,000 CEs")]


def _row(name: str, took: list[float], bound: float, unit: str) -> dict[str, Any]:
    median, spread = median_and_spread(took)
    against = f"a bound of {bound}; median {median:.1f}"
    return {
        "name": name, "ratio": max(took) / bound, "spread": spread / bound, "value": max(took), "unit": unit,
        "against": against,
    }  # fmt: skip
