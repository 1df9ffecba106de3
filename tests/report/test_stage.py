"""The report stage on a study stored as the other stages store theirs."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from advgen_ray.config import GenerateByClassifierConfig, ReportConfig
from advgen_ray.errors import UserError
from advgen_ray.recipes import digits as recipes
from advgen_ray.stages import report
from advgen_ray.stages.report_inputs import pictures
from advgen_ray.storage import ResultSet
from advgen_ray.storage.schemas import COUNTERFACTUALS, ENERGIES, images_to_column
from tests.report.invented_logits import invent_logits

SHAPE = (1, 8, 8)


def store_model(directory: Path, name: str, kind: str) -> str:
    digest = hashlib.sha256(name.encode()).hexdigest()
    recipe = recipes.digits_classifier() if kind == "wide_resnet" else recipes.digits_score_model()
    history = [{"step": 11 * i, "epoch": i, "loss": 1 / i, "train_accuracy": 1 - 0.5 / i} for i in range(1, 6)]
    card = {
        "kind": kind, "architecture": {"image_shape": SHAPE, "num_classes": 10}, "data": {"name": "digits"},
        "training": recipe.model_dump(mode="json"), "config_digest": recipe.digest(), "weights_sha256": digest,
        "versions": {"torch": "2.12.1"}, "seconds": 10.0, "history": history,
    }  # fmt: skip
    directory.mkdir(parents=True)
    (directory / "model.json").write_text(json.dumps(card))
    return digest


def store_set(uri: Path, rows: pd.DataFrame, images: np.ndarray, neighborhood: str, split: str) -> ResultSet:
    config = recipes.digits_counterfactuals().content() | {"split": split, "num_sources": rows["source_id"].nunique()}
    config["neighborhood"] = config["neighborhood"] | {"kind": neighborhood}
    return store(uri, "counterfactuals", COUNTERFACTUALS, config, {"score_model": "f" * 64}, rows, images)


def store(uri, kind, schema, config, inputs, rows, images=None) -> ResultSet:
    filled = {"seed": 0, "model_digest": "f" * 64, "config_digest": "0123456789abcdef"}
    filled |= {"l1": 1.0, "linf": 0.5} if images is not None else {"item_id": "x", "logits": invent_logits(rows)}
    rows = rows.assign(**filled)
    shape = SHAPE if images is not None else None
    result_set = ResultSet.create(str(uri), kind=kind, config=config, inputs=inputs, num_shards=2, image_shape=shape)
    cut = len(rows) // 3
    for index, part in enumerate((slice(None, cut), slice(cut, None))):
        columns = {name: pa.array(rows[name][part], schema.field(name).type) for name in schema.names if name != "x_ce"}
        if images is not None:
            columns["x_ce"] = images_to_column(images[part])
        result_set.write_shard(index, pa.table({name: columns[name] for name in schema.names}, schema=schema))
    result_set.commit(seconds=7.0)
    return result_set


@pytest.fixture(scope="module")
def stored(invented, tmp_path_factory) -> ReportConfig:
    root = tmp_path_factory.mktemp("study")
    names = [*(f"eps-{eps}" for eps in (0.0, 0.25, 0.5, 1.0)), "judge"]
    digests = {name: store_model(root / "classifiers" / name / "model", name, "wide_resnet") for name in names}
    store_model(root / "score_model" / "model", "score", "unet")
    inputs = invented.inputs
    kinds = {"main": "boltzmann_hardtanh", "variant-gaussian": "gaussian", "variant-exact": "boltzmann_exact"}
    sets = {}
    for one in (*inputs.variants[:-1], inputs.held_out):
        x_ce = invented.x_ce if one.name == "main" else np.zeros((len(one.rows), *SHAPE), np.float32)
        split = "test" if one.name == "held-out" else "train"
        sets[one.name] = store_set(root / "ces" / one.name, one.rows, x_ce, kinds.get(one.name, "gaussian"), split)
    ascent, (chain,) = inputs.variants[-1], inputs.chains
    by_classifier = GenerateByClassifierConfig().content()
    sets[ascent.name] = store(
        root / "ces" / ascent.name, "counterfactuals", COUNTERFACTUALS, by_classifier,
        {"classifier": digests["eps-1.0"]}, ascent.rows, invented.pushed,
    )  # fmt: skip
    kinds[ascent.name] = "by a classifier"
    of_those = store(
        root / "ces" / chain.name, "counterfactuals", COUNTERFACTUALS, recipes.digits_counterfactuals().content(),
        {"sources": sets[ascent.name].identity}, chain.rows, np.zeros((len(chain.rows), *SHAPE), np.float32),
    )  # fmt: skip
    scored = {name: one.identity for name, one in sets.items() if name in kinds}
    store(
        root / "energies", "energies", ENERGIES, recipes.digits_energies().content(),
        {"classifiers": digests, "counterfactuals": scored}, inputs.energies,
    )  # fmt: skip
    return ReportConfig(
        classifiers=tuple(str(root / "classifiers" / name / "model") for name in names[:-1]),
        judge=str(root / "classifiers" / "judge" / "model"),
        score_model=str(root / "score_model" / "model"),
        counterfactuals=sets["main"].uri,
        variants=tuple(sets[name].uri for name in kinds),
        held_out=sets["held-out"].uri,
        chains=(of_those.uri,),
        energies=str(root / "energies"),
        output=str(root / "out"),
    )


@pytest.fixture(scope="module")
def finished(stored) -> tuple[dict, Path]:
    return report.run(stored, elapsed_seconds={"classifiers": 100.0}), Path(stored.output)


def test_page_and_summary_are_written(finished):
    summary, output = finished
    assert sorted(path.name for path in output.iterdir()) == ["report.html", "summary.json"]
    assert json.loads((output / "summary.json").read_text()) == summary
    html = (output / "report.html").read_text()
    assert "exact Boltzmann" in html
    assert "of as many test images" in html, "the floor of the Fréchet distance"
    assert {"main", "by-eps-1.0", "real images held out"} <= set(summary["realism"])
    assert "score-matching loss" in html
    assert str(output.parent) not in html
    assert summary["elapsed_seconds"]["classifiers"] == 100.0
    assert summary["elapsed_seconds"]["report"] > 0


def test_stored_numbers_are_those_of_the_tables(finished, study):
    from advgen_ray.analysis.summary import summarize

    summary, _ = finished
    for key, value in summarize(study.tables, {}).items():
        if key != "elapsed_seconds":
            assert summary[key] == value, key


def test_the_grid_shows_the_stored_pictures(stored, invented):
    ids = ["digits-train-000030/4/1", "digits-train-000002/0/0"]
    found = pictures(ResultSet.open(stored.counterfactuals), ids)
    places = [invented.inputs.main.rows.index[invented.inputs.main.rows["item_id"] == i][0] for i in ids]
    assert (found == invented.x_ce[places]).all()
    alone = pictures(ResultSet.open(stored.counterfactuals), ids[:1])
    assert (alone == found[:1]).all(), "the first shard holds none of what is asked for"


def test_without_clock_the_stored_seconds_are_added(stored):
    from advgen_ray.stages.report_inputs import read_stored

    seconds = report.stored_seconds(read_stored(stored).records)
    assert seconds == {"trainings": 60.0, "counterfactuals": 42.0, "energies": 7.0}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"judge": ""}, "judge is empty"),
        ({"energies": ""}, "energies is empty"),
        ({"energies": "{ces}/main"}, "holds counterfactuals, expected energies"),
        ({"counterfactuals": "{ces}/nowhere"}, "no result set here"),
        ({"variants": ("{ces}/held-out",)}, "counterfactuals 'held-out' was not scored"),
        ({"counterfactuals": "{ces}/of-by-eps-1.0"}, "of-by-eps-1.0: made of counterfactuals; give a set"),
        ({"variants": ("{ces}/of-by-eps-1.0",)}, "of-by-eps-1.0: made of counterfactuals; give a set"),
        ({"classifiers": ()}, "expected a standard classifier"),
    ],
)
def test_mistakes_are_one_line_and_write_nothing(stored, tmp_path, change, message):
    ces = str(Path(stored.counterfactuals).parent)
    filled = {
        key: tuple(v.format(ces=ces) for v in value) if isinstance(value, tuple) else value.format(ces=ces)
        for key, value in change.items()
    }
    with pytest.raises(UserError, match=message) as error:
        report.run(stored.model_copy(update={**filled, "output": str(tmp_path / "out")}))
    assert "\n" not in str(error.value)
    assert not list((tmp_path / "out").glob("*"))


def test_a_model_trained_anew_after_scoring_is_refused(stored, tmp_path):
    card_file = Path(stored.judge) / "model.json"
    former = card_file.read_text()
    card_file.write_text(json.dumps(json.loads(former) | {"weights_sha256": "e" * 64}))
    try:
        with pytest.raises(UserError, match=r"'judge' was scored as .* but is eeeeeeeeeeee now"):
            report.run(stored.model_copy(update={"output": str(tmp_path / "out")}))
    finally:
        card_file.write_text(former)
