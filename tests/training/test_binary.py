"""Binary AT: what a step meets, that a resumed run is an unbroken one, and how it ends."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from advgen_ray.attacks.pgd import PGD
from advgen_ray.attacks.threat_model import L2, Unconstrained
from advgen_ray.data.datasets import LabelledImages
from advgen_ray.errors import UserError
from advgen_ray.losses.binary import energy_difference
from advgen_ray.models.resnet import ResNet
from advgen_ray.training import binary
from advgen_ray.training.loop import Trainee
from advgen_ray.training.optim import adam, constant
from advgen_ray.training.progressive import Progression
from tests.same_weights import same_weights
from tests.training.conftest import Keeper, fit_binary, new_binary, without_time


@pytest.mark.parametrize("stop_after", [1, 2])
def test_a_resumed_run_equals_an_unbroken_one_bitwise(
    few_digits: LabelledImages, tmp_path: Path, stop_after: int
) -> None:
    unbroken = new_binary(few_digits)
    fit_binary(unbroken, few_digits)
    stopped = Keeper(tmp_path, stop_after)
    with pytest.raises(InterruptedError):
        fit_binary(new_binary(few_digits), few_digits, stopped)
    torch.manual_seed(99)
    resumed = new_binary(few_digits)
    resumed.resume(stopped.checkpoints[-1])
    assert resumed.step == 5 * stop_after
    assert resumed.course["updates"] == 5 * stop_after % 4, "in the middle of a K, its window half full"
    fit_binary(resumed, few_digits)
    assert same_weights(resumed.model.state_dict(), unbroken.model.state_dict())
    assert same_weights(resumed.ema.shadow, unbroken.ema.shadow)
    assert without_time(resumed.history) == without_time(unbroken.history)
    assert resumed.course == unbroken.course
    assert unbroken.course["k"] == 3
    assert [record["k"] for record in unbroken.history if record["step"] % 2 == 0] == [0, 0, 1, 1, 2, 2, 3, 3]


def test_a_share_of_the_samples_starts_from_noise_and_the_rest_where_they_are(
    few_digits: LabelledImages, monkeypatch: pytest.MonkeyPatch
) -> None:
    moved: list[Tensor] = []

    class Watched(PGD):
        def _start(self, x: Tensor) -> Tensor:
            start = super()._start(x)
            moved.append((start - x).flatten(1).norm(dim=1))
            return start

    for share in (0.0, 0.5, 1.0):
        moved.clear()
        fit_binary(
            new_binary(few_digits),
            few_digits,
            out_attack=lambda k, noise: Watched(L2(1.0), k, 0.3, noise),
            data_attack=None,
            random_start_share=share,
            progression=Progression(1, 1, 99),
        )
        from_noise = (torch.cat(moved) > 0.01).float().mean().item()
        assert from_noise == pytest.approx(share, abs=0.15 if share == 0.5 else 0.0)
        assert len(torch.cat(moved)) > 90


def test_batch_norm_keeps_its_statistics_and_is_trained_as_an_affine_layer(few_digits: LabelledImages) -> None:
    torch.manual_seed(0)
    info = few_digits.info
    model = ResNet(info.image_shape, 1, info.mean, info.std, depth=18, base_channels=4)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    trainee = Trainee(model, adam(model.parameters()), constant(1e-3))
    fit_binary(trainee, few_digits, num_steps=3)
    for name, value in model.state_dict().items():
        assert torch.equal(value, before[name]) == (
            "running" in name or "tracked" in name or name in ("mean", "std")
        ), name


def test_a_rule_ends_it_with_a_checkpoint_and_a_resumed_one_stays_ended(
    few_digits: LabelledImages, tmp_path: Path
) -> None:
    keeper = Keeper(tmp_path)
    trainee = new_binary(few_digits)
    ends = Progression(2, 2, 99, last_k_steps=7)
    fit_binary(trainee, few_digits, keeper, progression=ends)
    assert (trainee.step, trainee.course["ended"]) == (7, "7 updates at K = 2")
    assert [path.name for path in keeper.checkpoints] == ["step-5", "step-7"]
    assert trainee.history[-1]["step"] == 7
    resumed = new_binary(few_digits)
    resumed.resume(keeper.checkpoints[-1])
    fit_binary(resumed, few_digits, progression=ends)
    assert resumed.step == 7
    assert same_weights(resumed.model.state_dict(), trainee.model.state_dict())


def test_an_energy_difference_diverges_and_that_is_said_instead_of_nan(
    few_digits: LabelledImages, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(binary, "LARGEST_LOGIT", 50.0)
    settings = {
        "progression": Progression(2, 2, 99),
        "num_steps": 300,
        "record_every": 50,
        "r1": 0.0,
        "data_attack": None,
    }
    settings |= {"out_attack": lambda k, noise: PGD(Unconstrained(), k, 0.1), "random_start_share": 0.0}
    ebm, stable = new_binary(few_digits, 2e-2), new_binary(few_digits, 2e-2)
    fit_binary(ebm, few_digits, contrast=energy_difference, **settings)
    assert ebm.step < 300
    assert ebm.course["ended"].startswith("diverged: a logit of ")
    assert all(np.isfinite(record["loss"]) for record in ebm.history)
    fit_binary(stable, few_digits, **(settings | {"num_steps": ebm.step}))
    assert stable.course["ended"] == ""


def test_nan_is_an_error_at_once(few_digits: LabelledImages) -> None:
    trainee = new_binary(few_digits)
    with torch.no_grad():
        next(trainee.model.parameters())[0] = torch.nan
    with pytest.raises(UserError, match="the loss is nan at step 1; lower"):
        fit_binary(trainee, few_digits, record_every=5, data_attack=None)
