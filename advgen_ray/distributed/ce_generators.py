"""What makes counterfactuals of a batch of sources: the config's words as bound functions, the models loaded."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from advgen_ray.config import (
    AscentConfig,
    CounterfactualsConfig,
    DVCEConfig,
    GenerateByClassifierConfig,
    GenerateConfig,
    SamplerConfig,
)
from advgen_ray.counterfactuals.dvce import dvce
from advgen_ray.counterfactuals.from_classifier import targeted_ascent
from advgen_ray.counterfactuals.generate import generate, paper_literal, score_consistent
from advgen_ray.counterfactuals.neighborhood import NEIGHBORHOODS
from advgen_ray.data.datasets import dataset_info
from advgen_ray.diffusion import ScoreFn
from advgen_ray.diffusion.network_speed import compiled, in_bfloat16
from advgen_ray.diffusion.samplers import ancestral, euler_maruyama
from advgen_ray.diffusion.solvers import dpm_solver_ode, dpm_solver_sde, heun
from advgen_ray.diffusion.vp_sde import VPSDE, linear_times, log_snr_times, quadratic_times
from advgen_ray.distributed.loading import load_unchanged, load_unchanged_score
from advgen_ray.errors import UserError
from advgen_ray.rng import Stream
from advgen_ray.training.loaded_score import LoadedScore

COMBINATIONS = {"score_consistent": score_consistent, "paper_literal": paper_literal}
SAMPLERS = {
    "euler_maruyama": (euler_maruyama, "linear"),
    "ancestral": (ancestral, "quadratic"),
    "dpm_solver_sde": (dpm_solver_sde, "log_snr"),
    "dpm_solver_ode": (dpm_solver_ode, "log_snr"),
    "heun": (heun, "log_snr"),
}
TIMES: dict[str, Callable[[int, VPSDE, float], Tensor]] = {
    "linear": lambda num_steps, _, first_time: linear_times(num_steps, first_time),
    "quadratic": lambda num_steps, _, first_time: quadratic_times(num_steps, first_time),
    "log_snr": log_snr_times,
}

Make = Callable[[Tensor, Tensor, Sequence[str]], Tensor]
"""``sources [N, C, H, W], y_target [N], item ids -> x_ce [N, C, H, W]``, all images in [0, 1]."""


class Generator(NamedTuple):
    """``make``, and the digest of the model that a row names as its maker.

    For metrics alone: ``evaluations`` of networks that a counterfactual takes, where that is known beforehand, and a
    classifier that is loaded anyway and may say whether it takes one for its target.
    """

    make: Make
    model_digest: str
    evaluations: int = 0
    judge: nn.Module | None = None


def load_generator(config: CounterfactualsConfig, inputs: Mapping[str, Any], device: torch.device) -> Generator:
    """The generator of a config; ``inputs`` are the digests of its models when the job began, by its keys.

    Raises UserError where a model is another one now.
    """
    stream = Stream(config.seed, "counterfactual")
    if isinstance(config, GenerateConfig):
        return _by_diffusion(config, inputs["score_model"], stream, device)
    assert isinstance(config, GenerateByClassifierConfig)
    info = dataset_info(config.data.name, config.data.root)
    classifier = load_unchanged(config.classifier, inputs["classifier"], device, info)
    if isinstance(config.method, AscentConfig):
        settings = config.method.model_dump(exclude={"kind"})
        ascend = partial(_ascend, classifier.model, settings)
        return Generator(ascend, classifier.digest, judge=classifier.model)  # each image ends at a step of its own
    cone = config.method.cone_classifier
    robust = load_unchanged(cone, inputs["cone_classifier"], device, info).model if cone else None
    scored = load_unchanged_score(config.method.score_model, inputs["score_model"], config.data, device)
    make = _dvce(config.method, scored, classifier.model, robust, stream)
    per_step = 2 if robust is None else 3
    return Generator(make, classifier.digest, config.method.num_steps * per_step, classifier.model)


def _ascend(
    classifier: nn.Module, settings: Mapping[str, Any], sources: Tensor, y_target: Tensor, item_ids: Sequence[str]
) -> Tensor:
    return targeted_ascent(classifier, sources, y_target, **settings)


def _dvce(
    method: DVCEConfig, scored: LoadedScore, classifier: nn.Module, robust: nn.Module | None, stream: Stream
) -> Make:
    times = quadratic_times(method.num_steps, method.start_time)
    weights = method.model_dump(include={"cone_angle_degrees", "classifier_weight", "distance_weight"})

    def make(sources: Tensor, y_target: Tensor, item_ids: Sequence[str]) -> Tensor:
        def noise(step: int) -> Tensor:
            return stream.normal(item_ids, sources.shape[1:], step).to(sources.device)

        return dvce(
            scored.score_fn,
            classifier,
            sources,
            y_target,
            times,
            noise,
            scored.sde,
            null_label=scored.null_label,
            cone_classifier=robust,
            **weights,
        )

    return make


def _by_diffusion(config: GenerateConfig, digest: str, stream: Stream, device: torch.device) -> Generator:
    scored = load_unchanged_score(config.score_model, digest, config.data, device, config.unconditional_model)
    make = partial(
        generate,
        _faster(scored.score_fn, config),
        stream=stream,
        sde=scored.sde,
        sampler=SAMPLERS[config.sampler.kind][0],
        times=times_of(config.sampler, scored.sde),
        neighborhood=NEIGHBORHOODS[config.neighborhood.kind],
        sigma_ce=config.neighborhood.sigma_ce,
        combine=COMBINATIONS[config.combination],
        guidance_scale=config.guidance_scale,
        guidance_until=config.guidance_until,
        network_every=config.sampler.network_every,
        null_label=scored.null_label,
    )
    return Generator(make, scored.digest, evaluations_of(config, scored.sde))


def _faster(score_fn: ScoreFn, config: GenerateConfig) -> ScoreFn:
    if config.precision == "bf16":
        score_fn = in_bfloat16(score_fn)
    if not config.compiled:
        return score_fn
    from torch._dynamo.exc import TorchDynamoException  # a second to import, which others need not spend

    compiled_fn = compiled(score_fn)

    def evaluated(x_t: Tensor, t: Tensor, y: Tensor) -> Tensor:
        try:
            return compiled_fn(x_t, t, y)
        except TorchDynamoException as error:
            raise UserError(
                f"compiled=true: torch cannot compile the score model here ({str(error).splitlines()[0]}); it takes a "
                "C++ compiler on every machine that makes counterfactuals; --set compiled=false goes without"
            ) from None

    return evaluated


def times_of(sampler: SamplerConfig, sde: VPSDE) -> Tensor:
    """Where the sampler's steps lie, ``[num_steps + 1]``."""
    return TIMES[sampler.times or SAMPLERS[sampler.kind][1]](sampler.num_steps, sde, sampler.start_time)


def evaluations_of(config: GenerateConfig, sde: VPSDE) -> int:
    """Evaluations of the network that a counterfactual takes, a guided one counted as two."""
    times = times_of(config.sampler, sde)[:-1]
    evaluated = times[:: config.sampler.network_every]
    if config.sampler.kind == "heun":
        evaluated = torch.cat([times, times[1:]])
    guided = evaluated.float() <= torch.tensor(config.guidance_until) if config.guidance_scale > 0 else torch.zeros(0)
    return len(evaluated) + int(guided.sum())
