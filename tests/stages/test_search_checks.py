"""A search asks its trials' jobs for their mistakes before it asks for a cluster."""

from pathlib import Path
from typing import Any

import pytest

from advgen_ray.config import ObjectiveConfig, SearchConfig
from advgen_ray.config.searchable import GENERATIONS, METRICS, SEARCHABLE
from advgen_ray.errors import UserError
from advgen_ray.stages import search
from tests.models_on_disk import choice, robustness_config, save_classifier

DATA_WITHIN = {"train_one_vs_rest": "training", "classify_by_distance": "generation"}
MORE = {
    "train_classifier": {"num_validation_images": 100},
    "train_binary": {"class_index": 1},
    "train_one_vs_rest": {"class_index": 1},
}


class ConnectedError(Exception):
    """The search has come as far as a cluster."""


@pytest.fixture(autouse=True)
def _no_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    def connect() -> None:
        raise ConnectedError

    monkeypatch.setattr("advgen_ray.distributed.cluster.connect", connect)


@pytest.mark.parametrize("job", SEARCHABLE)
def test_what_trials_would_miss_is_one_line_before_the_cluster(job: str, tmp_path: Path) -> None:
    roots = [str(tmp_path / name) for name in "ab"]
    base: dict[str, Any] = {"data": {"name": "cifar10", "root": roots[0]}, **MORE.get(job, {})}
    within = DATA_WITHIN.get(job)
    config = SearchConfig(
        job=job,
        base={within: base} if within else base,
        judge="nowhere/model" if job in GENERATIONS else "",
        space=(choice(f"{within}.data.root" if within else "data.root", *roots),),
        objectives=(ObjectiveConfig(metric=METRICS.get(job, ("seconds",))[0]),),
        proposals="grid",
        output=str(tmp_path / "search"),
    )
    with pytest.raises(UserError):
        search.run(config)


def test_a_search_whose_trials_can_run_goes_on_and_leaves_nothing_elsewhere(tmp_path: Path) -> None:
    """What the base alone has, here more images than there are, no trial asks for."""
    base = robustness_config(save_classifier(tmp_path / "eps-0.0" / "model"), tmp_path / "own", num_images=10**6)
    config = SearchConfig(
        job="evaluate_robustness",
        base=base.model_dump(mode="json"),
        space=(choice("num_images", 5, 40),),
        objectives=(ObjectiveConfig(metric="robust_accuracy"),),
        proposals="random",
        output=str(tmp_path / "search"),
    )
    with pytest.raises(ConnectedError):
        search.run(config)
    assert {path.name for path in tmp_path.iterdir()} == {"eps-0.0", "search"}
