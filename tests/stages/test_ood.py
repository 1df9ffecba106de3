"""Evaluation of OOD detection: rows, what is checked before work starts, and the job through Ray."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import torch
from pydantic import ValidationError

from advgen_ray.analysis.ood import IN, mean_auroc, ood_table, unseen_sets
from advgen_ray.analysis.ood_metrics import ood_metrics
from advgen_ray.attacks.threat_model import L2
from advgen_ray.config import (
    EvaluateOODConfig,
    OODAttackConfig,
    OODDetectorConfig,
    OODSetConfig,
    PoolConfig,
    TrainBinaryConfig,
    TwoConvConfig,
)
from advgen_ray.config.image_sources import AlteredConfig, ImageFilesConfig, MixtureConfig, NoiseConfig, OtherDataConfig
from advgen_ray.data import datasets
from advgen_ray.detection.ood import SCORES, detection_scores
from advgen_ray.distributed.ood_rows import OODRows
from advgen_ray.errors import UserError
from advgen_ray.stages import binary, ood
from advgen_ray.stages.ood import prepare
from advgen_ray.storage.row_checks import row_problems
from advgen_ray.storage.schemas import column_to_images
from advgen_ray.training.model_directory import load_model, save_model
from tests.models_on_disk import save_classifier
from tests.small_one_vs_rest import save_one_vs_rest

SHAPE = (1, 8, 8)
SETS = (
    OODSetConfig(name="noise", source=NoiseConfig(num_images=300)),
    OODSetConfig(name="inverted", source=AlteredConfig(alteration="inverted")),
)
MISSING = OODSetConfig(name="photographs", source=ImageFilesConfig(path="/nowhere"))


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A trained classifier of digits, and an untrained binary model said to be trained against noise."""
    root = tmp_path_factory.mktemp("models")
    save_classifier(root / "classifier", num_steps=60)
    p0 = MixtureConfig(sources=(NoiseConfig(), AlteredConfig(alteration="shuffled")))
    config = TrainBinaryConfig(p0=p0, model=TwoConvConfig(channels=(4, 8), hidden=32))
    kind, architecture = binary._model(config, datasets.dataset_info("digits", ""))
    torch.manual_seed(0)
    card = {"kind": "two_conv", "architecture": architecture, "data": {"name": "digits"}}
    save_one_vs_rest(root / "one_vs_rest")
    save_model(root / "binary", kind(**architecture), card | {"training": config.model_dump(mode="json")})
    return root


def _config(models: Path, output: Path, **changes: Any) -> EvaluateOODConfig:
    names = ("energy", "mahalanobis", "msp")
    values: dict[str, Any] = {
        "detectors": (
            OODDetectorConfig(name="binary", model=str(models / "binary"), detection_score="binary_logit"),
            *(OODDetectorConfig(name=name, model=str(models / "classifier"), detection_score=name) for name in names),  # type: ignore[arg-type]
        ),
        "sets": SETS,
        "attack": OODAttackConfig(eps=0.8, num_steps=8, num_restarts=2),
        "num_in_images": 20,
        "num_out_images": 20,
        "num_fit_images": 500,
        "batch_size": 8,
        "shard_images": 12,
        "output": str(output),
        "pool": PoolConfig(max_actors=1),
    }
    return EvaluateOODConfig(**(values | changes))


def _tables(config: EvaluateOODConfig) -> tuple[Any, list[Any]]:
    prepared = prepare(config)
    detectors = [one.detector for one in prepared.detectors]
    maker = OODRows(config, detectors, prepared.groups, torch.device("cpu"))
    return prepared, [maker(index) for index in reversed(range(prepared.result_set.num_shards))]


def _frame(tables: list[Any]) -> pd.DataFrame:
    return pd.concat([table.to_pandas() for table in tables], ignore_index=True)


def test_rows_keep_their_promises(models: Path, tmp_path: Path) -> None:
    config = _config(models, tmp_path)
    prepared, tables = _tables(config)
    rows = _frame(tables)
    assert rows["item_id"].is_unique
    assert len(rows) == 4 * 3 * 20
    for table in tables:
        assert not list(row_problems(table, prepared.result_set.plan, SHAPE))
    attacked = rows[rows["image_set"] != IN]
    assert (attacked["worst_score"] < attacked["clean_score"]).mean() > 0.9
    assert set(attacked["worst_from"]) - {"clean"} == {"image", "noise-1"}, "as many starts as the attack has restarts"
    energies = rows[(rows["detector"] == "energy") & (rows["image_set"] == "inverted")]
    found = torch.from_numpy(column_to_images(pa.array(energies["x_worst"], pa.binary()), SHAPE))
    model = load_model(models / "classifier").model
    read = detection_scores(model, found, SCORES["energy"]).numpy()
    np.testing.assert_allclose(read, energies["worst_score"], rtol=1e-4, atol=1e-4)
    own = datasets.load("digits", "", "test")
    places = {f"inverted-inverted-test-{i:06d}": i for i in range(len(own))}
    source = 1 - own.tensor([places[name] for name in energies["image_id"]])
    source = (255 * source).round() / 255
    assert (L2(0.8).distance(found, source) <= 0.8 + 1e-5).all()
    np.testing.assert_allclose(L2(0.8).distance(found, source), energies["distance"], atol=1e-4)


def test_broken_rows_are_named(models: Path, tmp_path: Path) -> None:
    prepared, tables = _tables(_config(models, tmp_path, detectors=_config(models, tmp_path).detectors[1:2]))
    table = next(one for one in tables if one["image_set"][0].as_py() == "noise")
    rows, plan = table.to_pandas(), prepared.result_set.plan
    for changes, words in (
        ({"worst_score": rows["clean_score"] + 1}, "above clean_score"),
        ({"distance": 0.9}, "beyond eps 0.8"),
        ({"worst_from": "clean"}, "not those of the clean image"),
        ({"worst_from": "clean", "worst_score": rows["clean_score"]}, "not those of the clean image"),
        ({"worst_from": "clean", "distance": 0.0}, "not those of the clean image"),
        ({"image_set": "in"}, "names an attack on images in distribution"),
    ):
        broken = type(table).from_pandas(rows.assign(**changes), schema=table.schema, preserve_index=False)
        assert any(words in problem for problem in row_problems(broken, plan, SHAPE)), words


def test_batches_and_shards_decide_nothing(models: Path, tmp_path: Path) -> None:
    detectors = _config(models, tmp_path).detectors[:2]
    one = _frame(_tables(_config(models, tmp_path / "a", detectors=detectors))[1]).set_index("item_id")
    other = _config(models, tmp_path / "b", detectors=detectors, batch_size=20, shard_images=20)
    two = _frame(_tables(other)[1]).set_index("item_id").loc[one.index]
    np.testing.assert_allclose(two["clean_score"], one["clean_score"], rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(two["worst_score"], one["worst_score"], rtol=1e-2, atol=1e-2)


def test_a_set_that_a_model_was_trained_against_is_known(models: Path, tmp_path: Path) -> None:
    """By its source, whatever it is called and however many images it has; a mixture by its parts."""
    sets = (*SETS, OODSetConfig(name="smooth", source=NoiseConfig(blur=1.0)))
    sets += (OODSetConfig(name="permuted", source=AlteredConfig(alteration="shuffled")),)
    found = prepare(_config(models, tmp_path, sets=sets)).detectors
    assert found[0].trained_on == {"noise", "permuted"}
    assert found[1].trained_on == frozenset()
    table = pd.DataFrame({"image_set": [one.name for one in sets]})
    assert unseen_sets(table, {one.detector.name: one.trained_on for one in found}) == ["inverted", "smooth"]


def test_files_are_read_whole_only_where_the_config_says_so(models: Path, tmp_path: Path) -> None:
    np.savez(tmp_path / "some.npz", images=np.random.default_rng(0).integers(0, 256, (60, 9, 9, 3), dtype=np.uint8))
    source = ImageFilesConfig(path=str(tmp_path / "some.npz"))
    counts = {}
    for part in ("held_out", "all"):
        config = _config(models, tmp_path / part, sets=(OODSetConfig(name="some", source=source, part=part),))
        config = config.model_copy(update={"num_out_images": 100})
        counts[part] = len(prepare(config).sets["some"])
    assert counts == {"held_out": 6, "all": 60}
    with pytest.raises(ValidationError, match="has a test split"):
        OODSetConfig(name="mnist", source=OtherDataConfig(), part="all")


def test_a_missing_set_is_an_error_or_on_the_page(models: Path, tmp_path: Path) -> None:
    config = _config(models, tmp_path / "a", sets=(*SETS, MISSING))
    with pytest.raises(UserError, match=r"'photographs': /nowhere.*skip_missing=true"):
        prepare(config)
    assert not (tmp_path / "a").exists()
    prepared = prepare(config.model_copy(update={"skip_missing": True}))
    assert list(prepared.skipped) == ["photographs"]
    assert list(prepared.sets) == [IN, "noise", "inverted"]
    with pytest.raises(UserError, match="none can be read"):
        prepare(_config(models, tmp_path / "b", sets=(MISSING,), skip_missing=True))


def test_what_would_fail_after_the_work_is_refused_before_it(models: Path, tmp_path: Path) -> None:
    few = OODSetConfig(name="few", source=NoiseConfig(num_images=9))
    with pytest.raises(UserError, match="sets: 'few': no image in its held-out tenth; give at least 10 images"):
        prepare(_config(models, tmp_path / "out", sets=(few,)))
    with pytest.raises(UserError, match=r"num_fit_images=5: no training image of class '.' among them"):
        prepare(_config(models, tmp_path / "out", num_fit_images=5))
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("model", "score", "words"),
    [
        ("classifier", "binary_logit", "is no binary model"),
        ("binary", "energy", "give a model of this data set"),
        ("nothing", "energy", "no model there"),
        (
            "one_vs_rest",
            "mahalanobis",
            "detectors: 'one': .*one_vs_rest: the last linear layer gives .*; take detection_score",
        ),
    ],
)
def test_a_score_that_a_model_lacks_is_named(models: Path, tmp_path: Path, model: str, score: Any, words: str) -> None:
    detector = OODDetectorConfig(name="one", model=str(models / model), detection_score=score)
    with pytest.raises(UserError, match=words):
        prepare(_config(models, tmp_path, detectors=(detector,)))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"sets": (SETS[0], SETS[0])}, "sets: expected different names"),
        ({"sets": (SETS[0].model_copy(update={"name": "in"}),)}, "none of them 'in'"),
        ({"detectors": ()}, "detectors: expected different names"),
        ({"attack": OODAttackConfig(eps=128.0)}, "pixel units"),
        ({"attack": OODAttackConfig(norm="linf", eps=8.0)}, "pixel units"),
    ],
)
def test_configs_that_make_no_sense(models: Path, tmp_path: Path, changes: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        _config(models, tmp_path, **changes)


def test_the_table_takes_the_worst_of_each_image_against_all_in_distribution() -> None:
    scores = {IN: ([0.0, 1.0, 2.0], [0.0, 1.0, 2.0]), "far": ([5.0, 1.5], [3.0, -1.0])}
    rows = pd.DataFrame(
        [("d", name, c, w) for name, (clean, worst) in scores.items() for c, w in zip(clean, worst, strict=True)],
        columns=["detector", "image_set", "clean_score", "worst_score"],
    )
    table = ood_table(rows).set_index("case")
    assert table.loc["standard", "auroc"] == 5 / 6
    assert table.loc["worst", "auroc"] == 3 / 6
    assert table.loc["worst", "fpr95"] == ood_metrics([0, 1, 2], [3, -1])["fpr95"] == 1
    assert (table["num_out"] == 2).all()
    assert mean_auroc(table.reset_index(), "worst", ["far"]) == {"d": 0.5}


@pytest.mark.long
@pytest.mark.ray
def test_through_ray_it_ends_in_a_page_and_a_summary(ray_session: None, models: Path, tmp_path: Path) -> None:
    config = _config(models, tmp_path / "out", sets=(*SETS, MISSING), skip_missing=True)
    summary = ood.run(config)
    assert summary["positive_class"] == "out of distribution"
    assert summary["means_over"] == ["inverted"]
    assert len(summary["results"]) == 4 * 2 * 2
    assert 0 <= summary["worst_auroc/energy"] < summary["standard_auroc/energy"] <= 1
    assert {row["trained_on"] for row in summary["results"] if row["image_set"] == "inverted"} == {False}
    page = (tmp_path / "out" / "report.html").read_text()
    assert "Positive class: out of distribution" in page
    assert "/nowhere" in page
    assert "0.935" in page, "published, table 3.12"
    assert ood.run(config) == summary
