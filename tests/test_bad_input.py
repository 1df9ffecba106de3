"""Every mistake that the issue names, made once against the real jobs: one line, exit code 2, nothing half-written."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from advgen_ray.config import (
    GenerateConfig,
    ReportConfig,
    ScoreEnergiesConfig,
    TrainClassifierConfig,
    TrainScoreModelConfig,
)
from advgen_ray.distributed.own_head import free_ports
from advgen_ray.job import run_job
from advgen_ray.stages import classifier, counterfactuals, energies, report, score_model
from tests.damage import (
    altered_model,
    claim_other_architecture,
    made_set,
    not_a_number,
    npz,
    plant_pickle,
    taken,
    torch_checkpoint,
    truncate,
)
from tests.models_on_disk import save_classifier, save_score_model

JOBS: dict[str, tuple[Any, Any]] = {
    "classifier": (TrainClassifierConfig, classifier.run),
    "score_model": (TrainScoreModelConfig, score_model.run),
    "counterfactuals": (GenerateConfig, counterfactuals.run),
    "energies": (ScoreEnergiesConfig, energies.run),
    "report": (ReportConfig, report.run),
}


def _pictures(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (12, height, width), dtype=np.uint8)


def _without_names(root: Path) -> Path:
    root.mkdir()
    for split in ("train", "test"):
        np.savez(root / f"{split}.npz", images=_pictures(8, 8), labels=np.where(np.arange(12) == 7, 2**40, 0))
    return root


# The job, the settings that hold the mistake (given a scratch directory), and what the line must say.
Case = tuple[str, Callable[[Path], list[str]], str]
CASES: dict[str, Case] = {
    "unknown key": ("classifier", lambda at: ["attack.epss=1"], "did you mean 'eps'"),
    "unknown nested key": ("counterfactuals", lambda at: ["sampler.steps=5"], "did you mean 'num_steps'"),
    "wrong type": ("classifier", lambda at: ["num_epochs=many"], "num_epochs: "),
    "wrong type in a list": ("energies", lambda at: ["classifiers=[1]"], "classifiers"),
    "negative eps": ("classifier", lambda at: ["attack.eps=-0.1"], "eps must be zero or positive, got -0.1"),
    "eps in 0..255, linf": (
        "classifier",
        lambda at: ["attack.norm=linf", "attack.eps=8"],
        "eps is in [0, 1] pixel units, got 8",
    ),
    "model missing": ("counterfactuals", lambda at: [f"score_model={at}/none"], "no model there"),
    "model truncated": (
        "counterfactuals",
        lambda at: [f"score_model={altered_model(save_score_model, at / 'm', truncate)}"],
        "truncated",
    ),
    "model of another architecture": (
        "energies",
        lambda at: [f"classifiers=[{altered_model(save_classifier, at / 'm' / 'model', claim_other_architecture)}]"],
        "another architecture",
    ),
    "model of another kind": (
        "counterfactuals",
        lambda at: [f"score_model={save_classifier(at / 'm')}"],
        "holds a wide_resnet, expected a unet",
    ),
    "model that would execute": (
        "energies",
        lambda at: [f"classifiers=[{altered_model(save_classifier, at / 'm' / 'model', plant_pickle)}]"],
        "not a safetensors file",
    ),
    "torch checkpoint that would execute": (
        "counterfactuals",
        lambda at: [f"score_model={torch_checkpoint(at / 'm.pt')}"],
        "pickled checkpoints are never loaded",
    ),
    "output under a file": ("score_model", lambda at: [f"output={taken(at / 'f')}/out"], "cannot be written"),
    "output of another set": (
        "counterfactuals",
        lambda at: [f"score_model={save_score_model(at / 'm')}", f"output={made_set(at)}", "seed=99"],
        "holds a result set of identity",
    ),
    "data set missing": (
        "classifier",
        lambda at: ["data.name=cifar10", f"data.root={at}"],
        "set data.root to the folder that holds them, or fetch them with --set data.download=true",
    ),
    "arrays missing": ("classifier", lambda at: ["data.name=npz", f"data.root={at}"], "train.npz: not found"),
    "more sources than images": (
        "counterfactuals",
        lambda at: [f"score_model={save_score_model(at / 'm')}", "num_sources=5000"],
        "num_sources=5000: the train split of digits has 1400 images",
    ),
    "class out of range": (
        "classifier",
        lambda at: npz(at / "d", labels=np.arange(12) % 4),
        "labels range from 0 to 3, expected 0..2",
    ),
    "one class": (
        "classifier",
        lambda at: npz(at / "d", labels=np.zeros(12, int)),
        "every image of the train split is of class 'a'",
    ),
    "negative class": ("classifier", lambda at: npz(at / "d", labels=np.arange(12) % 3 - 1), "labels range from -1"),
    "images not a number": ("score_model", lambda at: npz(at / "d", images=not_a_number()), "1 NaN values"),
    "images beyond 1": (
        "score_model",
        lambda at: npz(at / "d", images=np.full((12, 8, 8), 255.0)),
        "images range from 255 to 255, expected [0, 1]; divide 0..255 by 255",
    ),
    "labels missing for some": (
        "classifier",
        lambda at: npz(at / "d", labels=np.arange(11) % 3),
        "12 images but labels of shape (11,)",
    ),
    "no output": ("classifier", lambda at: ["output="], "output: empty, expected a path"),
    "no classifier": ("energies", lambda at: ['classifiers=[""]'], "classifiers.0: empty, expected a path"),
    "no square for a discriminator": (
        "classifier",
        lambda at: [*npz(at / "d", images=_pictures(7, 5)), "model={kind: discriminator}"],
        "discriminator: the images are 7x5, expected a square of 8, 16, 32, ... pixels; take another model.kind",
    ),
    "too few pixels for two convolutions": (
        "classifier",
        lambda at: [*npz(at / "d", images=_pictures(1, 1)), "model={kind: two_conv}"],
        "two_conv: the images are 1x1, expected 4x4 pixels or more",
    ),
    "a label without end": (
        "classifier",
        lambda at: ["data.name=npz", f"data.root={_without_names(at / 'd')}"],
        "labels go up to 1099511627776, but no image is of class 1",
    ),
    "counterfactuals unfinished": (
        "energies",
        lambda at: [
            f"classifiers=[{save_classifier(at / 'm' / 'model')}]",
            f"counterfactuals=[{made_set(at, without=1)}]",
        ],
        ": unfinished, ",
    ),
}


def refusal(capture: pytest.CaptureFixture[str], job: str, settings: list[str], *more: str) -> str:
    """The one line on stderr of a job that ends with code 2 and says nothing else."""
    config_type, run = JOBS[job]
    capture.readouterr()
    words = [word for setting in settings for word in ("--set", setting)]
    assert run_job(config_type, run, [*words, *more]) == 2
    captured = capture.readouterr()
    assert captured.err.startswith("error: ")
    assert captured.err.count("\n") == 1, captured.err
    return captured.err


def contents(directory: Path) -> dict[str, bytes]:
    """Every file under a directory."""
    return {str(path): path.read_bytes() for path in directory.rglob("*") if path.is_file()}


@pytest.mark.parametrize("case", CASES)
def test_a_mistake_is_one_line_before_any_work(case: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    import ray

    job, make, words = CASES[case]
    settings = make(tmp_path)
    before = contents(tmp_path)
    was_up = ray.is_initialized()
    if not any(setting.startswith("output=") for setting in settings):
        settings = [f"output={tmp_path}/out", *settings]
    line = refusal(capfd, job, settings)
    assert words in line
    assert contents(tmp_path) == before, "something was written, or a checkpoint was executed"
    assert ray.is_initialized() == was_up, "a cluster was started for a job that cannot run"


@pytest.mark.parametrize("job", ["classifier", "score_model", "counterfactuals", "energies"])
def test_an_unreachable_cluster_stops_a_job_before_it_writes(
    job: str, tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    import ray

    monkeypatch.setattr(ray, "is_initialized", lambda: False)  # another test may have left the session's cluster up
    monkeypatch.setenv("RAY_ADDRESS", "put back afterwards")
    models = {
        "counterfactuals": [f"score_model={save_score_model(tmp_path / 'm')}"],
        "energies": [f"classifiers=[{save_classifier(tmp_path / 'm' / 'model')}]"],
    }
    address = f"127.0.0.1:{free_ports(1)[0]}"
    line = refusal(capfd, job, [f"output={tmp_path}/out", *models.get(job, [])], "--address", address)
    assert f"Ray cluster at {address}: unreachable" in line
    assert contents(tmp_path / "out") == {}


@pytest.mark.parametrize("job", ["classifier", "score_model", "counterfactuals", "energies"])
def test_an_unreachable_tracking_server_stops_a_job_before_it_writes(
    job: str, tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://walter:s3cret@127.0.0.1:{free_ports(1)[0]}")
    models = {
        "counterfactuals": [f"score_model={save_score_model(tmp_path / 'm')}"],
        "energies": [f"classifiers=[{save_classifier(tmp_path / 'm' / 'model')}]"],
    }
    line = refusal(capfd, job, [f"output={tmp_path}/out", *models.get(job, [])])
    assert "tracking server http://***@127.0.0.1" in line
    assert "s3cret" not in line
    assert contents(tmp_path / "out") == {}


@pytest.mark.ray
@pytest.mark.usefixtures("ray_session")
def test_a_corrupt_shard_is_named_by_the_job_that_reads_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = made_set(tmp_path)
    shard = Path(source) / "shards" / "shard-00001.parquet"
    data = bytearray(shard.read_bytes())
    data[len(data) // 2] ^= 1
    shard.write_bytes(data)
    settings = [
        f"classifiers=[{save_classifier(tmp_path / 'm' / 'model')}]",
        f"counterfactuals=[{source}]",
        "num_images=5",
        "attacks=[]",
        f"output={tmp_path}/out",
        "pool.min_actors=1",
        "pool.max_actors=1",
    ]
    # Python's own stderr: Ray's core adds a harmless line of its own on actors with large arguments.
    line = refusal(capsys, "energies", settings)
    assert "shard-00001.parquet" in line
    assert not (tmp_path / "out" / "manifest.json").exists()
