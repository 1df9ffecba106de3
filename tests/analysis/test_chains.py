"""Counterfactuals of counterfactuals: the same images on both sides, and a ratio with its interval."""

import numpy as np
import pandas as pd
import pytest

from advgen_ray.analysis.chains import chain_table, over_first_sources
from advgen_ray.analysis.inputs import CounterfactualSet


def _set(name: str, sources: list[str], l2: list[float], label: int = 0, target: int = 1) -> CounterfactualSet:
    rows = pd.DataFrame(
        {"source_id": sources, "source_label": label, "y_target": target, "l2": np.float32(l2), "l0": np.float32(0.5)}
    )
    return CounterfactualSet(name, name, rows)


def test_data_are_cut_to_the_images_that_the_chains_began_with() -> None:
    main = _set("main", ["d-1", "d-2", "d-3", "d-11"], [1.0] * 4)
    first, chain = over_first_sources(main, (_set("of-x", ["d-1/4/0", "d-3/0/0"], [2.0, 2.0]),))
    assert first.rows["source_id"].tolist() == ["d-1", "d-3"]
    assert (first.label, chain.name) == ("of data", "of-x")


def test_distances_are_those_of_a_change_of_class_and_farther_is_a_ratio() -> None:
    data = _set("main", ["a", "b"], [1.0, 3.0])
    chain = _set("of-x", ["a/1/0", "a/2/0", "b/1/0"], [2.0, 4.0, 5.0])
    same = _set("of-x", ["a/1/0"], [100.0], target=0)
    both = CounterfactualSet("of-x", "of-x", pd.concat([chain.rows, same.rows.assign(l0=np.float32(1))]))
    table = chain_table((data, both))
    assert table["count"].tolist() == [2, 3]
    assert table["mean_l2"].tolist() == pytest.approx([2.0, 11 / 3])
    assert table["median_l2"].tolist() == [2.0, 4.0]
    assert table["mean_l0"].tolist() == [0.5, 0.5]
    assert table["farther"].tolist() == pytest.approx([1.0, 4.0 / 2.0])  # means by image: 3 and 5
    assert table["farther_low"][0] == table["farther_high"][0] == 1.0


def test_the_interval_covers_the_true_ratio_as_often_as_it_says() -> None:
    rng, covered = np.random.default_rng(0), []
    ids = [f"i{n}" for n in range(60)]
    for _ in range(300):
        hardness = rng.uniform(1, 3, len(ids))  # an image's own, behind both
        data = _set("main", ids, list(hardness * rng.uniform(0.8, 1.2, len(ids))))
        chain = _set("of-x", [f"{i}/1/0" for i in ids], list(1.2 * hardness * rng.uniform(0.8, 1.2, len(ids))))
        row = chain_table((data, chain)).iloc[1]
        covered.append(row["farther_low"] <= 1.2 <= row["farther_high"])
    assert 0.90 <= np.mean(covered) <= 0.99


def test_a_chain_of_fewer_images_is_compared_over_those() -> None:
    main = _set("main", ["a", "b", "c"], [1.0, 3.0, 100.0])
    chains = tuple(_set(f"of-{n}", [f"{i}/1/0" for i in "abc"[:n]], [4.0, 8.0, 200.0][:n]) for n in (3, 2))
    _, whole, part = chain_table(over_first_sources(main, chains)).to_dict("records")
    assert whole["farther"] == pytest.approx(212 / 104)
    assert part["farther"] == pytest.approx(12 / 4)
    assert part["farther_low"] < 3.0 < part["farther_high"]
