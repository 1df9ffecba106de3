"""The evaluation of one classifier's robustness as a job, without Ray."""

from pathlib import Path

import pytest

from advgen_ray.config import AttackConfig
from advgen_ray.distributed.pipelines import mapped_here
from advgen_ray.stages import robustness
from tests.models_on_disk import robustness_config, save_classifier


@pytest.mark.parametrize("eps", [1e-7, 3.0])
def test_a_shard_without_a_fallen_image_is_shown_as_any(eps: float, tmp_path: Path) -> None:
    """An attack too weak, and one from which the first shard has all the pictures."""
    attacks = (AttackConfig(kind="pgd", eps=eps, num_steps=3),)
    classifier = save_classifier(tmp_path / "model", num_steps=60)
    config = robustness_config(classifier, tmp_path / "out", num_images=20, eps=eps, attacks=attacks, shard_images=10)
    with mapped_here(lambda share: None):
        summary = robustness.run(config)
    assert (summary["robust_accuracy"] == summary["clean_accuracy"]) == (eps < 1)
    assert "robust accuracy" in (tmp_path / "out" / "report.html").read_text().lower()
