"""The cost of a counterfactual: what the formulas say, and what a real network is given."""

from pathlib import Path
from typing import Any

import pytest
import torch

from advgen_ray.config import GenerateConfig, SamplerConfig
from advgen_ray.distributed.counterfactual_rows import CounterfactualRows
from advgen_ray.distributed.network_evaluations import network_evaluations
from advgen_ray.models.unet import UNet
from advgen_ray.stages.counterfactuals import prepare
from tests.models_on_disk import generate_config


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"sampler": {"num_steps": 40}}, 80),
        ({"sampler": {"num_steps": 40}, "guidance_scale": 0.0}, 40),
        ({"sampler": {"kind": "euler_maruyama", "num_steps": 1000}}, 2000),  # the paper's
        ({"sampler": {"kind": "dpm_solver_ode", "num_steps": 20}}, 40),
        ({"sampler": {"kind": "heun", "num_steps": 20}}, 2 * 39),
        ({"sampler": {"num_steps": 40, "network_every": 4}}, 20),
        ({"sampler": {"num_steps": 10, "times": "linear"}, "guidance_until": 0.45}, 10 + 4),  # of .4, .3, .2 and .1
    ],
)
def test_two_images_a_step_under_guidance(changes: dict[str, Any], expected: int) -> None:
    assert network_evaluations(GenerateConfig(**changes)) == expected


def test_a_real_network_is_given_as_many(score_model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sampler = SamplerConfig(kind="dpm_solver_sde", num_steps=9, network_every=2)
    config = generate_config(score_model, tmp_path / "ce", num_sources=1, sampler=sampler, guidance_until=0.3)
    given = 0
    forward = UNet.forward

    def counted(self: UNet, x: torch.Tensor, *others: Any) -> torch.Tensor:
        nonlocal given
        given += len(x)
        return forward(self, x, *others)

    monkeypatch.setattr(UNet, "forward", counted)
    rows = CounterfactualRows(config, prepare(config), torch.device("cpu"))(0)
    assert given == network_evaluations(config) * rows.num_rows > 0
