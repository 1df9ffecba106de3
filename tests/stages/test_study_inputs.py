"""What a study's later stages would refuse is told before its first training, by the key that the study has."""

from pathlib import Path

import pytest

from advgen_ray import recipes
from advgen_ray.config import StudyConfig
from advgen_ray.errors import UserError
from advgen_ray.stages import study
from advgen_ray.stages.study_inputs import check_inputs


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        *(
            (
                f"{key}=100000",
                rf"^{key.replace('.', '[.]')}=100000: the {split} split of digits has \d+ images; lower it",
            )
            for key, split in {
                "counterfactuals.num_sources": "train",
                "variant_sources": "train",
                "held_out_sources": "test",
                "energies.num_images": "(train|test)",
                "energy_view.attacked.num_images": "test",
                "energy_view.detectors.num_images": "test",
                "energy_view.images.num_test_images": "test",
                "energy_view.images.num_gradient_images": "test",
                "energy_view.images.num_neighbors": "test",
                "binary_view.synthesis.num_reference": "train",
                "binary_view.robustness.num_images": "test",
            }.items()
        ),
        ("energy_view.detectors.num_reference=100000", "energy_view.detectors.num_reference=100000: the train split"),
        ("energy_view.detectors.layers=[stages.9]", "^energy_view.detectors.layers: .*stages.9"),
        (
            "binary_view.synthesis={start: {kind: images}, num_images: 100000}",
            "^binary_view.synthesis: num_images=100000: there are",
        ),
        ("classifier_view.others=[nowhere/else/model]", "nowhere/else/model: no model there"),
    ],
)
def test_a_mistake_of_a_later_stage_comes_before_the_trainings(
    setting: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(study, "connect", lambda: pytest.fail("a cluster was looked for"))
    config = recipes.find("digits_study", StudyConfig).override([f"output={tmp_path}/out", setting])
    with pytest.raises(UserError, match=message):
        study.run(config)
    assert not (tmp_path / "out").exists()


def test_the_study_as_it_is_asks_for_nothing_that_is_not_there() -> None:
    check_inputs(recipes.find("digits_study", StudyConfig))
