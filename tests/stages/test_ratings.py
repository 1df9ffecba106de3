"""The stage that reads raters' answers: the truth comes back, the flagged are told, nothing foreign is joined."""

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest

from advgen_ray.config import ReadRatingsConfig
from advgen_ray.job import run_job
from advgen_ray.stages import rating_page, ratings
from advgen_ray.stages.rating_plan import RatingPlan, plan_of
from advgen_ray.storage import ResultSet
from advgen_ray.storage.schemas import ENERGIES
from tests.rated_sets import aimed_at, answers_of, page_config, save_answers, store_counterfactuals


def store_energies(uri: Path, sets: list[ResultSet]) -> str:
    """Two classifiers' opinions of two sets: one always sees the target, one the source's class.

    The directories had other names when they were scored.
    """
    rows: list[dict[str, Any]] = []
    for number, one in enumerate(sets):
        for ce in one.read(["item_id", "source_label", "y_target"]).to_pylist():
            for classifier in ("standard", "robust"):
                predicted = ce["y_target"] if classifier == "standard" else ce["source_label"]
                rows.append(
                    {
                        "item_id": f"{classifier}/{number}/{ce['item_id']}", "classifier": classifier,
                        "view": "counterfactual", "image_set": f"scored-{number}", "image_id": ce["item_id"],
                        "label": ce["y_target"], "source_label": ce["source_label"], "predicted": predicted,
                        "logits": [0.0], "attack": "", "model_digest": "f", "config_digest": "f",
                    }
                )  # fmt: skip
    rows.append(rows[0] | {"item_id": "clean", "view": "clean", "image_set": "scored-0"})
    columns = {
        field.name: pa.array([row.get(field.name, 0) for row in rows], field.type)
        for field in ENERGIES
        if field.name != "correct"
    }
    columns["correct"] = pa.array([False] * len(rows))
    scored = {f"scored-{number}": one.identity for number, one in enumerate(sets)}
    result_set = ResultSet.create(
        str(uri), kind="energies", config={}, inputs={"counterfactuals": scored}, num_shards=1
    )
    result_set.write_shard(0, pa.table({name: columns[name] for name in ENERGIES.names}, schema=ENERGIES))
    result_set.commit(seconds=0.0)
    return result_set.uri


@pytest.fixture(scope="module")
def sets(tmp_path_factory: pytest.TempPathFactory) -> list[ResultSet]:
    root = tmp_path_factory.mktemp("sets")
    return [store_counterfactuals(root / name, name) for name in ("diffusion", "classifier")]


@pytest.fixture(scope="module")
def rated(sets: list[ResultSet], tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, RatingPlan]:
    """A page with the answers of three raters: one sees every target, one sees sources in one set, one sees ones."""
    root = tmp_path_factory.mktemp("page")
    config = page_config(root, *sets)
    rating_page.run(config)
    plan = plan_of(config)
    save_answers(root / "answers", answers_of(plan, "ada"))
    blind_to = lambda trial: trial["source_label"] if trial["set"] == "classifier" else trial["y_target"]  # noqa: E731
    save_answers(root / "answers", answers_of(plan, "bob", see=blind_to, plausible=lambda trial: not trial["repeat"]))
    save_answers(root / "answers", answers_of(plan, "cyd", see=lambda _: 1))
    return root, plan


@pytest.fixture(scope="module")
def finished(
    sets: list[ResultSet], rated: tuple[Path, RatingPlan], tmp_path_factory: pytest.TempPathFactory
) -> tuple[dict[str, Any], Path]:
    root, output = rated[0], tmp_path_factory.mktemp("ratings")
    energies = store_energies(output / "energies", sets)
    config = ReadRatingsConfig(
        page=str(root), answers=(str(root / "answers"),), energies=energies, output=str(output / "out")
    )
    return ratings.run(config), output / "out"


def test_the_truth_comes_back(finished: tuple[dict[str, Any], Path], rated: tuple[Path, RatingPlan]) -> None:
    shown, output = finished
    summary = json.loads((output / "summary.json").read_text())
    assert summary["page_id"] == rated[1].page_id
    ada, bob, cyd = summary["raters"]
    assert (ada["target"], ada["catch_accuracy"], ada["same_class"]) == (1.0, 1.0, 1.0)
    assert (bob["catch_accuracy"], bob["same_class"], bob["same_plausible"]) == (1.0, 1.0, 0.0)
    assert cyd["catch_accuracy"] < 0.8
    assert cyd["flagged"]
    assert summary["counted"] == ["ada", "bob"]
    different = {row["set"]: row for row in summary["sets"] if row["made"] == "another class"}
    assert (different["diffusion"]["target"], different["diffusion"]["source"]) == (1.0, 0.0)
    assert (different["classifier"]["target"], different["classifier"]["source"]) == (0.5, 0.5)
    assert [row["raters"] for row in summary["everyone"]] == ["all raters", "without flagged raters"]
    assert summary["target_seen"]["value"] == summary["everyone"][1]["target"] > summary["everyone"][0]["target"]
    people, standard, robust = sorted(
        summary["classifiers"], key=lambda row: ["people", "standard", "robust"].index(row["who"])
    )
    assert people["target"] == summary["target_seen"]["value"] == standard["with_people"]
    assert people["source"] == robust["with_people"]
    assert [row["rater"] for row in shown["raters"]] == ["ada", "bob", "cyd"]


def test_page_and_judgements_are_written(finished: tuple[dict[str, Any], Path], rated: tuple[Path, RatingPlan]) -> None:
    shown, output = finished
    assert sorted(path.name for path in output.iterdir()) == ["judgements.csv", "report.html", "summary.json"]
    assert shown["report"] == str(output / "report.html")
    html = (output / "report.html").read_text()
    for words in ("What do people see in counterfactuals?", "cyd (flagged)", "People and classifiers", "Fleiss 1971"):
        assert words in html
    table = pd.read_csv(output / "judgements.csv")
    assert len(table) == 3 * len(rated[1].trials)
    ada = table[table["rater"] == "ada"]
    assert ada["seen"].tolist() == rated[1].trials["y_target"].tolist()
    assert ada["item_id"].tolist() == rated[1].trials["item_id"].tolist()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (["page=nowhere"], "page nowhere: no rating page here (page.json is missing)"),
        (["answers=[]"], "answers is empty: give the files that raters saved"),
        (["answers=[nowhere]"], "answers: nowhere: not found"),
        (["answers=[{page}]"], "config.json: not the answers that a rating page saves: "),
        (["catch_threshold=1.5"], "catch_threshold: "),
        (["energies=nowhere"], "nowhere: no result set here"),
        (["energies={set}"], "holds counterfactuals, expected energies"),
        (["energies={energies}"], "set 'classifier' ("),
        (["judge=x"], "unknown key 'judge'"),
    ],
)
def test_a_mistake_is_one_line_and_nothing_is_written(
    sets: list[ResultSet],
    rated: tuple[Path, RatingPlan],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    settings: list[str],
    message: str,
) -> None:
    energies = store_energies(tmp_path / "energies", sets[:1])
    base = [f"page={rated[0]}", f"answers=[{rated[0]}/answers]", "energies=", f"output={tmp_path}/out"]
    filled = [setting.format(page=rated[0], set=sets[0].uri, energies=energies) for setting in settings]
    words = [word for setting in [*base, *filled] for word in ("--set", setting)]
    assert run_job(ReadRatingsConfig, ratings.run, words) == 2
    line = capsys.readouterr().err
    assert message in line
    assert line.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_sets_that_changed_since_have_no_truth_for_the_answers(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = page_config(tmp_path / "page", store_counterfactuals(tmp_path / "set", "before"))
    rating_page.run(config)
    save_answers(tmp_path / "answers", answers_of(plan_of(config), "ada", see=aimed_at))
    (tmp_path / "set").rename(tmp_path / "old")
    store_counterfactuals(tmp_path / "set", "after")
    words = [f"page={tmp_path}/page", f"answers=[{tmp_path}/answers]", "energies=", f"output={tmp_path}/out"]
    assert run_job(ReadRatingsConfig, ratings.run, [word for one in words for word in ("--set", one)]) == 2
    assert "what it was made of has changed (counterfactuals is [" in capsys.readouterr().err
