"""The same answer whatever the cluster: one actor and several against a plain loop, bit for bit; batches to 1e-5."""

from pathlib import Path

import numpy as np
import pytest
import torch

from advgen_ray.config import PoolConfig
from advgen_ray.distributed.counterfactual_rows import CounterfactualRows
from advgen_ray.distributed.energy_rows import EnergyRows
from advgen_ray.stages import counterfactuals, energies, robustness
from advgen_ray.storage import ResultSet
from tests.classifier_jobs import fill
from tests.models_on_disk import energies_config, generate_config, robustness_config

pytestmark = pytest.mark.ray


def _bytes(result_set: ResultSet) -> list[bytes]:
    return [Path(result_set.shard_uri(index)).read_bytes() for index in range(result_set.num_shards)]


def _pool(actors: int) -> PoolConfig:
    return PoolConfig(min_actors=actors, max_actors=actors)


@pytest.mark.usefixtures("ray_session")
def test_counterfactuals_do_not_depend_on_actors_or_batches(score_model: str, tmp_path: Path) -> None:
    config = generate_config(score_model, tmp_path / "loop")
    expected = counterfactuals.prepare(config)
    fill(expected, CounterfactualRows(config, expected, torch.device("cpu")))
    for actors in (1, 3):
        config = generate_config(score_model, tmp_path / f"actors-{actors}", pool=_pool(actors))
        summary = counterfactuals.run(config)
        stored = ResultSet.open(config.output)
        assert stored.identity == expected.identity
        assert _bytes(stored) == _bytes(expected), f"{actors} actors"
        assert summary["count"] == 60
    config = generate_config(score_model, tmp_path / "batches", batch_size=7, shard_images=13, pool=_pool(2))
    counterfactuals.run(config)
    stored = ResultSet.open(config.output)
    assert stored.read(["item_id"]) == expected.read(["item_id"])
    np.testing.assert_allclose(stored.images("x_ce"), expected.images("x_ce"), atol=1e-5, rtol=0)


@pytest.mark.long
@pytest.mark.usefixtures("ray_session")
def test_energies_do_not_depend_on_actors(classifiers: tuple[str, str], tmp_path: Path) -> None:
    config = energies_config(classifiers, tmp_path / "loop")
    expected, groups = energies.prepare(config)
    fill(expected, EnergyRows(config, expected, groups, torch.device("cpu")))
    config = energies_config(classifiers, tmp_path / "actors", pool=_pool(2))
    energies.run(config)
    assert _bytes(ResultSet.open(config.output)) == _bytes(expected)


@pytest.mark.long
@pytest.mark.usefixtures("ray_session")
def test_robustness_does_not_depend_on_actors(trained_classifier: str, tmp_path: Path) -> None:
    one, three = (
        robustness_config(trained_classifier, tmp_path / f"actors-{n}", shard_images=14, pool=_pool(n)) for n in (1, 3)
    )
    summaries = [robustness.run(config) for config in (one, three)]
    assert _bytes(ResultSet.open(one.output)) == _bytes(ResultSet.open(three.output))
    assert summaries[0]["robust_accuracy"] == summaries[1]["robust_accuracy"]
    assert summaries[0]["robust_accuracy"] < summaries[0]["clean_accuracy"]
    assert "How many images stand?" in (tmp_path / "actors-1" / "report.html").read_text()
    assert not (tmp_path / "actors-1" / "progress").exists()
    assert robustness.run(one) == summaries[0]  # finished: nothing is computed, the same is told
