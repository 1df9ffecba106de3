"""The steps of APGD's ascents, fed with what they would find: when they are halved, how small they become."""

import pytest
import torch

from advgen_ray.attacks.apgd import APGD
from advgen_ray.attacks.apgd_ascent import MomentumAscent, SparseAscent, checkpoints
from advgen_ray.attacks.threat_model import L1, L2


@pytest.mark.parametrize(("gain", "halved"), [(0.0, True), (1.0, False)])
def test_an_objective_that_stays_the_same_has_not_improved(gain: float, halved: bool) -> None:
    """Croce and Hein 2020, condition 1: steps that raised it, more than three quarters of the window."""
    x = torch.full((1, 1, 3, 3), 0.5)
    ascent = MomentumAscent(L2(1.0), x, x, num_steps=20)
    first = min(checkpoints(20))
    for step in range(first + 1):
        ascent.record(step, torch.tensor([gain * step]), torch.ones_like(x))
    assert ascent.step_size.tolist() == [1.0 if halved else 2.0]


def test_steps_in_l1_shrink_to_a_tenth_of_the_radius_and_no_further() -> None:
    """Croce and Hein 2021, algorithm 1, while the best perturbation gets no sparser."""
    x = torch.full((1, 1, 5, 5), 0.5)
    ascent = SparseAscent(L1(2.0), x, x, num_steps=25)  # it looks at every step
    seen = []
    for step in range(12):
        ascent.record(step, torch.tensor([0.0]), torch.ones_like(x))
        seen.append(ascent.step_size.item())
    assert seen[:4] == pytest.approx([2.0, 2.0, 2.0 / 1.5, 2.0 / 1.5**2]), (
        "the first look finds the image itself, sparser"
    )
    assert seen[-1] == pytest.approx(0.2)


def test_steps_in_l1_begin_on_a_fifth_of_the_elements_and_change_as_often_as_the_paper_says() -> None:
    x = torch.full((1, 1, 5, 5), 0.5)
    ascent = SparseAscent(L1(2.0), x, x, num_steps=50)
    assert ascent.num_moved.tolist() == [5]
    seen = []
    for step in range(7):
        ascent.record(step, torch.tensor([0.0]), torch.ones_like(x))
        seen.append(ascent.step_size.item())
    assert seen == pytest.approx([2.0, 2.0, 2.0, 2.0, 2.0 / 1.5, 2.0 / 1.5, 2.0 / 1.5**2])


def test_one_step_is_a_number_of_steps() -> None:
    assert APGD(L2(1.0), num_steps=1).num_steps == 1
