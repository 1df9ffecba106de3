"""A trained model as MLflow keeps it: an exported program with its signature, which ``mlflow.pytorch`` loads.

The format is "pt2", a graph of tensor operations beside its weights; MLflow loads it with pickles forbidden, as the
tests do. Its other one is a pickle of the module, which executes what it holds when it is loaded.
"""

import tempfile
from collections.abc import Mapping
from pathlib import Path
from shutil import copyfile
from typing import Any

NAME = "model"  # of every model: a run trains one, found at runs:/RUN_ID/model
PROGRAM = Path("data", "model.pt2")  # where mlflow.pytorch looks for it


def log_model(client: Any, experiment_id: str, run_id: str, entry: Mapping[str, Any]) -> None:
    """Store the program of an entry as the model of a run; nothing happens where it is there already."""
    from mlflow.entities import LoggedModelOutput, LoggedModelStatus

    found = client.search_logged_models([experiment_id], f"source_run_id = '{run_id}' AND name = '{NAME}'")
    model = next(iter(found), None) or client.create_logged_model(
        experiment_id, NAME, source_run_id=run_id, model_type=entry["facts"].get("kind"), tags=entry["facts"]
    )
    if model.status == LoggedModelStatus.READY:
        return
    outputs = client.get_run(run_id).outputs
    if model.model_id not in [output.model_id for output in (outputs.model_outputs if outputs else [])]:
        client.log_outputs(run_id, [LoggedModelOutput(model.model_id, step=0)])
    with tempfile.TemporaryDirectory(prefix="advgen-mlflow-") as folder:
        _write(Path(folder), model, run_id, entry)
        client.log_model_artifacts(model.model_id, folder)
    client.finalize_logged_model(model.model_id, LoggedModelStatus.READY)


def _write(folder: Path, model: Any, run_id: str, entry: Mapping[str, Any]) -> None:
    """The files of an MLflow model, by hand: its own writer would export the network again, in this thread.

    Exporting swaps methods of torch's modules for all threads of the process, so it is done where none computes.
    """
    from mlflow.models import Model, ModelSignature

    stored = folder / PROGRAM
    stored.parent.mkdir(parents=True)
    copyfile(entry["path"], stored)
    description = Model(
        artifact_path=model.artifact_location,
        run_id=run_id,
        model_id=model.model_id,
        model_uuid=model.model_id,
        signature=ModelSignature(_schema(entry["inputs"]), _schema(entry["outputs"])),
        metadata=dict(entry["facts"]),
        model_size_bytes=stored.stat().st_size,
    )
    version = entry["torch_version"]
    description.add_flavor("pytorch", model_data=PROGRAM.parent.name, pytorch_version=version, code=None)
    description.save(str(folder / "MLmodel"))
    (folder / "requirements.txt").write_text(f"torch=={version.partition('+')[0]}\n")


def _schema(tensors: Mapping[str, Any]) -> Any:
    """MLflow's schema of ``{name: [dtype, shape]}``; one tensor needs no name there, ``""``."""
    import numpy as np
    from mlflow.types import Schema, TensorSpec

    return Schema([TensorSpec(np.dtype(dtype), tuple(shape), name or None) for name, (dtype, shape) in tensors.items()])
