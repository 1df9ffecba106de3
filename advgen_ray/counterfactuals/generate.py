"""Counterfactual generation (S000 section 3): sample the guided score joined with a neighborhood of the source."""

from collections.abc import Callable, Sequence
from contextlib import nullcontext

import torch
from torch import Tensor

from advgen_ray.counterfactuals.neighborhood import Neighborhood, NeighborhoodScore
from advgen_ray.diffusion import ScoreFn
from advgen_ray.diffusion.guidance import classifier_free_guidance
from advgen_ray.diffusion.held_denoiser import HeldDenoiser
from advgen_ray.diffusion.noise_ahead import noise_ahead
from advgen_ray.diffusion.samplers import Sampler
from advgen_ray.diffusion.vp_sde import VPSDE, per_image
from advgen_ray.rng import Item, Stream

Combination = Callable[[ScoreFn, NeighborhoodScore, VPSDE], ScoreFn]


def score_consistent(score_fn: ScoreFn, neighborhood_score: NeighborhoodScore, sde: VPSDE) -> ScoreFn:
    """The sum of the two scores: the score of the product of the two densities (S000 section 3 and appendix 7)."""

    def combined(x_t: Tensor, t: Tensor, y: Tensor) -> Tensor:
        return score_fn(x_t, t, y) + neighborhood_score(x_t, t)

    return combined


def paper_literal(score_fn: ScoreFn, neighborhood_score: NeighborhoodScore, sde: VPSDE) -> ScoreFn:
    """S000 equations 4 and 5 as printed: the neighborhood score is subtracted from the noise prediction itself.

    A noise prediction is ``-sigma_t score``, so this pulls towards the source ``1 / sigma_t`` times harder than the
    product of the densities does, about 100 times at t = 1e-3.
    """

    def combined(x_t: Tensor, t: Tensor, y: Tensor) -> Tensor:
        return score_fn(x_t, t, y) + neighborhood_score(x_t, t) / per_image(sde.sigma(t), x_t)

    return combined


@torch.no_grad()
def generate(
    score_fn: ScoreFn,
    sources: Tensor,
    y_target: Tensor,
    item_ids: Sequence[Item],
    *,
    stream: Stream,
    sde: VPSDE,
    sampler: Sampler,
    times: Tensor,
    neighborhood: Neighborhood,
    sigma_ce: float,
    combine: Combination,
    guidance_scale: float,
    null_label: int,
    guidance_until: float = 1.0,
    network_every: int = 1,
) -> Tensor:
    """Counterfactuals ``x_ce [N, C, H, W]`` in [0, 1] of ``sources [N, C, H, W]`` in [0, 1] as ``y_target [N]``.

    ``score_fn`` is the class-conditional score without guidance, unconditional at ``null_label``; ``sigma_ce`` is in
    [0, 1] pixel units. Item i's start is its draw at step 0 of ``stream`` and its noise in sampler step k the draw at
    step k + 1, so a counterfactual depends on its own source, target and id, and not on the batch that it shares.
    ``times`` from 1 start at noise, those from an earlier time at the source, diffused that far: nearer to the source
    than the reverse process would be there, for fewer steps. ``network_every`` is ``HeldDenoiser``'s.
    Raises ValueError for sources outside [0, 1] and targets that are no class.
    """
    _check(sources, y_target, item_ids, null_label)
    shape = sources.shape[1:]

    def draw(step: int) -> Tensor:
        return stream.normal(item_ids, shape, step)

    mu, sigma = 2 * sources - 1, 2 * sigma_ce
    guided = classifier_free_guidance(score_fn, guidance_scale, null_label, guidance_until)
    held = HeldDenoiser(guided, network_every, sde) if network_every > 1 else guided
    score = combine(held, neighborhood(mu, sigma, sde), sde)
    with noise_ahead(draw, sources.device) if sources.is_cuda else nullcontext(draw) as noise:
        start = noise(0)
        if times[0] < 1:
            start = float(sde.alpha(times[0])) * mu + float(sde.sigma(times[0])) * start
        x = sampler(score, start, y_target, times, lambda step: noise(step + 1), sde)
    return ((x + 1) / 2).clamp(0, 1)


def _check(sources: Tensor, y_target: Tensor, item_ids: Sequence[Item], null_label: int) -> None:
    if not len(sources) == len(y_target) == len(item_ids):
        raise ValueError(
            f"every source needs one target and one id, got {len(sources)} sources, {len(y_target)} targets, "
            f"{len(item_ids)} ids"
        )
    if len(sources) and not (sources.min() >= 0 and sources.max() <= 1):  # false for NaN too
        low, high = sources.min().item(), sources.max().item()
        raise ValueError(f"sources must lie in [0, 1], got {low:.4g} to {high:.4g}; divide 8-bit images by 255")
    if len(y_target) and not (y_target.min() >= 0 and y_target.max() < null_label):
        low, high = int(y_target.min()), int(y_target.max())
        raise ValueError(f"y_target must lie in 0..{null_label - 1}, got {low} to {high}")
