"""Diffusion visual counterfactual explanations (Augustin et al. 2022): a classifier's gradient leads the diffusion."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from advgen_ray.attacks.eval_mode import eval_mode
from advgen_ray.attacks.threat_model import Unconstrained
from advgen_ray.diffusion import ScoreFn
from advgen_ray.diffusion.samplers import NoiseFn, ancestral_steps, check_times
from advgen_ray.diffusion.vp_sde import VPSDE, per_image


def dvce(
    score_fn: ScoreFn,
    classifier: nn.Module,
    sources: Tensor,
    y_target: Tensor,
    times: Tensor,
    noise_fn: NoiseFn,
    sde: VPSDE,
    *,
    null_label: int,
    cone_classifier: nn.Module | None = None,
    cone_angle_degrees: float = 30.0,
    classifier_weight: float = 0.1,
    distance_weight: float = 0.15,
) -> Tensor:
    """Counterfactuals ``x_ce [N, C, H, W]`` in [0, 1] of ``sources [N, C, H, W]`` as ``y_target [N]``.

    From the diffused source at ``times[0]`` each ancestral step of the unconditional score (at ``null_label``) has its
    mean moved by its variance times the mean's norm times ``classifier_weight`` of the unit gradient of the target's
    log probability less ``distance_weight`` of that of the L1 distance to the source (equations 8 and 9), both taken at
    the denoised image, through the denoiser. With a ``cone_classifier``, a robust one, the gradient of ``classifier``
    is projected onto the cone of ``cone_angle_degrees`` around the robust one's, so that a standard classifier may be
    explained too (equation 11). ``noise_fn(0)`` diffuses the source and step k takes ``noise_fn(k + 1)``.
    """
    check_times(times)
    keep, pull, deviation = (values.tolist() for values in ancestral_steps(times, sde))
    alpha, sigma = sde.alpha(times).tolist(), sde.sigma(times).tolist()
    mu = 2 * sources - 1
    x = alpha[0] * mu + sigma[0] * noise_fn(0)
    null = torch.full_like(y_target, null_label)
    last = len(keep) - 1
    for step, t in enumerate(times[:-1].tolist()):
        with torch.enable_grad():
            x = x.detach().requires_grad_(True)
            score = score_fn(x, x.new_full((len(x),), t), null)
            denoised = (x + sigma[step] ** 2 * score) / alpha[step]
            towards = _unit(_class_gradient(classifier, denoised, y_target, x))
            if cone_classifier is not None:
                robust = _class_gradient(cone_classifier, denoised, y_target, x)
                towards = cone_projection(towards, robust, math.radians(cone_angle_degrees))
            (away,) = torch.autograd.grad((denoised - mu).abs().sum(), x)
        mean = (keep[step] * x + pull[step] * score).detach()
        move = classifier_weight * _unit(towards) - distance_weight * _unit(away)
        x = mean + deviation[step] ** 2 * _norm(mean) * move
        if step < last:
            x = x + deviation[step] * noise_fn(step + 1)
    return ((x.detach() + 1) / 2).clamp(0, 1)


def cone_projection(gradient: Tensor, axis: Tensor, angle: float) -> Tensor:
    """The nearest point to each ``gradient [N, ...]`` in the cone of ``angle`` radians around ``axis [N, ...]``.

    Inside it the gradient comes back as it is; at more than a right angle from its surface the nearest point is 0.
    Where the axis is zero there is no cone, and the gradient comes back too.
    """
    along = _unit(axis)
    length = per_image((gradient * along).flatten(1).sum(1), gradient)
    across = gradient - length * along
    reach = _norm(across)
    edge = math.cos(angle) * along + math.sin(angle) * _unit(across)
    onto = (math.cos(angle) * length + math.sin(angle) * reach).clamp(min=0)
    inside = (reach * math.cos(angle) <= length * math.sin(angle)) | (_norm(axis) == 0)
    return torch.where(inside, gradient, onto * edge)


def _class_gradient(model: nn.Module, denoised: Tensor, y: Tensor, x: Tensor) -> Tensor:
    """Of the log probability of ``y`` at the denoised image, by ``x``; each sample's own."""
    with eval_mode(model):
        logits = model(((denoised + 1) / 2).clamp(0, 1))
    value = -functional.cross_entropy(logits, y, reduction="sum")
    (gradient,) = torch.autograd.grad(value, x, retain_graph=True)
    return gradient


def _unit(gradient: Tensor) -> Tensor:
    return Unconstrained().step(gradient, gradient)


def _norm(x: Tensor) -> Tensor:
    return torch.linalg.vector_norm(x, dim=tuple(range(1, x.dim())), keepdim=True)
