"""The radius and the seed of a training, as cards of every kind of model have them and as rows repeat them."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from advgen_ray.config import TrainBinaryConfig, TrainClassifierConfig, TrainOneVsRestConfig
from advgen_ray.config.gradient_alignment import AlignGradientsConfig
from advgen_ray.distributed.alignment_rows import AlignmentRows
from advgen_ray.distributed.energy_rows import EnergyRows
from advgen_ray.stages import classifier_images, energies, gradient_alignment
from advgen_ray.training.model_directory import training_eps, training_of
from tests.classifier_jobs import CPU, images_config
from tests.damage import made_set
from tests.models_on_disk import energies_config
from tests.small_one_vs_rest import save_one_vs_rest

DETECTOR = TrainBinaryConfig(class_index=0).override(["ascent={norm: l2, eps: 0.75}", "seed=4"])


@pytest.mark.parametrize(
    ("training", "eps", "seed"),
    [
        (TrainClassifierConfig().override(["attack.eps=0.25", "seed=3"]), 0.25, 3),
        (TrainClassifierConfig().override(["attack.eps=0"]), 0.0, 0),
        (DETECTOR, 0.75, 4),
        (TrainBinaryConfig(class_index=0), None, 0),
        (TrainOneVsRestConfig(training=DETECTOR), 0.75, 4),
        (None, None, None),
    ],
)
def test_a_card_says_in_which_radius_its_model_was_trained(training: Any, eps: float | None, seed: int | None) -> None:
    card = {"kind": "any", "training": training.model_dump(mode="json") if training else None, "calibration": {}}
    assert training_eps(card) == eps
    assert training_of(card).get("seed") == seed


def test_rows_of_a_generative_classifier_carry_the_radius_of_its_detectors(tmp_path: Path) -> None:
    models = (save_one_vs_rest(tmp_path / "detectors" / "model"),)
    scoring = energies_config(models, tmp_path / "energies", attacks=())
    scored, groups = energies.prepare(scoring)
    aligning = AlignGradientsConfig(
        counterfactuals=made_set(tmp_path), classifiers=models, output=str(tmp_path / "alignment")
    )
    aligned = gradient_alignment.prepare(aligning)
    makers = [
        EnergyRows(scoring, scored, groups, CPU),
        AlignmentRows(aligning, aligned, CPU),
        *(one.load(torch.device("cpu")) for one in classifier_images.maps_of(images_config(models, tmp_path / "made"))),
    ]
    for maker in makers:
        np.testing.assert_array_equal(maker(0)["classifier_eps"].to_numpy(), np.float32(0.5))
