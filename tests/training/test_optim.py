"""Learning rates as functions of the step, against torch's schedulers; clipping and the optimisers' settings."""

import pytest
import torch
from torch import nn

from advgen_ray.training.optim import adam, constant, one_cycle, one_cycle_momentum, sgd, update


def test_one_cycle_is_that_of_torch() -> None:
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=1.0)
    reference = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=0.3, total_steps=50, cycle_momentum=False)
    schedule = one_cycle(0.3, 50)
    for step in range(50):
        assert schedule(step) == pytest.approx(reference.get_last_lr()[0], rel=1e-9)
        optimizer.step()
        if step < 49:
            reference.step()


def test_one_cycle_reaches_its_maximum_at_the_end_of_the_warmup() -> None:
    schedule = one_cycle(2.0, 100, warmup_steps=10)
    rates = [schedule(step) for step in range(100)]
    assert max(rates) == rates[9] == 2.0
    assert rates[99] == pytest.approx(2.0 / 25 / 1e4)
    assert one_cycle(2.0, 1)(0) > 0  # one step is a run, too


def test_warmup_rises_linearly_then_stays() -> None:
    schedule = constant(0.2, warmup_steps=4)
    assert [schedule(step) for step in range(6)] == pytest.approx([0.05, 0.1, 0.15, 0.2, 0.2, 0.2])
    assert constant(0.2)(0) == 0.2


def test_update_clips_the_joint_norm_and_sets_the_rate() -> None:
    first, second = nn.Parameter(torch.zeros(2)), nn.Parameter(torch.zeros(1))
    first.grad, second.grad = torch.tensor([3.0, 0.0]), torch.tensor([4.0])
    update(sgd([first, second], momentum=0.0), learning_rate=0.5, clip_norm=1.0)
    assert first.detach().tolist() == pytest.approx([-0.3, 0.0], abs=1e-6)
    assert second.item() == pytest.approx(-0.4, abs=1e-6)
    first.grad, second.grad = torch.tensor([0.3, 0.0]), torch.tensor([0.4])
    update(sgd([first, second], momentum=0.0), learning_rate=1.0, clip_norm=1.0)  # short enough: as it is
    assert first.detach().tolist() == pytest.approx([-0.6, 0.0], abs=1e-6)


def test_adam_is_that_of_the_paper() -> None:
    parameter = nn.Parameter(torch.tensor([1.0]))
    optimizer = adam([parameter])
    assert optimizer.param_groups[0]["betas"] == (0.9, 0.999)
    parameter.grad = torch.tensor([123.0])
    update(optimizer, learning_rate=1e-3, clip_norm=None)
    assert parameter.item() == pytest.approx(1 - 1e-3)  # the first step of Adam is the learning rate


def test_one_cycle_and_its_momentum_are_those_of_torch() -> None:
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=1.0, momentum=0.9)
    reference = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=0.1, total_steps=40, pct_start=0.25)
    schedule, momentum = one_cycle(0.1, 40, rise=0.25), one_cycle_momentum(40, rise=0.25)
    for step in range(40):
        assert schedule(step) == pytest.approx(reference.get_last_lr()[0], rel=1e-9)
        assert momentum(step) == pytest.approx(optimizer.param_groups[0]["momentum"], rel=1e-9)
        optimizer.step()
        if step < 39:
            reference.step()


def test_update_sets_the_momentum_of_the_step() -> None:
    parameter = nn.Parameter(torch.zeros(1))
    optimizer = sgd([parameter], momentum=0.9)
    for momentum in (0.5, 0.25):
        parameter.grad = torch.ones(1)
        update(optimizer, learning_rate=1.0, clip_norm=None, momentum=momentum)
    assert parameter.item() == pytest.approx(-(1 + 1 + 0.25))  # the second step adds a fourth of the first
