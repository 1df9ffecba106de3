"""Accuracy by distance against number and cost: the table, and the page made of it."""

import numpy as np
import pandas as pd
import pytest

from advgen_ray.analysis.distance_classification import TimedSet, accuracy_by_cost, classify_by_distance
from advgen_ray.config.distance_classifier import ClassifyByDistanceConfig
from advgen_ray.report import numbers
from advgen_ray.report.distance_classifier_page import distance_classifier_page
from advgen_ray.report.page import panels_of, render


def _rows(noise: float, num_images: int = 30, num_replicates: int = 6) -> pd.DataFrame:
    """Three classes; counterfactuals of the own class lie nearer by 1, on average."""
    rng = np.random.default_rng(0)
    found = [
        {
            "source_id": f"i{image}", "source_label": image % 3, "y_target": target, "replicate": replicate,
            "l2": float(2 - (target == image % 3) + noise * rng.normal()),
        }
        for image in range(num_images) for target in range(3) for replicate in range(num_replicates)
    ]  # fmt: skip
    return pd.DataFrame(found)


@pytest.fixture
def sets() -> list[TimedSet]:
    return [TimedSet("paper", _rows(1.0), 2000, 540.0), TimedSet("forty", _rows(1.2), 40, 54.0)]


def test_more_counterfactuals_of_a_class_cost_more_and_those_of_fewer_are_the_first(sets: list[TimedSet]) -> None:
    table = accuracy_by_cost(sets)
    assert table["num_replicates"].tolist() == [1, 2, 4, 6] * 2
    paper = table[table["sampler"] == "paper"]
    assert paper["evaluations"].tolist() == [6000, 12000, 24000, 36000]
    assert paper["seconds"].tolist() == pytest.approx([3.0, 6.0, 12.0, 18.0])  # 540 s for 540 CEs
    rows = sets[0].rows
    alone = classify_by_distance(rows[rows["replicate"] < 2])
    assert paper["accuracy"].tolist()[1] == alone.accuracy.value
    assert alone.num_replicates == 2
    assert paper["accuracy"].iloc[-1] > paper["accuracy"].iloc[0]
    assert (table["low"] < table["accuracy"]).all()


def test_the_page_says_best_and_cheapest(sets: list[TimedSet]) -> None:
    table, best = accuracy_by_cost(sets), classify_by_distance(sets[0].rows)
    config = ClassifyByDistanceConfig().model_dump(mode="json")
    page = distance_classifier_page(table, best, ("a", "b", "c"), config, "1")
    assert f"{100 * best.accuracy.value:.1f}% (the best of 2 samplers on these images)" in page.answer
    alone = distance_classifier_page(accuracy_by_cost(sets[:1]), best, ("a", "b", "c"), config, "1").answer
    assert numbers.with_interval(best.accuracy.value, *best.accuracy.interval) in alone, "of one nothing is chosen"
    assert [key.title for key in page.key_figures] == ["Most accurate of 8 points", "Cheapest"]
    single = distance_classifier_page(table.iloc[:1], best, ("a", "b", "c"), config, "1")
    assert [key.title for key in single.key_figures] == ["Accuracy"]
    assert single.lead.startswith("It takes 6,000 evaluations an image")
    assert page.answer.endswith("30 images of the test split.")
    of_train = config | {"generation": config["generation"] | {"split": "train"}}
    told = distance_classifier_page(table, best, ("a", "b", "c"), of_train, "1").answer
    assert told.endswith("of the train split, on which score models are trained.")
    assert page.lead.startswith("The cheapest point takes 120 evaluations an image")
    html = render(page)
    assert "about 85% of 1,000 CIFAR-10 test images" in html
    names = [panel.name for panel in panels_of(page.sections)]
    assert names == ["accuracy-by-num-replicates", "accuracy-by-evaluations", "distance-classifier"]
    assert all(panel.svg.lstrip().startswith(b"<?xml") for panel in panels_of(page.sections))
