"""Resources: shown without a cluster, turned into Ray's terms, refused where a fixed cluster lacks them."""

import pytest

from advgen_ray.config import (
    GenerateConfig,
    PoolConfig,
    ReportConfig,
    SearchConfig,
    StudyConfig,
    TrainClassifierConfig,
    WorkersConfig,
)
from advgen_ray.config.distance_classifier import ClassifyByDistanceConfig
from advgen_ray.distributed.resources import check_fits, describe, own_process, per_worker
from advgen_ray.errors import UserError


def test_description_of_each_kind_of_job() -> None:
    workers = WorkersConfig(num_workers=4, cpus_per_worker=8, gpus_per_worker=1)
    training = {"workers": 4, "cpus_per_worker": 8, "gpus_per_worker": 1}
    assert describe(TrainClassifierConfig(workers=workers)) == training
    pool = {"actors": "1 to 6", "cpus_per_actor": 1, "gpus_per_actor": "1 where the cluster has any, else 0"}
    assert describe(GenerateConfig(pool=PoolConfig(max_actors=6))) == pool
    assert describe(ReportConfig()) == {"cpus": 1}
    study = describe(StudyConfig(classifier=TrainClassifierConfig(workers=workers)))
    assert study["classifier"] == training
    assert set(study) == {"classifier", "score_model", "counterfactuals", "energies"}


def test_a_gpu_each_where_there_are_any_unless_said_otherwise() -> None:
    unsaid, none, half = (WorkersConfig(gpus_per_worker=gpus, num_workers=1) for gpus in (None, 0, 0.5))
    with_gpu, without = {"CPU": 8.0, "GPU": 2.0}, {"CPU": 8.0}
    assert per_worker(unsaid, with_gpu) == {"CPU": 1.0, "GPU": 1.0}
    assert per_worker(unsaid, without) == {"CPU": 1.0}
    assert per_worker(none, with_gpu) == {"CPU": 1.0}
    assert per_worker(half, without) == {"CPU": 1.0, "GPU": 0.5}


def test_workers_that_train_one_model_cannot_share_a_gpu() -> None:
    with pytest.raises(ValueError, match=r"gpus_per_worker 0\.5 with num_workers 2: .* set num_workers=1"):
        WorkersConfig(gpus_per_worker=0.5)


def test_more_than_the_cluster_has_is_refused() -> None:
    check_fits("workers.num_workers", 4, {"CPU": 1.0}, {"CPU": 4.0})
    with pytest.raises(UserError, match=r"workers\.num_workers=5 of 1 CPU each: the cluster has 4 CPU"):
        check_fits("workers.num_workers", 5, {"CPU": 1.0}, {"CPU": 4.0})
    with pytest.raises(UserError, match=r"pool\.min_actors=1 of 1 GPU each: the cluster has 0 GPU"):
        check_fits("pool.min_actors", 1, {"CPU": 1.0, "GPU": 1.0}, {"CPU": 4.0})


def test_a_trial_in_its_own_process_takes_what_an_actor_would(monkeypatch: pytest.MonkeyPatch) -> None:
    def took(pool: PoolConfig, **cluster: float) -> dict[str, float] | None:
        monkeypatch.setattr("ray.cluster_resources", lambda: cluster)
        return own_process(GenerateConfig(pool=pool))

    one = PoolConfig(min_actors=1, max_actors=1, cpus_per_actor=4)
    half = one.model_copy(update={"gpus_per_actor": 0.5})
    assert took(one, CPU=8.0, GPU=2.0) == {"CPU": 4.0, "GPU": 1.0}
    assert took(one, CPU=8.0) == {"CPU": 4.0}
    assert took(half, CPU=8.0) == {"CPU": 4.0, "GPU": 0.5}
    assert took(PoolConfig(min_actors=1, max_actors=2), CPU=8.0) is None, "its actors are counted by themselves"
    assert own_process(TrainClassifierConfig()) is None
    within = ClassifyByDistanceConfig()
    assert own_process(within) is None, "the pool of its generation is of two"
    assert own_process(within.override(["generation.pool.max_actors=1"])) == {"CPU": 1.0}


def test_a_search_says_what_its_trials_take() -> None:
    config = SearchConfig(max_concurrent_trials=3)
    assert describe(config) == {"trials_at_once": 3, "trial": describe(config.job_config)}
