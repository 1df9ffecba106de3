"""From an attack's config to bound attacks, every draw keyed by image."""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

import torch
from torch import Tensor, nn

from advgen_ray.attacks.apgd import APGD
from advgen_ray.attacks.cw import CW
from advgen_ray.attacks.external import JSMA, LBFGS, Boundary, DeepFool
from advgen_ray.attacks.fab import FAB
from advgen_ray.attacks.forward import logits_of
from advgen_ray.attacks.highest_logit import HighestLogit
from advgen_ray.attacks.labels import ranked_target
from advgen_ray.attacks.live_rows import per_sample
from advgen_ray.attacks.objectives import (
    Objective,
    class_logit,
    cross_entropy,
    dlr,
    high_energy,
    kl_divergence,
    margin,
    misclassified,
    targeted_dlr,
    targeted_margin,
)
from advgen_ray.attacks.pgd import PGD
from advgen_ray.attacks.square import Square
from advgen_ray.attacks.suite import SuiteAttack
from advgen_ray.attacks.threat_model import L1, L2, Linf, ThreatModel, Unconstrained
from advgen_ray.config import AttackConfig
from advgen_ray.rng import StartNoise, Stream, keyed
from advgen_ray.training.classifier import AttackAt

THREAT_MODELS: dict[str, Callable[[float], L1 | L2 | Linf]] = {"l1": L1, "l2": L2, "linf": Linf}
ORDERS = {"l1": 1.0, "l2": 2.0, "linf": math.inf}
NEAREST = ("fab", "cw", "deepfool", "boundary", "jsma", "lbfgs")
BLACK_BOX = ("square", "boundary")
NEAR_SIGMA = 1e-3  # standard deviation of TRADES' start (Zhang et al. 2019)

Pass = Callable[[nn.Module, Tensor, Tensor, Sequence[str]], Tensor]
"""``perturb(model, x, y, item_ids) -> x_adv``: one run of an attack, from one start and against one target."""


def ball_of(norm: str, eps: float | None) -> ThreatModel:
    """Where an attack may go: without a radius to any image."""
    return Unconstrained() if eps is None else THREAT_MODELS[norm](eps)


def build_pgd(config: AttackConfig, start_noise: StartNoise, share: float = 1.0) -> PGD:
    """PGD at ``share`` of the config's eps, the step size shrunk alike; ``start_noise`` is keyed by item."""
    return PGD(
        THREAT_MODELS[config.norm](share * config.eps),
        config.num_steps,
        share * config.resolved_step_size(),
        None if config.start == "image" else start_noise,
        NEAR_SIGMA if config.start == "near" else None,
    )


def attack_at(config: AttackConfig) -> AttackAt | None:
    """The attack of a config at any share of its eps; None at eps 0."""
    if config.eps == 0:
        return None
    return lambda share, start_noise: build_pgd(config, start_noise, share)


def build_passes(config: AttackConfig, num_classes: int, seed: int, *, until_fallen: bool) -> list[Pass]:
    """The runs an attack consists of: every restart against every target, the likeliest wrong class first.

    With ``until_fallen`` a run leaves an image as soon as it is misclassified, which is all that an evaluation asks;
    without, PGD and APGD go on to the end, as energies need.
    """
    stops = until_fallen or config.kind == "square"  # Square has no more to do then, here as in its released code
    targets: Sequence[int | None] = range(min(config.num_targets, num_classes - 1)) if config.targeted else (None,)
    runs = [(restart, target) for restart in range(config.num_restarts) for target in targets]
    return [partial(_perturb, config, restart, target, Stream(seed, f"{config.label}/{run}"), stops)
            for run, (restart, target) in enumerate(runs)]  # fmt: skip


def build_suite(config: AttackConfig, num_classes: int, seed: int) -> list[SuiteAttack]:
    """The attack as parts of a worst-case suite, one a run."""
    passes = build_passes(config, num_classes, seed, until_fallen=True)
    return [
        SuiteAttack(f"{config.label}/{run}", perturb, sees_gradients=config.kind not in BLACK_BOX)
        for run, perturb in enumerate(passes, start=1)
    ]


def perturb_all(model: nn.Module, x: Tensor, y: Tensor, item_ids: Sequence[str], passes: Sequence[Pass]) -> Tensor:
    """Each image under the first pass that makes the model err on it, under the last one where none does."""
    x_adv, standing = x.clone(), torch.arange(len(x), device=x.device)
    for perturb in passes:
        if len(standing) == 0:
            break
        x_adv[standing] = perturb(model, x[standing], y[standing], [item_ids[i] for i in standing.tolist()])
        standing = standing[logits_of(model, x_adv[standing]).argmax(dim=1) == y[standing]]
    return x_adv


def _perturb(
    config: AttackConfig,
    restart: int,
    target: int | None,
    stream: Stream,
    stops: bool,
    model: nn.Module,
    x: Tensor,
    y: Tensor,
    item_ids: Sequence[str],
) -> Tensor:
    noise = keyed(stream, item_ids)
    if config.kind == "highest_logit":
        ascent = replace(build_pgd(config, noise), keep_best=True)
        return HighestLogit(ascent, config.num_targets)(model, x, y)
    y_target = None if target is None else ranked_target(model, x, y, target)
    until = misclassified(y) if stops else None
    ball = THREAT_MODELS[config.norm](config.eps)
    if config.kind in NEAREST:
        start_noise = noise if restart else None  # FAB begins at the image, its restarts beside it
        within = config.eps if stops else 0.0
        nearest = _nearest(config, model, x, y, item_ids, y_target, stream, start_noise, within)
        return _within(ball, nearest, x) if stops else nearest
    if config.kind == "square":
        draws = partial(_uniform, stream, item_ids)
        return Square(ball, config.num_steps, draws)(model, x, margin(y), until)
    objective = _objective(config, model, x, y, y_target)
    if config.kind == "apgd":
        return APGD(ball, config.num_steps, noise)(model, x, objective, until)
    return build_pgd(config, noise)(model, x, objective, until)


def _nearest(
    config: AttackConfig,
    model: nn.Module,
    x: Tensor,
    y: Tensor,
    item_ids: Sequence[str],
    y_target: Tensor | None,
    stream: Stream,
    start_noise: StartNoise | None,
    within: float,
) -> Tensor:
    """The nearest adversarial image that was found, however far; FAB and CW stop at the first one ``within``."""
    if config.kind == "fab":
        fab = FAB(ORDERS[config.norm], config.num_steps)
        return fab(model, x, y, y_target, within=within, start_noise=start_noise, start_radius=config.eps / 2)
    if config.kind == "cw":
        return CW(config.num_steps)(model, x, y, within=within)
    if config.kind == "boundary":
        seeds = [int(stream.generator(item).integers(2**63 - 1)) for item in item_ids]
        return Boundary(seeds, config.num_steps)(model, x, y)
    if config.kind == "deepfool":
        return DeepFool(ORDERS[config.norm], config.num_steps)(model, x, y)
    return (JSMA() if config.kind == "jsma" else LBFGS(config.num_steps))(model, x, y)


def _objective(config: AttackConfig, model: nn.Module, x: Tensor, y: Tensor, y_target: Tensor | None) -> Objective:
    if y_target is not None:
        if config.objective == "logit":
            return class_logit(y_target)
        return (targeted_margin if config.objective == "margin" else targeted_dlr)(y, y_target)
    if config.objective == "kl":
        return kl_divergence(logits_of(model, x))
    if config.objective == "high_energy":
        return high_energy(y, config.energy_weight)
    return {"cross_entropy": cross_entropy, "margin": margin, "dlr": dlr}[config.objective](y)


def _within(ball: L1 | L2 | Linf, x_adv: Tensor, x: Tensor) -> Tensor:
    """Only what lies in the ball: an adversarial image farther away is none."""
    return torch.where(per_sample(ball.distance(x_adv, x) <= ball.eps, x), x_adv, x)


def _uniform(stream: Stream, item_ids: Sequence[str], step: int, shape: Sequence[int]) -> Tensor:
    return stream.uniform(item_ids, shape, step)
