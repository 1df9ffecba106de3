"""Detection by one-vs-rest detectors, without Ray: rates by hand, rows under attack, and what is refused."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from pydantic import ValidationError

from advgen_ray.analysis.class_detection import TRANSFERRED, WORST, curves, table
from advgen_ray.config import (
    AttackConfig,
    DetectionAttackConfig,
    EvaluateDetectionConfig,
    PoolConfig,
)
from advgen_ray.config.detectors import FittedDetectorsConfig
from advgen_ray.distributed.class_detection_rows import ClassDetectionRows
from advgen_ray.errors import UserError
from advgen_ray.stages import class_detection
from advgen_ray.stages.class_detection import prepare
from tests.models_on_disk import save_classifier, save_detectors
from tests.small_one_vs_rest import save_one_vs_rest

KINDS = ("classifier", "detector", "combined", "predicted_detector", "bypass")
ATTACKS = tuple(
    DetectionAttackConfig(kind=kind, norm="l2", eps=1.5, num_steps=6, step_size=0.5)  # type: ignore[arg-type]
    for kind in KINDS
)


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A trained classifier of digits, and an untrained detector of every class."""
    root = tmp_path_factory.mktemp("models")
    save_classifier(root / "classifier", num_steps=60)
    save_detectors(root)
    return root


def _config(models: Path, output: Path, **changes: Any) -> EvaluateDetectionConfig:
    values: dict[str, Any] = {
        "classifier": str(models / "classifier"),
        "detectors": str(models),
        "num_images": 25,
        "attacks": ATTACKS,
        "batch_size": 8,
        "shard_images": 10,
        "output": str(output),
        "pool": PoolConfig(max_actors=1),
    }
    return EvaluateDetectionConfig(**(values | changes))


def _rows(config: EvaluateDetectionConfig) -> pd.DataFrame:
    classifier, detectors, result_set = prepare(config)
    maker = ClassDetectionRows(config, classifier.digest, detectors, torch.device("cpu"))
    return pd.concat([maker(index).to_pandas() for index in reversed(range(result_set.num_shards))], ignore_index=True)


def test_rates_by_hand() -> None:
    """Four images; two attacks: the first fools with two and passes with one, the second with another."""
    rows = pd.DataFrame(
        [("", i, 0, 0, logit, 0, logit) for i, logit in enumerate((4.0, 3.0, 2.0, 1.0))]
        + [("one", i, 0, p, logit, 0, 9.0) for i, (p, logit) in enumerate(((0, 8.0), (1, 5.0), (2, 0.0), (0, 6.0)))]
        + [("two", i, 0, p, logit, 1, -1.0) for i, (p, logit) in enumerate(((1, 2.5), (1, -2.0), (0, 7.0), (0, 7.0)))],
        columns=["attack", "image_id", "label", "predicted", "predicted_logit", "chosen", "chosen_logit"],
    ).assign(detector="one_vs_rest", knows="one_vs_rest")
    found = curves(rows)
    # Integrated, of "one": those that fool have 5 and 0; 95% of the own images pass at 1, where one of four does.
    one = found["integrated", "one"]
    assert one.fpr_at(0.95) == 0.25
    assert one.fpr[-1] == 0.5
    assert found["integrated", "two"].fpr_at(0.95) == 0.25
    assert found["integrated", WORST].fpr_at(0.95) == 0.5, "image by image: the second by one, the first by two"
    assert found["generative", "one"].fpr[-1] == 0, "taken for its own class, however large the logit"
    assert found["generative", "two"].fpr_at(0.95) == 0
    assert found["generative", "two"].fpr[-1] == 1
    # The area by hand: at 5 nothing of its own passes yet; then all of it passes before 0 does; the rest is rejected.
    assert one.auc == pytest.approx(0.75)
    assert found["generative", "one"].auc == 1
    rates = table(rows).set_index(["method", "attack"])
    assert rates.loc[("integrated", WORST), "fooled"] == 0.75
    assert rates.loc[("integrated", "one"), "accuracy"] == 1


def test_what_was_made_against_others_is_one_entry_and_the_worst_counts_it() -> None:
    """Two images: the energy detector withstands the attack that knows it, and not the one that knows LID."""
    told = [
        ("energy", "", "", ((0, 1.0), (0, 2.0))),
        ("energy", "blind", "", ((0, 9.0), (1, -3.0))),
        ("energy", "sees", "energy", ((1, 0.5), (1, 0.5))),
        ("energy", "sees", "lid", ((1, 7.0), (0, 9.0))),
        ("energy", "sees too", "lid", ((1, 3.0), (1, 4.0))),
        ("lid", "", "", ((0, 1.0), (0, 1.0))),
        ("lid", "sees", "lid", ((1, 2.0), (0, 9.0))),
    ]
    columns = ["detector", "attack", "knows", "image_id", "label", "predicted", "predicted_logit", "chosen"]
    rows = pd.DataFrame(
        [
            (detector, attack, knows, i, 0, p, logit, p, logit)
            for detector, attack, knows, images in told
            for i, (p, logit) in enumerate(images)
        ],
        columns=[*columns, "chosen_logit"],
    )
    found = curves(rows)
    assert [attack for method, attack in found if method == "energy"] == ["blind", "sees", TRANSFERRED, WORST]
    assert [attack for method, attack in found if method == "lid"] == ["sees", WORST]
    assert found["energy", "sees"].fpr_at(1.0) == 0
    assert found["energy", TRANSFERRED].fpr_at(1.0) == 1, "7 and 4 of the two, image by image"
    assert found["energy", WORST].fpr_at(0.5) == 1
    assert found["lid", WORST].fpr[-1] == 0.5


def _with_fitted(models: Path, output: Path, **changes: Any) -> EvaluateDetectionConfig:
    fitted = FittedDetectorsConfig(
        kinds=("energy", "kd_bu", "lid"),
        num_images=40,
        attack=AttackConfig(norm="l2", eps=1.5, num_steps=5),
        num_reference=200,
        bandwidths=(0.3, 1.0),
        num_neighbors=10,
        num_candidates=60,
    )
    kinds: tuple[Any, ...] = ("classifier", "high_energy", "predicted_detector")
    attacks = tuple(
        DetectionAttackConfig(kind=kind, norm="l2", eps=1.5, num_steps=5, step_size=0.5, num_noise_starts=0)
        for kind in kinds
    )
    return _config(models, output, **({"num_images": 20, "attacks": attacks, "fitted": fitted} | changes))


def test_every_detector_reads_what_was_made_against_each(models: Path, tmp_path: Path) -> None:
    config = _with_fitted(models, tmp_path)
    rows = _rows(config)
    assert rows["item_id"].is_unique
    assert len(rows) == 4 * 20 * (1 + 2 + 4)
    detectors = ["one_vs_rest", "energy", "kd_bu", "lid"]
    assert set(rows["detector"]) == set(detectors)
    adaptive = rows[rows["attack"] == config.attacks[2].label]
    assert set(adaptive["knows"]) == set(detectors)
    assert set(rows.loc[rows["attack"] != config.attacks[2].label, "knows"]) == {""}
    others = rows[rows["detector"] != "one_vs_rest"]
    assert (others["chosen_logit"] == others["predicted_logit"]).all()
    said = rows.groupby(["attack", "knows", "image_id"])["predicted"].nunique()
    assert (said == 1).all(), "the classifier says the same whoever stands beside it"
    fooling = adaptive[adaptive["predicted"] != adaptive["label"]]
    for detector in detectors:
        logits = fooling[fooling["detector"] == detector].groupby("knows")["predicted_logit"].mean()
        assert logits.idxmax() == detector, "nobody raises it as far as who knows it"
    assert {method for method, _ in curves(rows)} == {"integrated", "generative", "energy", "kd_bu", "lid"}


def test_detectors_that_cannot_be_fitted_are_refused(models: Path, tmp_path: Path) -> None:
    config = _with_fitted(models, tmp_path)

    def changed(**changes: Any) -> EvaluateDetectionConfig:
        return config.model_copy(update={"fitted": config.fitted.model_copy(update=changes)})

    with pytest.raises(UserError, match=r"fitted\.num_images=390: with num_images=20 that is 410"):
        prepare(changed(num_images=390))
    with pytest.raises(UserError, match=r"fitted\.layers: the model has no 'nowhere'"):
        prepare(changed(layers=("nowhere",)))
    with pytest.raises(UserError, match=r"fitted\.num_reference=5: no training image of class"):
        prepare(changed(num_reference=5))
    detectors_in_common = changed().model_copy(update={"classifier": save_one_vs_rest(tmp_path / "rest")})
    with pytest.raises(UserError, match=r"classifier .*rest: the last linear layer gives .* or leave kd_bu out"):
        prepare(detectors_in_common)


def test_rows_hold_what_each_method_reads_and_attacks_stay_in_their_ball(models: Path, tmp_path: Path) -> None:
    rows = _rows(_config(models, tmp_path))
    assert rows["item_id"].is_unique
    assert len(rows) == 25 * (1 + len(ATTACKS))
    assert (rows["distance"] <= 1.5 + 1e-5).all()
    assert (rows.loc[rows["attack"] == "", "distance"] == 0).all()
    assert (rows["chosen_logit"] >= rows["predicted_logit"]).all()
    fooled = {name: (part["predicted"] != part["label"]).mean() for name, part in rows.groupby("attack")}
    for attack in ATTACKS[:1] + ATTACKS[2:4]:
        assert fooled[attack.label] > fooled[""] + 0.3, "these attack the classifier too"
    by = rows.set_index(["attack", "image_id"])["predicted_logit"].unstack(0)
    labels = rows.groupby("image_id")["label"].first()
    both = rows.set_index(["attack", "image_id"])["predicted"].unstack(0).ne(labels, axis=0)
    ours, blind = ATTACKS[3].label, ATTACKS[0].label
    sure = both[ours] & both[blind]
    assert sure.sum() > 10
    assert by.loc[sure, ours].mean() > by.loc[sure, blind].mean(), "it raises the detector that decides"


def test_batches_decide_nothing(models: Path, tmp_path: Path) -> None:
    one = _rows(_config(models, tmp_path / "a", attacks=ATTACKS[3:4])).set_index("item_id")
    other = _config(models, tmp_path / "b", attacks=ATTACKS[3:4], batch_size=25, shard_images=25)
    two = _rows(other).set_index("item_id")
    np.testing.assert_allclose(two.loc[one.index, "predicted_logit"], one["predicted_logit"], rtol=1e-3, atol=1e-3)


def test_a_detector_that_is_missing_is_named(models: Path, tmp_path: Path) -> None:
    for k in range(9):
        (tmp_path / f"class-{k}").symlink_to(models / f"class-{k}")
    config = _config(models, tmp_path / "out").model_copy(update={"detectors": str(tmp_path)})
    with pytest.raises(UserError, match="class-9/model: no model there"):
        prepare(config)


def test_attacks_must_differ() -> None:
    with pytest.raises(ValidationError, match="expected different ones"):
        EvaluateDetectionConfig(attacks=(ATTACKS[0], ATTACKS[0]))


@pytest.mark.long
@pytest.mark.ray
def test_through_ray_it_ends_in_a_page_and_a_summary(ray_session: None, models: Path, tmp_path: Path) -> None:
    config = _config(models, tmp_path / "out", attacks=ATTACKS[:2])
    summary = class_detection.run(config)
    assert [row["attack"] for row in summary["attacks"][:3]] == [ATTACKS[0].label, ATTACKS[1].label, WORST]
    assert "What passes for clean?" in (tmp_path / "out" / "report.html").read_text()
    assert class_detection.run(config) == summary
