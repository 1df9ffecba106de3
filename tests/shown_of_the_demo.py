"""What the README shows of a finished demo, anew: its pictures, and its figures between two marks.

Run with ``make shown`` (``python -m tests.shown_of_the_demo runs/demo``), or call ``figures`` with a summary.
"""

import json
import sys
from pathlib import Path
from typing import Any

from tests.chromium import launched

ROOT = Path(__file__).parent.parent
BEGIN, END = "<!-- figures of make demo -->", "<!-- end of figures -->"
PICTURES = {  # by file of docs/: the page, and how much of it is seen
    "report.png": ("report.html", {"width": 1200, "height": 770}),
    "explorer.png": ("explorer.html", {"width": 1280, "height": 800}),
    "binary.png": ("binary/report.html", {"width": 1280, "height": 1250}),
}


def figures(summary: dict[str, Any]) -> str:
    """A table of the classifiers, then what stands on the counterfactuals, as Markdown."""
    lines = [
        "| training eps (L2) | clean | PGD(20) at 0.5 | same-class CEs | different-class CEs | P(source label given CE)"
        " | r² of confidence and CE distance |",
        "|---|---|---|---|---|---|---|",
    ]
    rows = zip(
        summary["classifiers"], summary["robust_on_counterfactuals"], summary["confidence_vs_distance"], strict=True
    )
    for model, on_ces, confidence in rows:
        shares = (model["clean_accuracy"], model["pgd_accuracy"], on_ces["same_class_accuracy"])
        shares += (on_ces["different_class_accuracy"], on_ces["source_label_rate"])
        r2, low, high = (f"{confidence[key]:.2f}".removeprefix("0") for key in ("r2", "r2_low", "r2_high"))
        told = [f"{model['eps']:g}", *map(_percent, shares), f"{r2} ({low} to {high})"]
        lines.append(f"| {' | '.join(told)} |")
    effect, made, found = summary["effect"], summary["counterfactuals"], summary["energy_detector"]
    by_distance = summary["distance_classifier"]
    return "\n".join(
        [
            *lines,
            "",
            f"- **The effect**: between same-class and different-class CEs the model of eps "
            f"{summary['classifiers'][-1]['eps']:g} loses {100 * effect['value']:.1f} points more",
            f"  than the standard one (95% interval over sources {100 * effect['low']:+.1f} to "
            f"{100 * effect['high']:+.1f}).",
            f"- **Counterfactuals** convince a standard classifier of another seed in "
            f"{_percent(made['validity_different_class'])} of the cases",
            f"  (n = {made['count_different_class']:,}; {_percent(made['validity_low'])} to "
            f"{_percent(made['validity_high'])} over sources), at a mean L2 distance of "
            f"{made['mean_l2_different_class']:.2f} ({made['mean_l2_same_class']:.2f} within the class).",
            f"- **The class of lowest mean CE distance** is the right one for "
            f"{round(by_distance['accuracy'] * by_distance['count'])} of {by_distance['count']} held-out test images.",
            f"- **The energy detector** finds {_percent(found['detection_rate'])} of PGD(20) at radius "
            f"{found['attack_eps']:.1f} with {_percent(found['false_positive_rate'])} false alarms.",
        ]
    )


def placed(text: str, told: str) -> str:
    """The text with what is told between its marks; raises ValueError where it has not one pair of them."""
    if text.count(BEGIN) != 1 or text.count(END) != 1:
        raise ValueError(f"expected one {BEGIN} and one {END}")
    before, after = text.split(BEGIN)[0], text.split(END)[1]
    return f"{before}{BEGIN}\n{told}\n{END}{after}"


def take_pictures(demo: Path, docs: Path) -> None:
    """The first screen of each page, as a reader meets it."""
    with launched() as browser:
        for name, (page, size) in PICTURES.items():
            tab = browser.new_page(viewport=size)
            tab.goto((demo / page).resolve().as_uri())
            tab.wait_for_load_state("load")
            if page == "explorer.html":
                tab.wait_for_selector("body.ready", state="attached")
                tab.wait_for_timeout(1000)  # the sheets of pictures
            tab.screenshot(path=docs / name)
            tab.close()


def _percent(share: float) -> str:
    return f"{100 * share:.1f}%"


def main(demo: Path) -> None:
    """Pictures first: without a browser nothing is changed."""
    take_pictures(demo, ROOT / "docs")
    readme = ROOT / "README.md"
    readme.write_text(placed(readme.read_text(), figures(json.loads((demo / "summary.json").read_text()))))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
