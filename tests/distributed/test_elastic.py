"""An elastic worker group on a cluster that loses a node and gets another."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from advgen_ray.config import WorkersConfig
from advgen_ray.distributed.resources import demand, describe
from advgen_ray.distributed.session import Task
from advgen_ray.stages import classifier
from advgen_ray.training.model_directory import load_model
from tests.job_process import JobProcess
from tests.small_training import classifier_config


def test_an_elastic_group_asks_for_its_fewest_and_says_so(tmp_path: Path) -> None:
    workers = WorkersConfig(num_workers=4, min_workers=2)
    config = classifier_config(tmp_path).model_copy(update={"workers": workers})
    assert demand(config, {"CPU": 8})["CPU"] == 2
    assert describe(config)["workers"] == "2 to 4"
    assert WorkersConfig(num_workers=4).fewest == 4
    with pytest.raises(ValidationError, match="min_workers 5 exceeds num_workers 4"):
        WorkersConfig(num_workers=4, min_workers=5)


@pytest.mark.ray
@pytest.mark.long
def test_a_group_goes_on_with_fewer_workers_and_grows_again(tmp_path: Path) -> None:
    from ray.cluster_utils import Cluster

    workers = WorkersConfig(num_workers=2, min_workers=1, resize_seconds=2.0)
    config = classifier_config(tmp_path, num_epochs=150, checkpoint_every_epochs=5).model_copy(
        update={"workers": workers}
    )
    task: Any = Task("", classifier.train, config, config.output)
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
    nodes = [cluster.add_node(num_cpus=1) for _ in range(2)]
    driver = JobProcess.of("train_classifier", config, tmp_path / "log", RAY_ADDRESS=cluster.address)

    def until(reached: Callable[[int, int], bool]) -> int:
        """Wait for what workers say of their number and step; the step."""
        steps = [0]

        def looked() -> bool:
            progress = task.progress()
            steps.append((progress.get("record") or {}).get("step", 0))
            return reached(progress.get("num_workers", 0), steps[-1])

        driver.wait_until(looked, often=0.1)
        return steps[-1]

    try:
        step = until(lambda size, step: size == 2 and step > 20)
        cluster.remove_node(nodes[1], allow_graceful=False)
        alone = until(lambda size, _: size == 1)
        assert alone > 0, "it began anew"
        step = until(lambda size, now: size == 1 and now > step)
        cluster.add_node(num_cpus=1)
        until(lambda size, now: size == 2 and now > step)
        said = driver.finish()
    finally:
        driver.process.kill()
        cluster.shutdown()
    card = load_model(Path(config.output, "model")).card
    assert [record["step"] for record in card["history"]] == list(range(3, 451, 3))
    assert "goes on with 1 workers, not 2" in said
