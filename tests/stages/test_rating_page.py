"""The page for raters: blind to what it shows, the same each time, and every mistake found before it is written."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from advgen_ray.analysis.rating_plan import CATCH
from advgen_ray.config import MakeRatingPageConfig
from advgen_ray.errors import UserError
from advgen_ray.job import run_job
from advgen_ray.report.grid import picture_uri
from advgen_ray.stages import rating_page
from advgen_ray.stages.rating_plan import pair_images, plan_of
from advgen_ray.storage import ResultSet
from tests.damage import made_set
from tests.rated_sets import page_config, store_counterfactuals


@pytest.fixture(scope="module")
def sets(tmp_path_factory: pytest.TempPathFactory) -> list[ResultSet]:
    root = tmp_path_factory.mktemp("sets")
    return [store_counterfactuals(root / name, name) for name in ("diffusion", "classifier")]


def data_of(html: str) -> dict[str, Any]:
    """What the page's script is given."""
    found = re.search(r'<script type="application/json" id="page-data">(.*?)</script>', html, re.DOTALL)
    assert found
    data: dict[str, Any] = json.loads(found.group(1))
    return data


def test_the_page_holds_the_plans_pictures_under_names_that_say_nothing(sets: list[ResultSet], tmp_path: Path) -> None:
    plan = plan_of(page_config(tmp_path, *sets))
    data = data_of(rating_page.page_of(plan))
    assert data["order"] == plan.trials["pair"].tolist()
    assert len(data["order"]) == 20 + 4 + 5
    assert len(data["pairs"]) == len(set(data["order"])) == 25
    assert list(data["pairs"]) == sorted(data["pairs"]), "stored by name, not by kind or class"
    assert all(re.fullmatch("[0-9a-f]{12}", name) for name in data["pairs"])
    assert plan.trials["y_target"].value_counts().min() >= 2
    assert set(data) == {"page", "classNames", "order", "pairs"}
    for trial, original, changed in zip(plan.trials.to_dict("records"), *pair_images(plan, plan.trials), strict=True):
        assert data["pairs"][trial["pair"]] == [picture_uri(original), picture_uri(changed)]
        assert (original == changed).all() == (trial["kind"] == CATCH)
        truth = plan.splits[trial["set"]].tensor([trial["source_index"]])[0].numpy()
        assert (original == truth).all()


def test_nothing_on_the_page_tells_what_was_aimed_at(sets: list[ResultSet], tmp_path: Path) -> None:
    plan = plan_of(page_config(tmp_path, *sets))
    html = rating_page.page_of(plan)
    told = re.sub(r"data:image/png;base64,[A-Za-z0-9+/=]+", "", html)
    inputs = plan.description["inputs"]
    secrets = ["digits-train", "diffusion", "classifier", "y_target", "source_", str(tmp_path)]
    secrets += [plan.description["identity"], *inputs["counterfactuals"], *inputs["images"].values()]
    secrets += [*plan.trials["item_id"], *plan.trials["source_id"], *plan.trials["key"]]
    assert [word for word in secrets if word in told] == []


def test_changed_targets_leave_every_byte_as_it_is(tmp_path: Path) -> None:
    """All 60 counterfactuals are shown, so that only what is told of them could differ."""
    pages, truths = [], []
    for folder, relabel in (("true", None), ("permuted", lambda target: (3 * target + 1) % 10)):
        one = store_counterfactuals(tmp_path / folder / "set", "set", relabel=relabel)
        plan = plan_of(page_config(tmp_path, one, num_pairs=60, catch_share=0.1))
        pages.append(rating_page.page_of(plan))
        truths.append(plan.trials["y_target"].tolist())
    assert truths[0] != truths[1]
    assert pages[0] == pages[1]


def test_another_sample_changes_names_and_pictures_only(sets: list[ResultSet], tmp_path: Path) -> None:
    pages = [rating_page.page_of(plan_of(page_config(tmp_path, *sets, seed=seed))) for seed in (0, 1)]
    assert data_of(pages[0])["page"] != data_of(pages[1])["page"]
    assert not set(data_of(pages[0])["pairs"]) & set(data_of(pages[1])["pairs"]), "names cannot be matched over pages"
    bare = [re.sub(r'id="page-data">.*?</script>', "", page, flags=re.DOTALL) for page in pages]
    assert bare[0] == bare[1]


def test_the_job_writes_the_page_and_what_its_answers_need(sets: list[ResultSet], tmp_path: Path) -> None:
    config = page_config(tmp_path / "out", *sets)
    summary = rating_page.run(config)
    assert (summary["trials"], summary["repeats"], summary["clean_images"]) == (29, 4, 5)
    assert (summary["pairs_per_class"], summary["pairs_per_set"]) == ("2 to 2", {"classifier": 10, "diffusion": 10})
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "config.json",
        "page.json",
        "rate.html",
        "summary.json",
    ]
    html = (tmp_path / "out" / "rate.html").read_text()
    assert html == rating_page.page_of(plan_of(config))
    with pytest.raises(UserError, match="seed is 0 there, 1 here"):
        rating_page.run(config.model_copy(update={"seed": 1}))
    assert (tmp_path / "out" / "rate.html").read_text() == html


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (["counterfactuals=[]"], "counterfactuals is empty: give result sets with --set counterfactuals=[...]"),
        (["counterfactuals=[nowhere]"], "nowhere: no result set here"),
        (["counterfactuals=[{one}, {one}]"], "two are called 'diffusion'"),
        (["counterfactuals=[{one}, {copy}]"], "one set is there twice"),
        (["counterfactuals=[{one}, {chain}]"], "chain: made of counterfactuals; give a set made of images"),
        (["data.name=mnist"], "made from digits, but data.name is mnist"),
        (["num_pairs=61"], "num_pairs=61: the sets have 60 counterfactuals together; lower it"),
        (["num_pairs=60", "catch_share=0.5"], "catch_share=0.5: 30 clean images of 6 sources; lower it"),
        (["repeat_share=0.5"], "repeat_share: "),
        (["num_pairs=0"], "num_pairs: "),
        (
            ["num_pairs=1", "seed=9"],
            "num_pairs=1: no counterfactual drawn is of another class than its source; raise it",
        ),
    ],
)
def test_a_mistake_is_one_line_and_nothing_is_written(
    sets: list[ResultSet], tmp_path: Path, capsys: pytest.CaptureFixture[str], settings: list[str], message: str
) -> None:
    copy = tmp_path / "copy"
    copy.symlink_to(sets[0].uri)
    chain = store_counterfactuals(tmp_path / "chain", "chain", sources=sets[0].identity).uri
    file = tmp_path / "config.yaml"
    file.write_text(page_config(tmp_path / "out", sets[0]).to_yaml())
    filled = [setting.format(one=sets[0].uri, copy=copy, chain=chain) for setting in settings]
    words = [word for setting in filled for word in ("--set", setting)]
    assert run_job(MakeRatingPageConfig, rating_page.run, ["--config", str(file), *words]) == 2
    line = capsys.readouterr().err
    assert message in line
    assert line.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_a_set_made_by_the_generating_job_can_be_rated(tmp_path: Path) -> None:
    plan = plan_of(page_config(tmp_path / "out", ResultSet.open(made_set(tmp_path)), catch_share=0.1))
    original, changed = pair_images(plan, plan.trials)
    assert original.shape == changed.shape == (26, 1, 8, 8)


def test_without_clean_images_and_repeats_there_are_only_pairs(sets: list[ResultSet], tmp_path: Path) -> None:
    plan = plan_of(page_config(tmp_path, sets[0], catch_share=0.0, repeat_share=0.0))
    assert len(plan.trials) == plan.trials["pair"].nunique() == 20
    assert len(data_of(rating_page.page_of(plan))["order"]) == 20
