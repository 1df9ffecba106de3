"""What MLflow holds of a job's run."""

from collections.abc import Iterator
from typing import Any

from advgen_ray.tracking.sender import quoted
from advgen_ray.tracking.server import experiment_name, tracking_uri


def kept_of(config_digest: str, output: str) -> dict[str, int]:
    """How much of each kind the newest finished run of a work into ``output`` holds; empty where there is none.

    The kinds: parameters, metrics, versions (of packages, and the commit), files and models.
    """
    import mlflow

    client: Any = mlflow.MlflowClient(tracking_uri())
    experiment = client.get_experiment_by_name(experiment_name())
    wanted = {"config_digest": config_digest, "output": output}
    clauses = [f"tags.`{key}` = {quoted(value)}" for key, value in wanted.items()]
    query = " and ".join([*clauses, "attributes.status = 'FINISHED'"])
    found = client.search_runs([experiment.experiment_id], query, max_results=1) if experiment else []
    if not found:
        return {}
    (run,) = found
    identifier = run.info.run_id
    models = client.search_logged_models([experiment.experiment_id], f"source_run_id = '{identifier}'")
    return {
        "parameters": len(run.data.params),
        "metrics": len(run.data.metrics),
        "versions": sum(key.startswith(("version.", "git_commit")) for key in run.data.tags),
        "files": sum(1 for _ in _files(client, identifier)),
        "models": len(models),
    }


def _files(client: Any, run_id: str, folder: str | None = None) -> Iterator[str]:
    for one in client.list_artifacts(run_id, folder):
        if one.is_dir:
            yield from _files(client, run_id, one.path)
        else:
            yield one.path
