"""The best of several starts, which catches a detector that masks its gradients and looks perfect under one attack."""

import pytest
import torch
from torch import Tensor, nn

from advgen_ray.attacks.best_of_starts import best_of_starts
from advgen_ray.attacks.objectives import logit
from advgen_ray.attacks.pgd import PGD
from advgen_ray.attacks.threat_model import Linf


class SpotsNoise(nn.Module):
    """What a training from random starts alone learns: anything rough is not data, whatever else it shows."""

    def forward(self, x: Tensor) -> Tensor:
        roughness = (x[..., 1:] - x[..., :-1]).abs().flatten(1).mean(1, keepdim=True)
        return 1 - 50 * torch.floor(50 * roughness)  # steps: no gradient leads back


def _attack(start_noise: object) -> PGD:
    return PGD(Linf(0.3), 10, 0.05, start_noise, keep_best=True)


def noise(x: Tensor) -> Tensor:
    return torch.randn(x.shape, generator=torch.Generator().manual_seed(0))


def test_a_detector_of_noise_is_found_out_by_the_clean_sample() -> None:
    smooth = torch.full((16, 1, 8, 8), 0.5)
    model = SpotsNoise()
    attacked = _attack(noise)(model, smooth, lambda outputs: outputs[:, 0])
    assert (model(attacked) < -10).all(), "the attack from noise finds nothing: the detector looks perfect"
    assert (best_of_starts(model, smooth, _attack, [noise], logit).value == 1.0).all()
    assert (best_of_starts(model, smooth, _attack, [], logit).value == 1.0).all()


def test_of_several_starts_the_best_counts_for_every_sample() -> None:
    class Hill(nn.Module):
        """A hill at the sample itself, flat a little away from it, and a higher one that only some starts see."""

        def forward(self, x: Tensor) -> Tensor:
            away = (x - 0.5).flatten(1).mean(1, keepdim=True)
            return torch.where(away.abs() < 0.01, 1 - away.abs(), torch.where(away > 0, 2 + away, 0.5 - away))

    x = torch.full((64, 1, 1, 1), 0.5)

    def up(x: Tensor) -> Tensor:
        return torch.where(torch.arange(len(x)).view(-1, 1, 1, 1) % 2 == 0, 0.5, -0.5).expand_as(x)

    best = best_of_starts(Hill(), x, _attack, [None, up], logit)
    assert torch.allclose(best.value[::2], torch.tensor(2.3), atol=1e-5)
    assert torch.allclose(best.value[1::2], torch.tensor(1.0), atol=1e-2)
    assert torch.equal(Hill()(best.x)[:, 0], best.value)
    assert best.found_from.tolist() == [2, 0] * 32
    assert best_of_starts(Hill(), x, _attack, [up, up], logit).found_from.tolist() == [1, 0] * 32, "the first of equals"


def test_an_attack_that_returns_its_last_iterate_is_refused() -> None:
    with pytest.raises(ValueError, match="keep its best iterate"):
        best_of_starts(SpotsNoise(), torch.rand(2, 1, 8, 8), lambda _: PGD(Linf(0.3), 2, 0.1), [None], logit)
