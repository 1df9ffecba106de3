"""A whole study, as small as it can be: its sets in two pools of actors, and nothing done twice."""

import json
from pathlib import Path
from typing import Any

import pytest

from advgen_ray import recipes
from advgen_ray.config import StudyConfig, resolve
from advgen_ray.distributed import pipelines
from advgen_ray.stages import study

SMALL = [
    "eps=[0.0, 1.0]",
    "classifier.model.base_channels=4",
    "classifier.num_epochs=1",
    "classifier.eps_warmup_epochs=0",
    "score_model.num_steps=20",
    "counterfactuals.num_sources=10",
    "counterfactuals.sampler.num_steps=4",
    "variant_sources=10",
    "held_out_sources=10",
    "energies.attacks=[{norm: l2, eps: 0.5, num_steps: 1}, {norm: l2, eps: 2.0, num_steps: 1}]",
    "classifier_view.eps=[1.0]",
    "classifier_view.chain_sources=10",
    "classifier_view.ascent.method.max_steps=2",
    "classifier_view.dvce.method.num_steps=3",
    "energy_view.attacked.attacks=[{name: fgsm, norm: l2, eps: 2.0, num_steps: 1, step_size: 2.0, start: image}]",
    "energy_view.attacked.num_images=20",
    "energy_view.detectors.num_images=40",
    "energy_view.images.num_steps=1",
    "energy_view.recorded.model.base_channels=4",
    "energy_view.recorded.num_epochs=1",
    "energy_view.recorded.eps_warmup_epochs=0",
    "energy_view.recorded.record_energies_at_epochs=[1]",
    "binary_view.detectors.training.num_steps=4",
    "binary_view.detectors.training.validation=null",
    "binary_view.evaluation.num_images=10",
    "binary_view.synthesis.num_images=20",
    "binary_view.synthesis.ascents=[{num_steps: 2, step_size: 0.1}]",
    "binary_view.robustness.num_images=10",
]


@pytest.mark.long
@pytest.mark.ray
@pytest.mark.usefixtures("ray_session")
def test_its_sets_are_made_in_two_pools_and_a_second_run_makes_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pools: list[str] = []
    reports = pipelines._reports

    def counted(name: str, *rest: Any) -> Any:
        pools.append(name)
        return reports(name, *rest)

    monkeypatch.setattr(pipelines, "_reports", counted)
    config = resolve(recipes.find("digits_study", StudyConfig), None, [f"output={tmp_path}/out", *SMALL])
    pages = study.run(config)
    assert pools == ["study", "study"]
    assert all(Path(page).stat().st_size > 1000 for page in pages.values())
    stages = [line.split("] ")[1] for line in capsys.readouterr().out.splitlines() if line.startswith("[")]
    spent = json.loads((tmp_path / "out" / "elapsed_seconds.json").read_text())
    assert list(spent) == stages
    trained = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*.safetensors")}
    assert study.run(config) == pages
    assert len(pools) == 2, "all sets are there"
    assert trained == {path: path.stat().st_mtime_ns for path in trained}
    assert "[12/12] report" in capsys.readouterr().out
