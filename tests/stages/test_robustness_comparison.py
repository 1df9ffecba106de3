"""Accuracy by test radius: the worst case by hand, sets of their own for each attack, and what is refused."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from pydantic import ValidationError

from advgen_ray.analysis.robustness_by_radius import WORST, accuracies, ahead_from, differences, standing
from advgen_ray.config import AttackConfig, AttackSuiteConfig, CompareRobustnessConfig, PoolConfig
from advgen_ray.distributed.actors import Map
from advgen_ray.errors import UserError
from advgen_ray.report.page import render
from advgen_ray.report.robustness_comparison_page import Compared, _ahead_from, robustness_comparison_page
from advgen_ray.stages import robustness_comparison
from tests.classifier_jobs import fill
from tests.models_on_disk import save_classifier
from tests.small_one_vs_rest import save_one_vs_rest

SUITES = (
    AttackSuiteConfig(name="s004", attacks=(AttackConfig(kind="highest_logit", eps=1.0, num_steps=3, step_size=0.5),)),
    AttackSuiteConfig(name="margin", attacks=(AttackConfig(kind="apgd", eps=1.0, num_steps=4, objective="margin"),)),
)


@pytest.fixture(scope="module")
def classifiers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    root = tmp_path_factory.mktemp("models")
    return {
        "generative": save_one_vs_rest(root / "generative", num_steps=40),
        "softmax": save_classifier(root / "softmax", eps=0.25, num_steps=60),
    }


def _config(models: dict[str, str], output: Path, **changes: Any) -> CompareRobustnessConfig:
    values: dict[str, Any] = {
        "classifiers": models, "num_images": 30, "radii": (0.2, 0.6), "suites": SUITES, "shard_images": 20,
        "output": str(output), "pool": PoolConfig(max_actors=1),
    }  # fmt: skip
    return CompareRobustnessConfig(**(values | changes))


def _rows() -> pd.DataFrame:
    """Four images, two suites, two radii: of ``a`` the first is wrong anyhow, others fall here and there."""
    fallen = {
        ("a", "x", 1.0): ["clean", "", "x", ""],
        ("a", "y", 1.0): ["clean", "", "", ""],
        ("a", "x", 2.0): ["clean", "", "", ""],  # the third was missed, though it fell within less
        ("a", "y", 2.0): ["clean", "y", "", ""],
        ("b", "x", 1.0): ["", "", "", ""],
        ("b", "y", 1.0): ["", "", "", ""],
        ("b", "x", 2.0): ["x", "x", "x", ""],
        ("b", "y", 2.0): ["", "y", "y", "y"],
    }
    return pd.DataFrame(
        [
            {"classifier": classifier, "suite": suite, "eps": eps, "item_id": str(i), "fallen_to": to}
            for (classifier, suite, eps), falls in fallen.items()
            for i, to in enumerate(falls)
        ]
    )


def test_the_worst_case_by_hand() -> None:
    stands = standing(_rows())
    table = accuracies(stands).set_index(["classifier", "suite", "eps"])
    assert [table.loc[("a", WORST, eps), "accuracy"] for eps in (0.0, 1.0, 2.0)] == [0.75, 0.5, 0.25]
    assert [table.loc[("b", WORST, eps), "accuracy"] for eps in (0.0, 1.0, 2.0)] == [1.0, 1.0, 0.0]
    assert table.loc[("a", "x", 2.0), "accuracy"] == 0.75, "a suite by itself says what it found by itself"
    assert (table["count"] == 4).all()
    apart = differences(stands, "b")
    assert apart["classifier"].unique().tolist() == ["a"]
    assert apart["difference"].tolist() == [-0.25, -0.5, 0.25]
    assert ahead_from(apart, "a") == 2.0
    assert ahead_from(differences(stands, "a"), "b") is None
    with pytest.raises(ValueError, match="different images"):
        differences(standing(_rows().query("not (classifier == 'a' and item_id == '2')")), "b")


def test_where_both_have_fallen_the_lead_before_counts() -> None:
    table = pd.DataFrame({"classifier": "a", "eps": [0.0, 1.0, 2.0, 3.0], "difference": [-0.1, 0.1, 0.2, 0.0]})
    assert ahead_from(table, "a") == 1.0
    assert ahead_from(table.assign(difference=[0.1, 0.2, -0.1, 0.0]), "a") is None


def test_attacks_are_taken_to_each_radius_with_their_steps(classifiers: dict[str, str], tmp_path: Path) -> None:
    evaluations = list(_config(classifiers, tmp_path).evaluations())
    assert len(evaluations) == 2 * 2 * 2
    first = evaluations[0].config.attacks[0]
    assert isinstance(first, AttackConfig)
    assert (first.eps, first.step_size) == (0.2, 0.1)
    assert evaluations[0].config.output == f"{tmp_path}/sets/generative/s004-0.2"
    assert len({one.config.output for one in evaluations}) == 8
    assert len({one.config.digest() for one in evaluations}) == 4, "the classifier's digest is in the set's inputs"


def test_rows_of_all_sets_end_in_curves_and_a_page(
    classifiers: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = []

    def run_maps(name: str, maps: list[Map], pool: PoolConfig) -> None:
        missing = [one for one in maps if not one.result_set.finished()]
        made.append(len(missing))
        for one in missing:
            fill(one.result_set, one.load(torch.device("cpu")))

    monkeypatch.setattr(robustness_comparison, "run_maps", run_maps)
    config = _config(classifiers, tmp_path)
    summary = robustness_comparison.run(config)
    table = pd.DataFrame(summary["accuracies"]).set_index(["classifier", "suite", "eps"])["accuracy"]
    for name in classifiers:
        worst = table[name, WORST]
        assert worst.is_monotonic_decreasing
        assert worst[0.0] > 0.6
        assert worst[0.6] < worst[0.0] - 0.2
        for eps in config.radii:
            assert worst[eps] <= min(table[name, suite.name, eps] for suite in SUITES) + 1e-9
    assert summary["classifiers"][0]["training_eps"] == 0.5
    assert summary["classifiers"][1]["training_eps"] == 0.25
    assert robustness_comparison.run(config) == summary
    assert made == [8, 0]
    page = (tmp_path / "report.html").read_text()
    assert "Which classifier stands farther out?" in page
    assert "Accuracy minus that of softmax" in page
    with pytest.raises(UserError, match="holds a result set of identity"):
        robustness_comparison.run(config.model_copy(update={"seed": 1}))


def test_the_page_of_cifar10_has_the_published_figures() -> None:
    rows = _rows().replace({"classifier": {"a": "generative", "b": "softmax"}, "eps": {1.0: 0.5}})
    stands = standing(rows)
    facts = {name: {"parameters": 7, "training_eps": eps} for name, eps in (("generative", 0.3), ("softmax", 0.5))}
    compared = Compared(accuracies(stands), differences(stands, "softmax"), "softmax", facts)
    config = {
        "data": {"name": "cifar10"}, "norm": "l2", "split": "test", "reference": "",
        "suites": [{"name": "x"}, {"name": "y"}], "classifiers": {"generative": "", "softmax": ""},
    }  # fmt: skip
    page = robustness_comparison_page(compared, ["a doubt"], config, "1")
    assert page.answer == "Generative is ahead of softmax from eps 2; the intervals leave it open."
    html = render(page)
    for published in ("88.12%", "72.27%", "90.83%", "70.17%", "a doubt"):
        assert published in html
    assert "72.27%" not in render(robustness_comparison_page(compared, [], config | {"norm": "linf"}, "1"))


@pytest.mark.parametrize(
    ("near", "far", "words"),
    [
        (0.2, -0.2, "Mine is not ahead of softmax at the largest radii; surely ahead at 0; surely behind at 1."),
        (-0.2, 0.2, "Mine is ahead of softmax from eps 1; surely ahead at 1; surely behind at 0."),
        (0.2, 0.2, "Mine is ahead of softmax from eps 0; surely ahead at 0, 1."),
    ],
)
def test_a_sentence_says_who_is_ahead_where(near: float, far: float, words: str) -> None:
    table = pd.DataFrame({"classifier": "mine", "eps": [0.0, 1.0], "difference": [near, far]})
    table = table.assign(low=table["difference"] - 0.1, high=table["difference"] + 0.1)
    assert _ahead_from(table, "mine", "softmax") == words


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"reference": "softmin"}, "reference 'softmin': expected one of generative, softmax"),
        ({"radii": (1.0, 0.5)}, "in rising order"),
        ({"radii": (0.5, 40.0)}, "beyond half the diagonal"),
        ({"classifiers": {}}, "classifiers: expected different names"),
        ({"classifiers": {"a/b": ""}}, "is to name a directory"),
        ({"suites": (SUITES[0], SUITES[0])}, "suites: expected different names"),
        ({"suites": (AttackSuiteConfig(name="a", attacks=()),)}, "a has no attack"),
        ({"suites": (AttackSuiteConfig(name="a", attacks=(AttackConfig(norm="l1"),)),)}, "expected l2"),
        ({"suites": (AttackSuiteConfig(name="a", attacks=(AttackConfig(), AttackConfig(eps=1.0))),)}, "two are called"),
    ],
)
def test_what_cannot_be_compared_is_refused(changes: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match=message):
        _config({"generative": "a", "softmax": "b"}, tmp_path, **changes)


@pytest.mark.long
@pytest.mark.ray
def test_through_ray_all_sets_share_one_pool(ray_session: None, classifiers: dict[str, str], tmp_path: Path) -> None:
    summary = robustness_comparison.run(_config(classifiers, tmp_path, num_images=12, radii=(0.5,)))
    assert json.loads((tmp_path / "summary.json").read_text()) == summary
    assert np.isfinite([row["difference"] for row in summary["differences"]]).all()
    assert not list(tmp_path.rglob("progress"))
