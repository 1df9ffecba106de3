"""Classifier-free guidance: equation 3, exactness at zero, every channel, one forward."""

import pytest
import torch
from torch import Tensor

from advgen_ray.diffusion.guidance import classifier_free_guidance

NULL = 10


class _CountedScore:
    """A score that differs by label and channel, and counts its calls."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, x_t: Tensor, t: Tensor, y: Tensor) -> Tensor:
        self.calls += 1
        channel = torch.arange(1.0, x_t.shape[1] + 1)[None, :, None, None]
        return -x_t * (1 + t[:, None, None, None]) + channel * (y[:, None, None, None] + 1)


def _inputs() -> tuple[Tensor, Tensor, Tensor]:
    x_t = torch.randn(4, 3, 2, 2, generator=torch.Generator().manual_seed(0))
    return x_t, torch.tensor([0.1, 0.2, 0.3, 0.4]), torch.tensor([0, 3, 5, 9])


def test_zero_guidance_is_the_conditional_score_exactly_at_half_the_cost() -> None:
    score_fn = _CountedScore()
    guided = classifier_free_guidance(score_fn, 0.0, NULL)(*_inputs())
    assert torch.equal(guided, score_fn(*_inputs()))
    assert score_fn.calls == 2


@pytest.mark.parametrize("w", [0.5, 3.0, 15.0])
def test_guided_score_is_equation_3_in_one_forward(w: float) -> None:
    score_fn = _CountedScore()
    x_t, t, y = _inputs()
    guided = classifier_free_guidance(score_fn, w, NULL)(x_t, t, y)
    assert score_fn.calls == 1
    expected = (w + 1) * score_fn(x_t, t, y) - w * score_fn(x_t, t, torch.full_like(y, NULL))
    torch.testing.assert_close(guided, expected, rtol=1e-4, atol=1e-4)


def test_guidance_moves_every_channel() -> None:
    score_fn = _CountedScore()
    moved = classifier_free_guidance(score_fn, 2.0, NULL)(*_inputs()) - score_fn(*_inputs())
    assert (moved.abs().amin((0, 2, 3)) > 1).all()


def test_null_label_is_a_fixed_point() -> None:
    score_fn = _CountedScore()
    x_t, t, _ = _inputs()
    null = torch.full((4,), NULL)
    torch.testing.assert_close(classifier_free_guidance(score_fn, 7.0, NULL)(x_t, t, null), score_fn(x_t, t, null))


def test_negative_guidance_is_refused() -> None:
    with pytest.raises(ValueError, match=r"guidance_scale must be zero or positive, got -1\.0"):
        classifier_free_guidance(_CountedScore(), -1.0, NULL)


def test_before_its_interval_there_is_no_guidance_and_half_the_evaluations() -> None:
    sizes: list[int] = []

    def score(x_t: torch.Tensor, t: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        sizes.append(len(x_t))
        return x_t * (1.0 + y.view(-1, 1, 1, 1))

    guided = classifier_free_guidance(score, 2.0, null_label=NULL, guidance_until=0.4)
    x, y = torch.randn(3, 1, 4, 4), torch.tensor([0, 1, 2])
    early, late = guided(x, torch.full((3,), 0.41), y), guided(x, torch.full((3,), 0.39), y)
    assert sizes == [3, 6]
    assert torch.equal(early, x * (1.0 + y.view(-1, 1, 1, 1)))
    torch.testing.assert_close(late, 3 * early - 2 * (1 + NULL) * x)


@pytest.mark.parametrize("until", [0.1, 0.2, 0.3, 0.4, 0.6, 0.7])
def test_the_time_at_which_it_begins_is_guided_whichever_way_it_rounds(until: float) -> None:
    guided = classifier_free_guidance(_CountedScore(), 2.0, NULL, guidance_until=until)
    x_t, _, y = _inputs()
    for dtype in (torch.float32, torch.float64):
        t = torch.full((4,), until, dtype=dtype)
        assert not torch.equal(guided(x_t, t, y), _CountedScore()(x_t, t, y))
