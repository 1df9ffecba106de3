"""Noise drawn ahead: the same noise, drawn once, in time, and an error where it belongs."""

import threading

import pytest
import torch
from torch import Tensor

from advgen_ray.counterfactuals import generate as module
from advgen_ray.counterfactuals.neighborhood import gaussian
from advgen_ray.diffusion.noise_ahead import noise_ahead
from advgen_ray.diffusion.samplers import NoiseFn, ancestral
from advgen_ray.diffusion.vp_sde import VPSDE, quadratic_times
from advgen_ray.rng import Stream

CPU = torch.device("cpu")


def test_every_step_gets_its_own_noise_which_is_drawn_once_and_by_one_thread() -> None:
    stream, drawn, threads = Stream(0, "noise"), [], set()

    def draw(step: int) -> Tensor:
        drawn.append(step)
        threads.add(threading.get_ident())
        return stream.normal(["a", "b"], (1, 4, 4), step)

    with noise_ahead(draw, CPU) as noise:
        given = [noise(step) for step in range(5)]
    expected = [Stream(0, "noise").normal(["a", "b"], (1, 4, 4), step) for step in range(5)]
    assert all(torch.equal(one, other) for one, other in zip(given, expected, strict=True))
    assert drawn == [0, 1, 2, 3, 4, 5]
    assert len(threads - {threading.get_ident()}) == len(threads) == 1


def test_the_next_step_is_drawn_before_anyone_asks_for_it() -> None:
    begun = threading.Event()

    def draw(step: int) -> Tensor:
        if step == 1:
            begun.set()
        return torch.zeros(1)

    with noise_ahead(draw, CPU) as noise:
        noise(0)
        assert begun.wait(10)


def test_an_error_of_a_draw_is_raised_at_its_step() -> None:
    def draw(step: int) -> Tensor:
        if step == 2:
            raise ValueError("no noise")
        return torch.zeros(1)

    with noise_ahead(draw, CPU) as noise:
        noise(0)
        noise(1)
        with pytest.raises(ValueError, match="no noise"):
            noise(2)


def test_generation_is_bit_for_bit_what_it_is_without(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a GPU it is drawn ahead, on a CPU not; here ``is_cuda`` is answered for both."""

    def generated() -> Tensor:
        return module.generate(
            lambda x_t, t, y: -x_t,
            torch.full((3, 1, 4, 4), 0.4),
            torch.tensor([0, 1, 1]),
            ["a", "b", "c"],
            stream=Stream(0, "counterfactual"),
            sde=VPSDE(),
            sampler=ancestral,
            times=quadratic_times(10),
            neighborhood=gaussian,
            sigma_ce=0.1,
            combine=module.score_consistent,
            guidance_scale=1.0,
            null_label=2,
        )

    plain = generated()
    asked: list[torch.device] = []

    def recorded(draw: NoiseFn, device: torch.device) -> object:
        asked.append(device)
        return noise_ahead(draw, device)

    monkeypatch.setattr(module, "noise_ahead", recorded)
    monkeypatch.setattr(Tensor, "is_cuda", True)
    ahead = generated()
    assert asked == [CPU]
    assert torch.equal(plain, ahead)
