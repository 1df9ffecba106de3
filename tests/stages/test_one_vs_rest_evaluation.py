"""Detectors of one class each under attack, without Ray: rows, AUCs, the page, and what is refused."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from pydantic import ValidationError
from sklearn.metrics import roc_auc_score

from advgen_ray.analysis.detector_auc import detector_auc
from advgen_ray.config import EvaluateOneVsRestConfig, LogitAttackConfig, PoolConfig, TrainBinaryConfig, TwoConvConfig
from advgen_ray.data import datasets
from advgen_ray.distributed.one_vs_rest_rows import OneVsRestRows, own_and_others
from advgen_ray.distributed.plans import DetectorGroup, detector_groups
from advgen_ray.errors import UserError
from advgen_ray.report.blocks import Table
from advgen_ray.report.one_vs_rest_page import one_vs_rest_page
from advgen_ray.stages import binary, one_vs_rest_evaluation
from advgen_ray.stages.one_vs_rest_evaluation import prepare
from advgen_ray.training.model_directory import save_model

ATTACKS = (
    LogitAttackConfig(norm="l2", eps=0.5, num_steps=5, step_size=0.2),
    LogitAttackConfig(norm="linf", eps=0.2, num_steps=3, step_size=0.1, num_noise_starts=2),
    LogitAttackConfig(norm="linf", eps=0.2, num_steps=3, step_size=0.1, num_noise_starts=2, adam=True),
)


@pytest.fixture(scope="module")
def detectors(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Untrained detectors of the digits 3, as if within L2 .5, and 8, of which no ball is told."""
    root = tmp_path_factory.mktemp("detectors")
    for k in (3, 8):
        config = TrainBinaryConfig(class_index=k, model=TwoConvConfig(channels=(4, 8), hidden=32))
        kind, architecture = binary._model(config, datasets.dataset_info("digits", ""))
        torch.manual_seed(k)
        card = {"kind": "two_conv", "architecture": architecture, "data": {"name": "digits"}}
        ascent = {3: {"norm": "l2", "eps": 0.5}, 8: {"norm": "unconstrained", "eps": None}}[k]
        card |= {"training": {"class_index": k, "ascent": ascent}}
        save_model(root / f"class-{k}" / "model", kind(**architecture), card)
    return root


def _config(detectors: Path, output: Path, **changes: Any) -> EvaluateOneVsRestConfig:
    values: dict[str, Any] = {
        "detectors": str(detectors),
        "num_images": 30,
        "attacks": ATTACKS,
        "batch_size": 8,
        "shard_images": 20,
        "output": str(output),
        "pool": PoolConfig(max_actors=1),
    }
    return EvaluateOneVsRestConfig(**(values | changes))


def _rows(config: EvaluateOneVsRestConfig, order: slice = slice(None)) -> pd.DataFrame:
    found, groups, _ = prepare(config)
    maker = OneVsRestRows(config, found, groups, torch.device("cpu"))
    indices = list(range(len(groups)))[order]
    return pd.concat([maker(index).to_pandas() for index in indices], ignore_index=True)


def test_groups_are_by_detector_own_images_first_then_attack_by_attack() -> None:
    groups = detector_groups([25, 5], [10, 10], 2, 20)
    assert groups[:4] == [
        DetectorGroup(0, None, 0, 20),
        DetectorGroup(0, None, 20, 25),
        DetectorGroup(0, 0, 0, 10),
        DetectorGroup(0, 1, 0, 10),
    ]
    assert groups[4:] == [DetectorGroup(1, None, 0, 5), DetectorGroup(1, 0, 0, 10), DetectorGroup(1, 1, 0, 10)]


def test_every_image_is_read_once_and_at_its_worst(detectors: Path, tmp_path: Path) -> None:
    rows = _rows(_config(detectors, tmp_path))
    assert rows["item_id"].is_unique
    assert (rows["worst_logit"] >= rows[["clean_logit", "last_logit"]].max(axis=1)).all()
    images = datasets.load("digits", "", "test")
    for k in (3, 8):
        of_k = rows[rows["detector"] == k]
        own, others = own_and_others(images, k, 30)
        assert set(of_k.loc[of_k["attack"] == "", "label"]) == {k}
        assert len(of_k[of_k["attack"] == ""]) == len(own)
        for attack in ATTACKS:
            attacked = of_k[of_k["attack"] == attack.label]
            assert list(attacked["image_id"]) == others.item_ids(range(30))
            assert (attacked["worst_logit"] > attacked["clean_logit"]).mean() > 0.9, "an ascent that finds something"
        assert (of_k.loc[of_k["attack"] == "", "worst_logit"] == of_k.loc[of_k["attack"] == "", "clean_logit"]).all()


def test_an_attack_by_adam_is_another_one(detectors: Path, tmp_path: Path) -> None:
    rows = _rows(_config(detectors, tmp_path, classes=(3,)))
    signs, adam = (rows[rows["attack"] == attack.label]["last_logit"].to_numpy() for attack in ATTACKS[1:])
    assert not np.allclose(signs, adam, rtol=1e-3)


def test_batches_and_order_decide_nothing(detectors: Path, tmp_path: Path) -> None:
    rows = _rows(_config(detectors, tmp_path / "a"))
    other = _config(detectors, tmp_path / "b", batch_size=30, shard_images=7)
    again = _rows(other, slice(None, None, -1)).set_index("item_id").loc[rows["item_id"]]
    for name in ("clean_logit", "last_logit", "worst_logit"):
        np.testing.assert_allclose(again[name], rows[name], rtol=1e-4, atol=1e-4)


def test_the_table_is_scikit_learns_auc_by_detector_and_attack() -> None:
    generator = np.random.default_rng(0)
    rows = pd.DataFrame(
        {
            "detector": np.repeat([3, 8], 90),
            "attack": np.tile(np.repeat(["", "one", "two"], 30), 2),
            **{name: generator.normal(size=180) for name in ("clean_logit", "last_logit")},
        }
    )
    rows["worst_logit"] = rows[["clean_logit", "last_logit"]].max(axis=1)
    rows.loc[rows["attack"] == "", "clean_logit"] += 1.0
    table = detector_auc(rows)
    assert list(zip(table["detector"], table["attack"], strict=True)) == [
        (3, "one"), (3, "two"), (8, "one"), (8, "two"),
    ]  # fmt: skip
    for row in table.to_dict("records"):
        part = rows[rows["detector"] == row["detector"]]
        own, others = part[part["attack"] == ""]["clean_logit"], part[part["attack"] == row["attack"]]
        for name in ("clean", "last", "worst"):
            labels = [1] * len(own) + [0] * len(others)
            expected = roc_auc_score(labels, np.concatenate([own, others[f"{name}_logit"]]))
            assert row[f"auc_{name}"] == pytest.approx(expected)
        assert row["low"] < row["auc_worst"] < row["high"]
    pd.testing.assert_frame_equal(table, detector_auc(rows))


def test_what_passes_is_told_at_a_threshold_that_95_percent_of_the_class_reach() -> None:
    """Of own logits 1 to 20 the threshold is 2, which 19 of 20 reach; between 1 and 2, or at 1.95, is no threshold."""
    logits = [*range(1, 21), 0.5, 1.5, 1.97, 2.0, 30.0]
    rows = pd.DataFrame({"detector": 3, "attack": [""] * 20 + ["one"] * 5, "clean_logit": logits})
    table = detector_auc(rows.assign(last_logit=logits, worst_logit=logits))
    assert table["passing_at_tpr_95"].tolist() == [2 / 5]


@pytest.mark.parametrize(
    ("starts", "words"),
    [
        ((0, 0), "from the image itself. The"),
        ((0, 2), "from the image itself and from noise, where the attack has noise starts. The"),
        ((1, 2), "from the image itself and from noise. The"),
    ],
)
def test_the_page_says_where_attacks_start_and_which_tables_stand_beside(starts: tuple[int, int], words: str) -> None:
    logits = np.arange(20.0)
    rows = pd.DataFrame({"detector": 3, "attack": ["", "one"] * 10, "clean_logit": logits})
    rows = rows.assign(last_logit=logits, worst_logit=logits)
    config = {"data": {"name": "mnist"}, "attacks": [{"num_noise_starts": count} for count in starts]}
    section = one_vs_rest_page(detector_auc(rows), rows, {}, "l2 5", config, "1").sections[0]
    assert f"at every iterate {words}" in section.sentences[0]
    assert isinstance(table := section.blocks[1], Table)
    assert table.context_title == "Yin 2022, tables 3.2 to 3.5, trained in l2 5"
    assert ["class 0, l2 5, 200 x 0.1", "", "", "0.99960", "", ""] in table.context
    assert ["class 0, l2 5, 200 x 0.1 by Adam, 50 noise starts", "", "0.99501", "", "", ""] in table.context


@pytest.mark.parametrize(("name", "trained_in"), [("mnist", "linf 0.4"), ("mnist", ""), ("digits", "linf 0.3")])
def test_beside_detectors_of_a_ball_of_their_own_stands_nothing(name: str, trained_in: str) -> None:
    logits = np.arange(20.0)
    rows = pd.DataFrame({"detector": 3, "attack": ["", "one"] * 10, "clean_logit": logits})
    rows = rows.assign(last_logit=logits, worst_logit=logits)
    config = {"data": {"name": name}, "attacks": [{"num_noise_starts": 1}]}
    table = one_vs_rest_page(detector_auc(rows), rows, {}, trained_in, config, "1").sections[0].blocks[1]
    assert isinstance(table, Table)
    assert (table.context, table.context_title) == ([], "")


def test_a_detector_tells_the_ball_that_it_was_trained_in(detectors: Path) -> None:
    images = datasets.load("digits", "", "test")
    assert [one_vs_rest_evaluation.detector_of(str(detectors), k, images).trained_in for k in (3, 8)] == ["l2 0.5", ""]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"classes": (4,)}, "class-4/model: no model there"),
        ({"detectors": "/nowhere"}, "detectors=/nowhere: none in it"),
    ],
)
def test_detectors_that_are_not_there_are_named(
    detectors: Path, tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(UserError, match=message):
        prepare(_config(detectors, tmp_path).model_copy(update=changes))


def test_a_model_that_is_no_detector_of_its_class_is_refused(detectors: Path, tmp_path: Path) -> None:
    (tmp_path / "class-5").mkdir()
    (tmp_path / "class-5" / "model").symlink_to(detectors / "class-3" / "model")
    with pytest.raises(UserError, match="holds no detector of class 5"):
        prepare(_config(tmp_path, tmp_path / "out"))


def test_a_ladder_differs_in_its_steps_alone() -> None:
    rungs = [LogitAttackConfig(num_steps=n) for n in (10, 20, 50)]
    assert list(EvaluateOneVsRestConfig(attacks=tuple(rungs)).ladder.values()) == [10, 20, 50]
    rungs[1] = rungs[1].model_copy(update={"adam": True})
    assert EvaluateOneVsRestConfig(attacks=tuple(rungs)).ladder == {}


@pytest.mark.parametrize("attacks", [(), (ATTACKS[0], ATTACKS[0])])
def test_attacks_must_differ(attacks: tuple[LogitAttackConfig, ...]) -> None:
    with pytest.raises(ValidationError, match="expected different ones, at least one"):
        EvaluateOneVsRestConfig(attacks=attacks)


@pytest.mark.long
@pytest.mark.ray
def test_through_ray_it_ends_in_a_page_and_a_summary(ray_session: None, detectors: Path, tmp_path: Path) -> None:
    config = _config(detectors, tmp_path / "out")
    summary = one_vs_rest_evaluation.run(config)
    assert len(summary["detectors"]) == 6
    assert summary["lowest_auc_worst"] == min(row["auc_worst"] for row in summary["detectors"])
    page = (tmp_path / "out" / "report.html").read_text()
    assert "Can a detector be made to take one class for another?" in page
    assert one_vs_rest_evaluation.run(config) == summary
