"""What stages that attack refuse before any work: data of too few classes, models whose gradients are not finite."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from advgen_ray import recipes
from advgen_ray.config import (
    AttackConfig,
    AttackSuiteConfig,
    CompareDetectorsConfig,
    CompareRobustnessConfig,
    Config,
    DataConfig,
    EvaluateDetectionConfig,
    EvaluateRobustnessConfig,
    ScoreEnergiesConfig,
    StudyConfig,
)
from advgen_ray.config.detectors import FittedDetectorsConfig
from advgen_ray.errors import UserError
from advgen_ray.stages import class_detection, detectors, energies, robustness, robustness_comparison
from advgen_ray.stages.inputs import load_classifier, load_images
from advgen_ray.stages.study_inputs import check_inputs
from tests.damage import user_images
from tests.models_on_disk import robustness_config

DLR = AttackConfig(kind="apgd", objective="dlr", targeted=True, num_steps=2)
STAGES: list[tuple[str, Callable[[Any], object], type[Config], dict[str, Any]]] = [
    ("attacks", robustness.run, EvaluateRobustnessConfig, {"attacks": (DLR,)}),
    ("attacks", energies.run, ScoreEnergiesConfig, {"attacks": (DLR,)}),
    ("attacks", detectors.run, CompareDetectorsConfig, {"attacks": (DLR,), "num_reference": 100}),
    ("suites: mine", robustness_comparison.run, CompareRobustnessConfig, {
        "suites": (AttackSuiteConfig(name="mine", attacks=(DLR,)),)
    }),
]  # fmt: skip
TOLD = ": apgd-dlr-targeted ascends a DLR, which needs 4 classes; the data has 3, take objective margin"


@pytest.fixture
def of_three_classes(tmp_path: Path) -> DataConfig:
    images = np.random.default_rng(0).random((1500, 8, 8)).astype(np.float32)
    return DataConfig(name="npz", root=str(user_images(tmp_path / "data", images=images, labels=np.arange(1500) % 3)))


@pytest.mark.parametrize(("key", "run", "config_type", "changes"), STAGES)
def test_a_dlr_of_too_few_classes(
    key: str,
    run: Callable[[Any], object],
    config_type: type[Config],
    changes: dict[str, Any],
    of_three_classes: DataConfig,
    tmp_path: Path,
) -> None:
    with pytest.raises(UserError) as caught:
        run(config_type(data=of_three_classes, output=str(tmp_path / "out"), **changes))
    assert str(caught.value) == key + TOLD
    assert not (tmp_path / "out").exists()


def test_a_dlr_that_detectors_are_fitted_on(of_three_classes: DataConfig, tmp_path: Path) -> None:
    fitted = FittedDetectorsConfig(kinds=("energy",), attack=DLR)
    config = EvaluateDetectionConfig(data=of_three_classes, num_images=5, fitted=fitted, output=str(tmp_path / "out"))
    with pytest.raises(UserError, match="^fitted.attack" + TOLD):
        class_detection.prepare(config)


def test_a_study_says_so_before_its_first_training(of_three_classes: DataConfig) -> None:
    study = recipes.find("digits_study", StudyConfig)
    digits, three = (json.dumps(data.model_dump()) for data in (study.data, of_three_classes))
    study = StudyConfig.parse(json.loads(json.dumps(study.model_dump(mode="json")).replace(digits, three)))
    with pytest.raises(UserError, match=r"^energy_view.attacked.attacks: apgd-targeted ascends a DLR"):
        check_inputs(study)
    view = study.energy_view
    assert view
    parts = {"attacked": view.attacked, "detectors": view.detectors}
    sound = {name: part.model_copy(update={"attacks": ()}) for name, part in parts.items()}
    for name, part in parts.items():
        bad = view.model_copy(update=sound | {name: part.model_copy(update={"attacks": (DLR,)})})
        with pytest.raises(UserError, match=f"^energy_view.{name}.attacks{TOLD}"):
            check_inputs(study.model_copy(update={"energy_view": bad}))


@pytest.mark.parametrize(
    ("attack", "least"),
    [
        ({"objective": "dlr"}, 3),
        ({"kind": "apgd", "objective": "dlr"}, 3),
        ({"targeted": True}, 4),
        ({"kind": "apgd", "targeted": True, "objective": "margin"}, 2),
        ({"targeted": True, "objective": "logit"}, 2),
        ({"kind": "fab", "targeted": True}, 2),
        ({"kind": "square", "objective": "dlr"}, 2),  # which does not read it
    ],
)
def test_how_many_classes_an_attack_needs(attack: dict[str, Any], least: int) -> None:
    assert AttackConfig(**attack).least_classes == least


class _Root(nn.Module):
    """Its slope is infinite at pixels of zero, of which every digit has some."""

    def forward(self, x: Tensor) -> Tensor:
        return x.flatten(1)[:, :10] - x.sqrt().flatten(1).mean(dim=1, keepdim=True) * torch.arange(10.0)


@pytest.mark.filterwarnings("ignore")  # torch's own: TorchScript is deprecated
def test_a_model_without_finite_gradients(tmp_path: Path) -> None:
    path = tmp_path / "root.pt"
    torch.jit.save(torch.jit.trace(_Root().eval(), torch.rand(2, 1, 8, 8)), path)
    message = "root.pt: 100.0% of the first 40 images have an input gradient that is not finite"
    with pytest.raises(UserError, match=message):
        robustness.run(robustness_config(str(path), tmp_path / "out"))
    suite = AttackSuiteConfig(name="mine", attacks=(AttackConfig(eps=0.5),))
    compared = CompareRobustnessConfig(
        classifiers={"root": str(path)}, num_images=40, suites=(suite,), output=str(tmp_path / "out")
    )
    with pytest.raises(UserError, match=message):
        robustness_comparison.run(compared)
    assert not (tmp_path / "out").exists()
    blind = robustness_config(str(path), tmp_path, attacks=(AttackConfig(kind="square", eps=0.5, num_steps=3),))
    images, loaded = load_images(blind.data, "test", 40, ""), load_classifier(str(path), blind.data)
    (line,) = robustness.doubts_of_model(str(path), loaded, images.first(40), robustness.suite_of(blind, 10))
    assert line.startswith("100.0% of the samples have an input gradient that is not finite")
