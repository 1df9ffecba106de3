"""The explorer as a person meets it: pictures, filters, keys and links in a real browser, offline and from a file."""

import re
from typing import Any

import numpy as np
import pandas as pd
import pytest

from advgen_ray.config import ExploreCounterfactualsConfig
from advgen_ray.data import datasets
from advgen_ray.report.grid import eight_bit
from advgen_ray.storage import ResultSet

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def rows(explored: ExploreCounterfactualsConfig) -> pd.DataFrame:
    """The set as pandas has it, with what each classifier predicts; distances as the page compares them, in float64."""
    found = ResultSet.open(explored.counterfactuals).read().to_pandas().drop(columns="x_ce")
    energies = ResultSet.open(explored.energies).read().to_pandas()
    for name, said in energies[energies["view"] == "counterfactual"].groupby("classifier"):
        found[name] = found["item_id"].map(said.set_index("image_id")["predicted"])
    return found.astype(dict.fromkeys(("l2", "l1", "linf", "l0"), "float64"))


def test_numbers_and_pixels_arrive_as_they_were_stored(visit, explored, rows) -> None:
    page = visit()
    got = page.run("return Object.fromEntries(['l2', 'l0', 'target'].map((name) => [name, [...set[name]]]))")
    assert got == {"l2": rows["l2"].tolist(), "l0": rows["l0"].tolist(), "target": rows["y_target"].tolist()}
    x_ce = ResultSet.open(explored.counterfactuals).images("x_ce")
    sources = datasets.load("npz", explored.data.root, "train").tensor().numpy()
    for source, ce in ((0, None), (0, 0), (7, 159), (8, None), (9, 185), (39, 799)):
        pixels = page.run("return [...(await sheets.pixels(...given)).data]", [source, ce])
        expected = eight_bit(sources[source] if ce is None else x_ce[ce])
        assert (np.reshape(pixels, (40, 25, 4))[..., :3] == expected).all(), (source, ce)


def test_differences_are_those_of_the_levels(visit, explored) -> None:
    got = visit().run(
        """const pixels = [await sheets.pixels(1, null), await sheets.pixels(1, 25)];
        const paint = (channels) => difference(...pixels, channels);
        const plain = ({ largest, signed, absolute }) => [largest, [...signed.data], [...absolute.data]];
        return [plain(paint(3)), plain(paint(1)), plain(difference(pixels[0], pixels[0], 3))]"""
    )
    ce = eight_bit(ResultSet.open(explored.counterfactuals).images("x_ce")[25]).astype(float)
    change = ce - eight_bit(datasets.load("npz", explored.data.root, "train").tensor([1]).numpy()[0]).astype(float)
    largest, signed, absolute = (np.array(one) for one in got[0])
    assert largest == np.abs(change).max() / 255
    share = change / np.abs(change).max()
    assert np.abs(signed.reshape(40, 25, 4)[..., :3] - (127.5 + 127.5 * share)).max() <= 0.51
    assert np.abs(absolute.reshape(40, 25, 4)[..., 1] - 255 * np.abs(share).max(axis=2)).max() <= 0.51
    first = share[..., 0]
    ends = np.where(first[..., None] > 0, (213, 94, 0), (0, 114, 178))
    diverging = 255 + (ends - 255) * np.abs(first)[..., None]
    assert np.abs(np.reshape(got[1][1], (40, 25, 4))[..., :3] - diverging).max() <= 0.51
    assert got[2][0] == 0, "equal pictures differ nowhere"
    assert set(got[2][2]) == {0, 255}


def random_filters(rng: np.random.Generator) -> dict[str, Any]:
    metric = str(rng.choice(["l2", "l1", "linf", "l0"]))
    limits = {"l2": (1, 12), "l1": (20, 400), "linf": (0.02, 0.5), "l0": (0.1, 0.9)}[metric]
    low, high = np.sort(rng.uniform(*limits, 2)).round(4).tolist()
    every = {
        "label": int(rng.integers(10)), "target": int(rng.integers(10)), "replicate": int(rng.integers(2)),
        "kind": str(rng.choice(["same", "different"])), "validity": str(rng.choice(["valid", "invalid"])),
        "by": str(rng.choice(["eps-0.0", "eps-1.0", "judge"])), "metric": metric, "low": low, "high": high,
        "sort": str(rng.choice(["mean", "mean-far", "nearest", "nearest-far", "invalid"])),
    }  # fmt: skip
    chosen = rng.random(len(every)) < 0.35
    picked = {key: value for (key, value), take in zip(every.items(), chosen, strict=True) if take}
    return picked | ({"metric": metric} if picked.keys() & {"low", "high"} else {})


def filtered(rows: pd.DataFrame, filters: dict[str, Any]) -> pd.DataFrame:
    """What pandas leaves of the set; ``seen`` is whether the chosen classifier sees the target, nan if not asked."""
    predicted, metric = rows[filters.get("by", "judge")], filters.get("metric", "l2")
    seen = (predicted == rows["y_target"]).where(predicted.notna())
    kept = rows.assign(seen=seen.astype(float), distance=rows[metric])
    for key, column in (("label", "source_label"), ("target", "y_target"), ("replicate", "replicate")):
        kept = kept[kept[column] == filters[key]] if key in filters else kept
    if "kind" in filters:
        kept = kept[(kept["source_label"] == kept["y_target"]) == (filters["kind"] == "same")]
    if "validity" in filters:
        kept = kept[kept["seen"] == float(filters["validity"] == "valid")]
    return kept[kept["distance"].between(filters.get("low", -np.inf), filters.get("high", np.inf))]


def ordered(kept: pd.DataFrame, sort: str) -> list[str]:
    by_source = kept.groupby("source_id", sort=True)
    keys = {
        "stored": by_source["source_index"].first(),
        "mean": by_source["distance"].mean(), "nearest": by_source["distance"].min(),
        "invalid": -by_source["seen"].agg(lambda seen: (seen == 0).sum()),
    }  # fmt: skip
    key = -keys[sort.removesuffix("-far")] if sort.endswith("-far") else keys[sort]
    return key.sort_values(kind="stable").index.tolist()


def test_filters_leave_what_pandas_leaves(visit, rows) -> None:
    rng = np.random.default_rng(3)
    page = visit()
    sizes = []
    for _ in range(14):
        filters = random_filters(rng)
        kept = filtered(rows, filters)
        page.tab.evaluate("words => { location.hash = new URLSearchParams(words) }", filters)
        page.tab.wait_for_function(
            "count => document.querySelector('.num-ces').textContent === count", arg=f"{len(kept):,}"
        )
        assert page.counts() == (len(kept), kept["source_id"].nunique()), filters
        sizes.append(len(kept))
        if kept.empty:
            assert page.tab.is_visible(".nothing")
            continue
        assert page.text(".valid-count") == f"{int(kept['seen'].sum()):,} of {kept['seen'].count():,}", filters
        median = float(kept["distance"].median())
        written = f"{100 * median:.1f}%" if filters.get("metric") == "l0" else f"{median:.2f}"
        assert page.text(".median") == written, filters
        first = page.tab.eval_on_selector_all(".row", "rows => rows.map(row => row.getAttribute('aria-label'))")
        expected = [f"Source {one}," for one in ordered(kept, filters.get("sort", "stored"))]
        assert all(label.startswith(e) for label, e in zip(first, expected, strict=False)), filters
    assert len(set(sizes)) > 8, "the filters differ"


def test_limits_belong_to_the_range(visit, rows) -> None:
    one = rows["l2"][123]
    page = visit(f"#low={one}&high={one}")
    assert page.counts() == ((rows["l2"] == one).sum(), 1)


def test_the_distribution_is_that_of_what_is_shown(visit, rows) -> None:
    page = visit("#kind=same")
    got = page.run("return [...shares(given, 0, 2, 4)]", rows["linf"].tolist())
    expected = np.histogram(rows["linf"], 4, (0, 2))[0] / len(rows)
    np.testing.assert_allclose(got, expected)
    for numbers in ([], [3.0], [2.0, 1.0], rows["l2"].tolist(), rows["l2"].tolist()[1:], [1.0] * 5 + [2.0] * 5):
        found = page.run("const found = median(given); return Number.isNaN(found) ? null : found", numbers)
        assert found == (float(np.median(numbers)) if numbers else None)
    edge = page.tab.get_attribute("path.here", "d")
    assert edge is not None
    heights = [1 - float(y) for y in re.findall(r"L\d+ ([\d.]+)H", edge)]
    assert max(heights) == 1
    assert sum(height > 0 for height in heights) < 10, "those that keep their class are the near ones"
