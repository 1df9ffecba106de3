"""A detector for every class: one training each, in places of their own, and one table."""

from pathlib import Path
from typing import Any

import pytest
import torch
from pydantic import ValidationError

from advgen_ray.config import DataConfig, TrainBinaryConfig, TrainOneVsRestConfig
from advgen_ray.config.image_sources import NoiseConfig
from advgen_ray.errors import UserError
from advgen_ray.models.two_conv import TwoConv
from advgen_ray.stages import inputs, one_vs_rest
from advgen_ray.training.model_directory import save_model


def test_every_class_has_a_training_of_its_own(tmp_path: Path) -> None:
    config = TrainOneVsRestConfig(output=str(tmp_path))
    trainings = one_vs_rest.trainings_of(config)
    assert [one.class_index for one in trainings] == list(range(10))
    assert [one.output for one in trainings] == [str(tmp_path / f"class-{k}") for k in range(10)]
    assert len({one.digest() for one in trainings}) == 10
    some = one_vs_rest.trainings_of(config.model_copy(update={"classes": (7, 2)}))
    assert [one.class_index for one in some] == [7, 2]
    assert some[0] == trainings[7]


def test_the_table_names_the_weakest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[TrainBinaryConfig] = []

    def run_all(configs: list[TrainBinaryConfig]) -> list[dict[str, Any]]:
        asked.extend(configs)
        return [
            {"model": f"{one.output}/model", "worst_case_auc": 0.9 + 0.01 * place, "ended": "", "seconds": 1.5}
            for place, one in enumerate(configs)
        ]

    monkeypatch.setattr(one_vs_rest.binary, "run_all", run_all)
    summary = one_vs_rest.run(TrainOneVsRestConfig(classes=(4, 5), output=str(tmp_path)))
    assert summary["lowest_worst_case_auc"] == 0.9
    assert summary["seconds"] == 3.0
    assert [row["class"] for row in summary["detectors"]] == [4, 5]
    assert "ended" not in summary["detectors"][0]


def test_all_detectors_together_are_a_classifier_for_every_job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    architecture = {"image_shape": [1, 8, 8], "num_classes": 1, "mean": [0.3], "std": [0.4], "hidden": 8}
    models = [TwoConv(**architecture) for _ in range(10)]

    def run_all(configs: list[TrainBinaryConfig]) -> list[dict[str, Any]]:
        for one, model in zip(configs, models, strict=True):
            save_model(Path(one.output) / "model", model, {"kind": "two_conv", "architecture": architecture})
        return [{"model": one.output, "seconds": 0.0} for one in configs]

    monkeypatch.setattr(one_vs_rest.binary, "run_all", run_all)
    uri = one_vs_rest.run(TrainOneVsRestConfig(output=str(tmp_path)))["model"]
    loaded, x = inputs.load_classifier(uri, DataConfig()), torch.rand(3, 1, 8, 8)
    assert torch.allclose(loaded.model(x), torch.cat([model.eval()(x) for model in models], dim=1), atol=1e-6)
    with pytest.raises(UserError, match="mnist has"):
        inputs.load_classifier(uri, DataConfig(name="mnist"))
    again = Path(uri, "model.json").read_bytes()
    one_vs_rest.run(TrainOneVsRestConfig(output=str(tmp_path)))
    assert Path(uri, "model.json").read_bytes() == again
    models[3] = TwoConv(**architecture)
    one_vs_rest.run(TrainOneVsRestConfig(output=str(tmp_path)))
    trained_anew = inputs.load_classifier(uri, DataConfig()).model(x)
    assert torch.allclose(trained_anew[:, 3:4], models[3].eval()(x), atol=1e-6), "of the detectors as they are now"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"training": TrainBinaryConfig(p0=NoiseConfig())}, "a detector's p0 is other_classes"),
        ({"classes": (1, 1)}, "expected different ones"),
        ({"classes": ()}, "at least one"),
    ],
)
def test_what_is_no_detector_of_a_class_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        TrainOneVsRestConfig(**changes)
