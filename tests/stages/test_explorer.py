"""The stage that makes the explorer: every CE in its place, the same bytes again, and what it refuses."""

import base64
import io
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image

from advgen_ray.config import ExploreCounterfactualsConfig
from advgen_ray.data import datasets
from advgen_ray.errors import UserError
from advgen_ray.job import run_job
from advgen_ray.report.grid import eight_bit
from advgen_ray.stages import explorer
from advgen_ray.storage import ResultSet
from tests import invented_counterfactuals
from tests.invented_counterfactuals import invent

PER_BLOCK, PICTURES = 8, 21  # 3 x 32 x 32: eight sources on a sheet, each with twenty CEs


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> ExploreCounterfactualsConfig:
    return invent(tmp_path_factory.mktemp("explored"), num_sources=20)


@pytest.fixture(scope="module")
def summary(config: ExploreCounterfactualsConfig) -> dict[str, Any]:
    return explorer.run(config)


def handed(file: Path) -> Any:
    """What a data file hands to the page."""
    found = re.fullmatch(r'explorer\.receive\("(.+?)", (.*)\);\n', file.read_text())
    assert found
    assert found[1] == file.name
    return json.loads(found[2])


def column(output: str, name: str) -> np.ndarray:
    coded = handed(Path(output) / "explorer_data/columns.js")["columns"][name]
    kinds = {"Int16Array": "<i2", "Uint32Array": "<u4", "Float32Array": "<f4"}
    return np.frombuffer(base64.b64decode(coded["data"]), kinds[coded["type"]])


def test_the_page_and_its_data_are_written(config: ExploreCounterfactualsConfig, summary: dict[str, Any]) -> None:
    names = sorted(str(path.relative_to(config.output)) for path in Path(config.output).rglob("*.*"))
    data = ["columns.js", "sheet-00000.js", "sheet-00001.js", "sheet-00002.js"]
    assert names == ["explorer.html", *(f"explorer_data/{name}" for name in data)]
    assert summary["explorer"] == f"{config.output}/explorer.html"
    assert (summary["count"], summary["num_sources"], summary["num_sheets"]) == (400, 20, 3)
    html = Path(summary["explorer"]).read_text()
    assert "400 counterfactuals of 20 training images" in html
    assert str(Path(config.output).parent) not in html


@pytest.mark.usefixtures("summary")
def test_every_picture_stands_in_its_place_across_shards(config: ExploreCounterfactualsConfig) -> None:
    x_ce = ResultSet.open(config.counterfactuals).images("x_ce")
    sources = datasets.load("npz", config.data.root, "train").tensor().numpy()
    for block in range(3):
        coded = handed(Path(config.output) / f"explorer_data/sheet-{block:05d}.js")
        pixels = np.asarray(Image.open(io.BytesIO(base64.b64decode(coded))))
        pictures = pixels.reshape(-1, 32, 16, 32, 3).swapaxes(1, 2).reshape(-1, 32, 32, 3)
        for place in range(min(PER_BLOCK, 20 - PER_BLOCK * block)):
            source = PER_BLOCK * block + place
            of_source = pictures[PICTURES * place : PICTURES * (place + 1)]
            assert (of_source[0] == eight_bit(sources[source])).all()
            assert (of_source[1:] == eight_bit(x_ce[20 * source : 20 * source + 20])).all()


@pytest.mark.usefixtures("summary")
def test_numbers_are_the_stored_ones_bit_for_bit(config: ExploreCounterfactualsConfig) -> None:
    rows = ResultSet.open(config.counterfactuals).read().to_pandas()
    for name, stored in (
        ("target", "y_target"),
        ("replicate", "replicate"),
        *((m, m) for m in ("l2", "l1", "linf", "l0")),
    ):
        np.testing.assert_array_equal(column(config.output, name), rows[stored])
    assert column(config.output, "first").tolist() == list(range(0, 401, 20))
    np.testing.assert_array_equal(column(config.output, "label"), rows["source_label"][::20])
    energies = ResultSet.open(config.energies).read().to_pandas().set_index(["classifier", "image_id"])
    about = handed(Path(config.output) / "explorer_data/columns.js")["about"]
    labels = {"eps-0.0": "eps 0", "eps-1.0": "eps 1", "judge": "judge"}
    assert about["classifiers"] == [{"name": name, "label": label} for name, label in labels.items()]
    assert about["judge"] == 2
    predicted = column(config.output, "predicted").reshape(3, -1)
    confidence = column(config.output, "sourceConfidence").reshape(3, -1)
    for place, one in enumerate(about["classifiers"]):
        expected = energies.loc[one["name"]].reindex(rows["item_id"])["predicted"].fillna(-1)
        np.testing.assert_array_equal(predicted[place], expected)
        np.testing.assert_array_equal(
            confidence[place], energies.loc[one["name"]].reindex(about["ids"])["confidence"].astype(np.float32)
        )
    assert predicted[0, -1] == -1, "the last CE was not scored"


def test_the_same_set_gives_the_same_bytes_and_old_sheets_go(
    config: ExploreCounterfactualsConfig, summary: dict[str, Any], tmp_path: Path
) -> None:
    again = config.model_copy(update={"output": str(tmp_path)})
    (tmp_path / "explorer_data").mkdir()
    (tmp_path / "explorer_data/sheet-00007.js").write_text("of a larger set")
    assert explorer.run(again)["num_sheets"] == summary["num_sheets"]
    former, new = ({p.name: p.read_bytes() for p in Path(o).rglob("*.*")} for o in (config.output, tmp_path))
    assert former == new


def test_without_energies_there_are_pictures_and_distances(
    config: ExploreCounterfactualsConfig, tmp_path: Path
) -> None:
    explorer.run(config.model_copy(update={"energies": "", "output": str(tmp_path)}))
    data = handed(tmp_path / "explorer_data/columns.js")
    assert data["about"]["classifiers"] == []
    assert data["about"]["judge"] == -1
    assert "predicted" not in data["columns"]
    assert "classifiers say" not in (tmp_path / "explorer.html").read_text()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("counterfactuals={root}/nowhere", "nowhere: no result set here"),
        ("counterfactuals={root}/energies", "holds energies, expected counterfactuals"),
        ("energies={root}/main", "holds counterfactuals, expected energies"),
        ("judge=juge", "judge='juge': the energies are not of such a classifier; did you mean 'judge'?"),
        ("data.name=digits", "made from npz, but data.name is digits"),
        ("data.root={root}/other", "its images are not those that"),
        ("counterfactuals={root}/unscored", "counterfactuals 'unscored' was not scored, only main; score it first"),
    ],
)
def test_a_mistake_is_one_line_and_writes_nothing(
    config: ExploreCounterfactualsConfig, tmp_path: Path, capsys: pytest.CaptureFixture[str], change: str, message: str
) -> None:
    root = Path(config.data.root)
    if not (root / "other").exists():
        (root / "unscored").symlink_to(root / "main")
        (root / "other").mkdir()
        arrays = dict(np.load(root / "train.npz"))
        np.savez(root / "other/train.npz", **(arrays | {"images": 255 - arrays["images"]}))
    file, output = tmp_path / "config.yaml", tmp_path / "out"
    file.write_text(config.model_copy(update={"output": str(output)}).to_yaml())
    words = ["--config", str(file), "--set", change.format(root=root)]
    assert run_job(ExploreCounterfactualsConfig, explorer.run, words) == 2
    line = capsys.readouterr().err
    assert message in line
    assert line.count("\n") == 1
    assert not output.exists()


def test_a_set_made_of_counterfactuals_shows_those_as_its_sources(
    config: ExploreCounterfactualsConfig, tmp_path: Path
) -> None:
    made_of = ResultSet.open(config.counterfactuals)
    stored = made_of.shard(0)
    chain = ResultSet.create(
        str(tmp_path / "chain"),
        kind="counterfactuals",
        config={"data": {"name": "npz"}, "num_sources": 3},
        inputs={"sources": made_of.identity},
        num_shards=1,
        image_shape=(3, 32, 32),
    )
    rows = stored.slice(0, 6).to_pylist()
    for place, row in enumerate(rows):
        source_id = stored["item_id"][place // 2].as_py()
        row |= {"source_index": place // 2, "source_id": source_id, "item_id": f"{source_id}/{place % 2}/0"}
    chain.write_shard(0, pa.Table.from_pylist(rows, schema=stored.schema))
    chain.commit(seconds=0.0)
    asked = config.model_copy(update={"counterfactuals": chain.uri, "energies": "", "output": str(tmp_path / "out")})
    with pytest.raises(UserError, match="made of another set of counterfactuals; name it with --set sources=PATH"):
        explorer.run(asked)
    with pytest.raises(UserError, match="is not the set that"):
        explorer.run(asked.model_copy(update={"sources": chain.uri}))
    summary = explorer.run(asked.model_copy(update={"sources": made_of.uri}))
    assert (summary["count"], summary["num_sources"]) == (6, 3)
    assert "6 counterfactuals of 3 counterfactuals" in Path(summary["explorer"]).read_text()
    sheet = base64.b64decode(handed(tmp_path / "out/explorer_data/sheet-00000.js"))
    pixels = np.asarray(Image.open(io.BytesIO(sheet)))
    assert (pixels[:, 3 * 32 : 4 * 32] == eight_bit(made_of.images("x_ce")[1])).all(), "the second source"


def test_an_empty_judge_leaves_the_first_classifier(config: ExploreCounterfactualsConfig, tmp_path: Path) -> None:
    explorer.run(config.model_copy(update={"judge": "", "output": str(tmp_path)}))
    about = handed(tmp_path / "explorer_data/columns.js")["about"]
    assert about["judge"] == 0
    assert [one["name"] for one in about["classifiers"]] == ["eps-0.0", "judge", "eps-1.0"]


def test_the_only_classifier_may_be_the_judge(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(invented_counterfactuals, "CLASSIFIERS", {"judge": 0.05})
    alone = invent(tmp_path, num_sources=3)
    explorer.run(alone)
    about = handed(Path(alone.output) / "explorer_data/columns.js")["about"]
    assert about["classifiers"] == [{"name": "judge", "label": "judge"}]
