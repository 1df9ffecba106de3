"""Classifiers in files: jobs call each by its own name, load it as it says it is, and refuse one that does not say."""

from pathlib import Path

import pytest
import torch
from torch import nn

from advgen_ray.config import DataConfig, ScoreEnergiesConfig
from advgen_ray.data.catalog import CATALOG
from advgen_ray.distributed.detector_comparison_rows import DetectionRows
from advgen_ray.distributed.loading import load_unchanged
from advgen_ray.errors import UserError
from advgen_ray.job import run_job
from advgen_ray.stages import classifier_images, detectors, energies
from advgen_ray.stages.inputs import load_classifier, unique_names
from tests.classifier_jobs import CPU, detectors_config, fill, fill_map, images_config
from tests.models_on_disk import energies_config
from tests.training.foreign_networks import RobustBenchWideResNet, lively


def _network(seed: int) -> nn.Module:
    torch.manual_seed(seed)
    network = RobustBenchWideResNet(num_classes=10)
    network.conv1 = nn.Conv2d(1, 4, 3, 1, 1, bias=False)
    network.mu, network.sigma = torch.full((1, 1, 1, 1), 0.3), torch.full((1, 1, 1, 1), 0.4)
    return lively(network)


@pytest.fixture(scope="module")
def zoo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two state dicts of ten-class networks for digits, and one that does not say what it normalizes by."""
    folder = tmp_path_factory.mktemp("zoo")
    for seed, name in enumerate(("standard", "robust")):
        torch.save(_network(seed).state_dict(), folder / f"{name}.pt")
    state = _network(0).state_dict()
    torch.save({name: value for name, value in state.items() if name not in ("mu", "sigma")}, folder / "bare.pt")
    return folder


def test_a_state_dict_is_normalized_as_it_says_before_a_job_and_in_it(zoo: Path) -> None:
    uri, x = str(zoo / "standard.pt"), torch.rand(3, 1, 8, 8)
    loaded = load_classifier(uri, DataConfig())
    for model in (loaded.model, load_unchanged(uri, loaded.digest, CPU, CATALOG["digits"]).model):
        torch.testing.assert_close(model(x), _network(0)(x), rtol=1e-3, atol=1e-4)


def test_one_that_does_not_say_is_refused_before_anything_is_written(
    zoo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--set", f"classifiers=[{zoo / 'bare.pt'}]", "--set", f"output={tmp_path / 'out'}"]
    assert run_job(ScoreEnergiesConfig, energies.run, words) == 2
    told = capsys.readouterr().err
    assert told.count("\n") == 1
    assert "bare.pt: does not say what it normalizes by; save that in the file as mu and sigma" in told
    assert not (tmp_path / "out").exists()
    with pytest.raises(UserError, match="does not say what it normalizes by"):
        load_unchanged(str(zoo / "bare.pt"), "", CPU, CATALOG["digits"])


def test_files_of_one_folder_are_called_as_they_are(zoo: Path, tmp_path: Path) -> None:
    uris = (str(zoo / "standard.pt"), str(zoo / "robust.pt"))
    result_set = energies.map_of(energies_config(uris, tmp_path / "out")).result_set
    assert list(result_set.plan["inputs"]["classifiers"]) == ["standard", "robust"]
    mixed = ("runs/eps-0.5/model", "s3://b/zoo/large.pt2", "alone.safetensors", "eps-1.5", "runs/eps-1.0/")
    assert unique_names(mixed, "classifiers", depth=1) == ["eps-0.5", "large", "alone", "eps-1.5", "runs"]
    assert unique_names(("runs/w-4.b/", "w-4.0"), "counterfactuals", depth=0) == ["w-4.b", "w-4.0"]
    with pytest.raises(UserError, match=r"two are called 'standard' in .*; rename one"):
        unique_names((uris[0], "elsewhere/standard/model"), "classifiers", depth=1)


def test_actors_take_files_as_the_driver_does(zoo: Path, tmp_path: Path) -> None:
    uris = (str(zoo / "standard.pt"), str(zoo / "robust.pt"))
    config = detectors_config(uris[0], tmp_path / "detections", num_images=6, num_reference=60)
    detections = detectors.prepare(config)
    assert len(fill(detections, DetectionRows(config, detections, CPU)))
    made = images_config(uris[:1], tmp_path / "images", judge=uris[1], images_per_class=1, num_gradient_images=2)
    for one in classifier_images.maps_of(made):
        assert set(fill_map(one)["classifier"]) == {"standard"}
