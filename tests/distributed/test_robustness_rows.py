"""What a shard of a robust evaluation holds, and that a killed one goes on where it was; without Ray."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from advgen_ray.attacks.threat_model import L2, Linf
from advgen_ray.config import AttackConfig
from advgen_ray.config.evaluation import EvaluateRobustnessConfig
from advgen_ray.data import datasets
from advgen_ray.distributed import robustness_rows
from advgen_ray.distributed.robustness_rows import RobustnessRows, state_from_bytes
from advgen_ray.errors import UserError
from advgen_ray.stages import robustness
from advgen_ray.stages.inputs import load_classifier, load_images
from advgen_ray.storage import ResultSet
from advgen_ray.storage.filesystem import write_atomic
from advgen_ray.storage.row_checks import row_problems
from advgen_ray.storage.validate import validate
from advgen_ray.training.model_directory import load_model
from tests.classifier_jobs import CPU, fill
from tests.models_on_disk import robustness_config


def _prepare(config: EvaluateRobustnessConfig) -> ResultSet:
    images = load_images(config.data, config.split, config.num_images, "num_images").first(config.num_images)
    return robustness.prepare(config, images, load_classifier(config.classifier, config.data))


def _table(config: EvaluateRobustnessConfig) -> tuple[ResultSet, pd.DataFrame]:
    result_set = _prepare(config)
    return result_set, fill(result_set, RobustnessRows(config, result_set, CPU))


def test_what_fell_is_stored_within_the_rules_and_the_rest_is_untouched(
    trained_classifier: str, tmp_path: Path
) -> None:
    result_set, rows = _table(robustness_config(trained_classifier, tmp_path))
    assert validate(result_set.uri)["rows"] == 40
    assert set(rows["fallen_to"]) >= {"", "apgd"}, "some stand, some fall"
    images, model = datasets.load("digits", "", "test").first(40), load_model(trained_classifier).model
    x, x_adv = images.tensor(), torch.from_numpy(result_set.images("x_adv"))
    fell = torch.from_numpy(~rows["fallen_to"].isin(["", "clean"]).to_numpy())
    assert torch.equal(x_adv[~fell], x[~fell])
    with torch.no_grad():
        predicted, predicted_clean = (model(batch).argmax(1).numpy() for batch in (x_adv, x))
    np.testing.assert_array_equal(rows["predicted"], predicted)
    np.testing.assert_array_equal(rows["predicted_clean"], predicted_clean)
    np.testing.assert_array_equal(rows["fallen_to"] == "clean", predicted_clean != images.labels)
    np.testing.assert_array_equal(rows["fallen_to"] == "", predicted == images.labels)
    np.testing.assert_allclose(rows["distance"], L2(0.5).distance(x_adv.double(), x.double()))
    assert 0 < rows["distance"].max() <= 0.5 * (1 + 1e-6)


def test_attacks_with_slashes_in_their_names_are_told_apart(trained_classifier: str, tmp_path: Path) -> None:
    names = ["l2 1/2 CE", "l2 1/2 DLR"]
    attacks = [
        {"kind": "pgd", "norm": "l2", "eps": 0.5, "num_steps": steps, "num_restarts": 2, "name": name}
        for steps, name in zip((1, 8), names, strict=True)
    ]
    config = EvaluateRobustnessConfig.parse(
        robustness_config(trained_classifier, tmp_path).model_dump(mode="json") | {"attacks": attacks}
    )
    suite = robustness_rows.suite_of(config, 10)
    assert robustness_rows.labels_of(suite) == names
    _, rows = _table(config)
    assert set(rows["fallen_to"]) == {"", "clean", *names}
    assert robustness.doubts_of_falls(rows["fallen_to"], suite) == []


def test_shards_and_batches_change_no_flag(trained_classifier: str, tmp_path: Path) -> None:
    _, rows = _table(robustness_config(trained_classifier, tmp_path / "a"))
    for name, changes in {"b": {"shard_images": 7}, "c": {"batch_size": 40}, "d": {"batch_size": 3}}.items():
        _, other = _table(robustness_config(trained_classifier, tmp_path / name, **changes))
        assert other["item_id"].tolist() == rows["item_id"].tolist()
        assert other["fallen_to"].tolist() == rows["fallen_to"].tolist()


def test_a_shard_killed_after_any_batch_goes_on_there(
    trained_classifier: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(robustness_rows, "SECONDS_BETWEEN_STATES", 0.0)
    config = robustness_config(trained_classifier, tmp_path / "a")
    result_set = _prepare(config)
    writes: list[str] = []

    def write_then(kill_after: int) -> None:
        def write(uri: str, data: bytes) -> None:
            write_atomic(uri, data)
            if uri.endswith(".json"):
                return
            writes.append(uri)
            if len(writes) == kill_after:
                raise KeyboardInterrupt

        monkeypatch.setattr(robustness_rows, "write_atomic", write)

    write_then(0)
    unbroken = RobustnessRows(robustness_config(trained_classifier, tmp_path / "b"), result_set, CPU)(0)
    num_batches = len(writes)
    told = robustness_rows.shards_under_way(result_set)
    assert told.startswith("shard 0: ")
    assert told.endswith("of 25 stand, square/1")
    assert num_batches > 8
    Path(writes[0]).unlink()
    for kill_after in range(1, num_batches + 1, 3):
        writes.clear()
        write_then(kill_after)
        with pytest.raises(KeyboardInterrupt):
            RobustnessRows(config, result_set, CPU)(0)
        write_then(0)
        assert RobustnessRows(config, result_set, CPU)(0).equals(unbroken)
        assert len(writes) == num_batches, "no batch is attacked twice"
        Path(writes[0]).unlink()


def test_a_damaged_state_is_passed_over(trained_classifier: str, tmp_path: Path) -> None:
    assert state_from_bytes(b"no state", CPU) is None
    config = robustness_config(trained_classifier, tmp_path)
    result_set = _prepare(config)
    expected = RobustnessRows(config, result_set, CPU)(1)
    write_atomic(f"{tmp_path}/progress/shard-00001.safetensors", b"\0" * 100)
    assert RobustnessRows(config, result_set, CPU)(1).equals(expected)


def test_mistakes_are_named(trained_classifier: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="num_images=9000: the test split of digits has 397"):
        robustness.run(robustness_config(trained_classifier, tmp_path, num_images=9000))
    with pytest.raises(UserError, match="nowhere: no model there"):
        robustness.run(robustness_config(str(tmp_path / "nowhere"), tmp_path))


def test_a_classifier_from_elsewhere_is_evaluated_like_ours(tmp_path: Path) -> None:
    torch.manual_seed(0)
    theirs = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 10)).eval()
    torch.jit.save(torch.jit.trace(theirs, torch.zeros(2, 1, 8, 8)), tmp_path / "theirs.pt")
    _, rows = _table(robustness_config(str(tmp_path / "theirs.pt"), tmp_path / "out"))
    with torch.no_grad():
        predicted = theirs(datasets.load("digits", "", "test").first(40).tensor()).argmax(1)
    np.testing.assert_array_equal(rows["predicted_clean"], predicted)
    assert len(rows["model_digest"].iloc[0]) == 64
    (tmp_path / "pickled.pt").write_bytes(b"\x80\x04no weights")
    with pytest.raises(UserError, match=r"pickled\.pt"):
        robustness.run(robustness_config(str(tmp_path / "pickled.pt"), tmp_path / "refused"))
    assert not (tmp_path / "refused").exists()


@pytest.mark.parametrize("fallen_to", ["", "clean"])
def test_an_image_that_no_attack_changed_lies_where_it_was(
    trained_classifier: str, tmp_path: Path, fallen_to: str
) -> None:
    config = robustness_config(trained_classifier, tmp_path)
    result_set = _prepare(config)
    table = RobustnessRows(config, result_set, CPU)(0)
    label = table["label"].to_numpy()
    rows = table.to_pandas().assign(fallen_to=fallen_to, predicted=label if fallen_to == "" else (label + 1) % 10)

    def problems(distance: float) -> list[str]:
        changed = type(table).from_pandas(rows.assign(distance=distance), schema=table.schema, preserve_index=False)
        return list(row_problems(changed, result_set.plan, result_set.image_shape))

    assert problems(0.0) == []
    assert problems(0.1) == ["column distance is not zero for an image that no attack changed"]


@pytest.mark.parametrize("in_255ths", [1, 2, 4, 7, 8])
def test_an_attack_at_the_ball_s_border_is_within_the_rules_though_float32_rounds_it(
    trained_classifier: str, tmp_path: Path, in_255ths: int
) -> None:
    eps = in_255ths / 255
    attack = AttackConfig(norm="linf", eps=eps, num_steps=1)
    config = robustness_config(trained_classifier, tmp_path, norm="linf", eps=eps, attacks=(attack,))
    result_set = _prepare(config)
    table = RobustnessRows(config, result_set, CPU)(0)
    shape = result_set.image_shape
    x = 0.1 + 0.8 * torch.rand(1000, *shape, generator=torch.Generator().manual_seed(0))
    farthest = float(Linf(eps).distance(Linf(eps).project(x + 0.1, x).double(), x.double()).max())
    assert farthest > eps

    def problems(distance: float) -> list[str]:
        rows = table.to_pandas().assign(fallen_to="apgd", distance=distance)
        rows["predicted"] = (rows["label"] + 1) % 10
        changed = type(table).from_pandas(rows, schema=table.schema, preserve_index=False)
        return [one for one in row_problems(changed, result_set.plan, shape) if "beyond eps" in one]

    assert problems(farthest) == []
    assert problems(eps + 2e-7) != []
