"""A training's model in MLflow: loaded by MLflow alone, it gives what ours gives, and nothing is unpickled."""

import io
import os
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch

from advgen_ray.config import OptimizerConfig, TrainScoreModelConfig, UNetConfig, WorkersConfig
from advgen_ray.stages import classifier, score_model
from advgen_ray.tracking import sender, tracked_run
from advgen_ray.training.any_classifier import load_classifier
from advgen_ray.training.exported import export_program
from advgen_ray.training.model_directory import load_model, save_model
from tests.models_on_disk import save_classifier, save_score_model
from tests.small_training import KeptSession, classifier_config


def _train_here(
    tasks: Sequence[Any], _workers: Any, _describe: Any, on_record: Any, on_end: Any
) -> list[dict[str, Any]]:
    """In the place of Ray Train: the same programs in this process."""
    cards = []
    for task in tasks:
        session = KeptSession()
        task.program(task.config, session)
        for record in session.records:
            on_record(task, record)
        card = session.card | {"config_digest": task.digest}
        cards.append(save_model(f"{task.output}/model", session.model, card))
        on_end(task)
    return cards


@pytest.fixture(autouse=True)
def experiment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """One of its own; MLflow unpickles nothing, whatever the user's environment says."""
    monkeypatch.setattr("advgen_ray.stages.tracked_training.run_training", _train_here)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", tmp_path.name)
    monkeypatch.setenv("MLFLOW_ALLOW_PICKLE_DESERIALIZATION", "false")
    return tmp_path.name


def _client() -> Any:
    import mlflow

    mlflow.set_tracking_uri(os.environ["MLFLOW_TRACKING_URI"])
    return mlflow.MlflowClient()


def _run(experiment: str) -> Any:
    client = _client()
    (run,) = client.search_runs([client.get_experiment_by_name(experiment).experiment_id])
    return run


def _signature(run: Any) -> dict[str, Any]:
    import mlflow

    signature = mlflow.models.get_model_info(f"runs:/{run.info.run_id}/model").signature
    return {
        side: [(spec.name, spec.type.name, spec.shape) for spec in schema.inputs]
        for side, schema in (("inputs", signature.inputs), ("outputs", signature.outputs))
    }


def test_a_classifier_is_loaded_by_mlflow_alone(tmp_path: Path, experiment: str) -> None:
    config = classifier_config(tmp_path / "out", num_epochs=1, num_evaluation_images=20)
    summary = classifier.run(config)
    run = _run(experiment)
    ours = load_model(summary["model"])
    assert _signature(run) == {
        "inputs": [(None, "float32", (-1, 1, 8, 8))],
        "outputs": [(None, "float32", (-1, 10))],
    }
    import mlflow

    theirs = mlflow.pytorch.load_model(f"runs:/{run.info.run_id}/model")
    for num_images in (1, 7):
        x = torch.rand(num_images, 1, 8, 8)
        assert torch.equal(theirs(x), ours.model(x))
    (model,) = _client().search_logged_models([run.info.experiment_id])
    assert str(model.status) == "READY"
    assert model.model_type == "wide_resnet"
    assert model.tags["weights_sha256"] == ours.digest
    assert model.tags["config_digest"] == config.digest()
    assert [output.model_id for output in run.outputs.model_outputs] == [model.model_id]
    assert torch.equal(mlflow.pytorch.load_model(f"models:/{model.model_id}")(x), ours.model(x))


def test_a_score_model_takes_images_times_and_labels_by_name(tmp_path: Path, experiment: str) -> None:
    config = TrainScoreModelConfig(
        model=UNetConfig(base_channels=8, channel_multipliers=(1, 2), num_blocks=1, channels_per_group=4),
        optimizer=OptimizerConfig(learning_rate=1e-2),
        num_steps=20,
        batch_size=16,
        output=str(tmp_path / "out"),
        workers=WorkersConfig(num_workers=1),
    )
    summary = score_model.run(config)
    run = _run(experiment)
    assert _signature(run) == {
        "inputs": [("x_t", "float32", (-1, 1, 8, 8)), ("t", "float32", (-1,)), ("y", "int64", (-1,))],
        "outputs": [(None, "float32", (-1, 1, 8, 8))],
    }
    import mlflow

    inputs = (torch.randn(5, 1, 8, 8), torch.rand(5), torch.arange(6, 11))
    noise = load_model(summary["model"]).model(*inputs)
    assert noise.abs().max() > 0, "a network that was not trained gives zeros"
    assert torch.equal(mlflow.pytorch.load_model(f"runs:/{run.info.run_id}/model")(*inputs), noise)


def test_an_entry_that_is_sent_again_changes_nothing(
    tmp_path: Path, experiment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after a lost answer; and one whose upload broke off is completed, not doubled."""
    send, sent, broken = sender.log_model, [], [True]

    def three_times(client: Any, *rest: Any) -> None:
        with monkeypatch.context() as patch:
            patch.setattr(client, "log_model_artifacts", lambda *_: 1 / 0)
            with pytest.raises(ZeroDivisionError):
                send(client, *rest)
        for _ in broken * 2:
            send(client, *rest)
            sent.append(client.search_logged_models([rest[0]]))

    monkeypatch.setattr(sender, "log_model", three_times)
    program = export_program(save_classifier(tmp_path / "model"))
    with tracked_run("work", {"seed": 1}) as run:
        run.log_model(program.content, torch.__version__, program.inputs, program.outputs, program.facts)
    first, second = sent
    assert [model.model_id for model in first] == [model.model_id for model in second]
    assert len(second) == 1
    assert second[0].last_updated_timestamp == first[0].last_updated_timestamp
    assert [output.model_id for output in _run(experiment).outputs.model_outputs] == [second[0].model_id]


@pytest.mark.parametrize("save", [save_classifier, save_score_model])
def test_a_program_tells_nothing_of_the_machine(save: Any, tmp_path: Path) -> None:
    content = export_program(save(tmp_path / "model")).content
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        whole = b"".join(archive.read(name) for name in archive.namelist())
    assert b"ops.aten" in whole
    for place in (Path(torch.__file__).parent, Path(__file__).parents[2], tmp_path):
        assert str(place).encode() not in whole


def test_our_jobs_take_the_program_as_a_classifier(tmp_path: Path) -> None:
    directory = save_classifier(tmp_path / "model")
    file = tmp_path / "model.pt2"
    file.write_bytes(export_program(directory).content)
    x = torch.rand(3, 1, 8, 8)
    assert torch.equal(load_classifier(file, (1, 8, 8), 10).model(x), load_model(directory).model(x))


def test_a_run_whose_driver_was_killed_is_completed_by_the_next_one(
    experiment: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The model is there, trained to its end by workers that outlived the driver."""
    config = classifier_config(tmp_path)
    trained: list[dict[str, Any]] = []

    def dies(tasks: Sequence[Any], *rest: Any) -> list[dict[str, Any]]:
        trained.extend(_train_here(tasks, *rest[:-1], lambda task: None))  # it does not hear of the end any more
        raise KeyboardInterrupt

    path = "advgen_ray.stages.tracked_training.run_training"
    monkeypatch.setattr(path, dies)
    with pytest.raises(KeyboardInterrupt):
        classifier.run(config)
    killed = _run(experiment)
    assert killed.info.status == "KILLED"
    monkeypatch.setattr(path, lambda *_: trained)  # as it says of what is there already
    for marked in (True, False):
        classifier.run(config)
        run = _run(experiment)  # still the one
        assert run.info.run_id == killed.info.run_id
        assert run.info.status == "FINISHED"
        assert {name for name, _ in trained[0]["metrics"].items()} <= set(run.data.metrics)
        steps = [point.step for point in _client().get_metric_history(run.info.run_id, "loss")]
        assert steps == sorted(set(steps)), "a step is there twice"
        assert len(run.outputs.model_outputs) == 1
        if marked:
            (Path(config.output) / "tracked").unlink()  # then MLflow is asked, and has no unfinished run
