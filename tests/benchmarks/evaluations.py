"""How few network evaluations a counterfactual takes: samplers of few steps beside the paper's 1000.

Every set is a result set of the generation job under ``runs/bench``, so a stopped benchmark goes on, and the reference,
ten to thirty minutes a seed on two cores, is paid once. ``ADVGEN_BENCH_SEEDS`` is how many seeds (default 3).
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from advgen_ray.config import GenerateConfig, SamplerConfig
from advgen_ray.config.samplers import FORTY_EVALUATIONS, HUNDRED_EVALUATIONS
from advgen_ray.diffusion.vp_sde import VPSDE
from advgen_ray.distributed.ce_generators import evaluations_of
from advgen_ray.errors import UserError
from advgen_ray.recipes.digits_counterfactuals import digits_counterfactuals
from advgen_ray.recipes.mnist import mnist_laptop_counterfactuals
from advgen_ray.stages import counterfactuals
from advgen_ray.storage import ResultSet
from advgen_ray.training.model_directory import load_model
from tests.benchmarks.agreement import Arrays, agrees, compare

PAPER = 2000  # evaluations: 1000 steps, two branches of guidance
REFERENCE = SamplerConfig(kind="euler_maruyama", num_steps=1000, times="linear")
PLAIN = SamplerConfig(kind="ancestral", num_steps=40, times="quadratic")
FEW = (  # what recipes take, ways to 40 evaluations or fewer, and a plain one that they are measured by
    FORTY_EVALUATIONS,
    HUNDRED_EVALUATIONS,
    SamplerConfig(kind="dpm_solver_sde", num_steps=80, times="log_snr", start_time=0.4, network_every=4),
    SamplerConfig(kind="dpm_solver_sde", num_steps=60, times="log_snr", start_time=0.3, network_every=4),
    SamplerConfig(kind="ancestral", num_steps=80, times="log_snr", start_time=0.2, network_every=8),
    SamplerConfig(kind="ancestral", num_steps=20, times="quadratic", start_time=0.4),
    PLAIN,
)
MORE = (
    SamplerConfig(kind="ancestral", num_steps=80, times="log_snr", network_every=4),
    SamplerConfig(kind="dpm_solver_sde", num_steps=20, times="log_snr", start_time=0.25),
    SamplerConfig(kind="dpm_solver_sde", num_steps=40, times="log_snr", start_time=0.4),
    SamplerConfig(kind="dpm_solver_sde", num_steps=40, times="log_snr"),
    SamplerConfig(kind="dpm_solver_sde", num_steps=40, times="quadratic"),
    SamplerConfig(kind="dpm_solver_sde", num_steps=20, times="log_snr"),
    SamplerConfig(kind="dpm_solver_ode", num_steps=40, times="log_snr"),
    SamplerConfig(kind="dpm_solver_ode", num_steps=20, times="log_snr"),
    SamplerConfig(kind="heun", num_steps=20, times="log_snr"),
    SamplerConfig(kind="euler_maruyama", num_steps=50, times="linear"),
)
ON_MNIST = (  # what else was tried there, where a start at t = .4 errs
    SamplerConfig(kind="ancestral", num_steps=80, times="log_snr", network_every=4),
    SamplerConfig(kind="ancestral", num_steps=80, times="log_snr", start_time=0.7, network_every=4),
    SamplerConfig(kind="ancestral", num_steps=80, times="quadratic", network_every=4),
    SamplerConfig(kind="ancestral", num_steps=20, times="quadratic"),
    SamplerConfig(kind="dpm_solver_sde", num_steps=80, times="log_snr", network_every=4),
    SamplerConfig(kind="dpm_solver_sde", num_steps=20, times="quadratic"),
    SamplerConfig(kind="dpm_solver_sde", num_steps=40, times="quadratic"),
)
GUIDED_FROM = (0.6, 0.8)  # of the plain one: guidance only from there on


@dataclass(frozen=True)
class Study:
    """What is generated again and again, by which sampler it may be, and who judges it."""

    name: str  # of its rows
    counterfactuals: Callable[[], GenerateConfig]
    samplers: tuple[tuple[SamplerConfig, float], ...]  # each with the time from which there is guidance
    judge: str
    num_seeds: int
    kept: Path
    before: str  # the commands that make its models


def ce_evaluations() -> list[dict[str, Any]]:
    """2,000 CEs of digits a seed, by the demo's models."""
    samplers = tuple((one, 1.0) for one in FEW)
    return evaluate(_digits("ce_evaluations", samplers, int(os.environ.get("ADVGEN_BENCH_SEEDS", "3"))))


def more_ce_evaluations() -> list[dict[str, Any]]:
    """The ways that lost against those: one seed."""
    return evaluate(
        _digits("more_ce_evaluations", (*((one, 1.0) for one in MORE), *((PLAIN, t) for t in GUIDED_FROM)), 1)
    )


def _digits(name: str, samplers: tuple[tuple[SamplerConfig, float], ...], num_seeds: int) -> Study:
    return Study(
        name=name,
        counterfactuals=lambda: digits_counterfactuals().override(["score_model=runs/demo/score_model/model"]),
        samplers=samplers,
        judge="runs/demo/classifiers/judge/model",
        num_seeds=num_seeds,
        kept=Path("runs/bench/evaluations"),
        before="make demo",
    )


def mnist_ce_evaluations() -> list[dict[str, Any]]:
    """340 CEs of MNIST a seed, at the paper's w and sigma_CE, by their recipes' hundred evaluations and by eighty."""
    samplers = ((HUNDRED_EVALUATIONS, 1.0), (PLAIN, 1.0))
    return evaluate(_mnist("mnist_ce_evaluations", samplers, int(os.environ.get("ADVGEN_BENCH_SEEDS", "3"))))


def more_mnist_ce_evaluations() -> list[dict[str, Any]]:
    """The ways that lost against those: one seed."""
    ways = [one for one in (*FEW, *ON_MNIST) if one not in (HUNDRED_EVALUATIONS, PLAIN)]
    return evaluate(
        _mnist("more_mnist_ce_evaluations", (*((one, 1.0) for one in ways), *((PLAIN, t) for t in GUIDED_FROM)), 1)
    )


def _mnist(name: str, samplers: tuple[tuple[SamplerConfig, float], ...], num_seeds: int) -> Study:
    """``ADVGEN_BENCH_DATA`` is the folder that holds ``MNIST/raw``."""
    root = os.environ.get("ADVGEN_BENCH_DATA", "data")
    return Study(
        name=name,
        counterfactuals=lambda: mnist_laptop_counterfactuals().override([f"data.root={root}"]),
        samplers=samplers,
        judge="runs/mnist/judge/model",
        num_seeds=num_seeds,
        kept=Path("runs/bench/mnist_evaluations"),
        before="jobs/train_score_model.py --recipe mnist_laptop_score_model and jobs/train_classifier.py "
        "--recipe mnist_judge, each with --set data.root=FOLDER",
    )


def evaluate(study: Study) -> list[dict[str, Any]]:
    """``ratio`` to the paper's evaluations, ``value`` evaluations a CE; what differs from the reference beside them.

    Validity under the judge, and mean and quartiles of L2 and L0 of different-class CEs, each with a 95% interval of
    the difference over resampled sources. ``agrees``: validity within a point, all distances within 3%.
    """
    for model in (study.counterfactuals().score_model, study.judge):
        if not Path(model, "model.json").exists():
            raise UserError(f"{model}: no model there; run {study.before} first")
    os.environ.setdefault("RAY_AUTH_MODE", "disabled")
    judge = load_model(study.judge).model
    reference = _measure(study, judge, REFERENCE)
    told = ", ".join(f"{name} {float(values.mean()):.4g}" for name, values in reference.items())
    print(f"  reference, {reference['validity'].size} CEs of other classes: {told}", flush=True)
    rows = []
    for sampler, guided_from in study.samplers:
        found = compare(reference, _measure(study, judge, sampler, guided_from))
        config = _config(study, sampler, 0, guided_from)
        evaluations = evaluations_of(config, VPSDE())
        rows.append(
            {
                "name": f"{study.name}_{_name(sampler, guided_from)}",
                "ratio": evaluations / PAPER,
                "spread": 0.0,
                "value": evaluations,
                "unit": "evaluations a CE",
                "against": "; ".join(f"{name} {_signed(*difference)}" for name, difference in found.items()),
                "agrees": agrees(found),
                "count": reference["validity"].size,
            }
        )
        verdict = "agrees" if rows[-1]["agrees"] else "differs"
        print(f"  {rows[-1]['name']}: {verdict}; {rows[-1]['against']}", flush=True)
    return rows


def _measure(study: Study, judge: torch.nn.Module, sampler: SamplerConfig, guided_from: float = 1.0) -> Arrays:
    """Validity, L2 and L0 of the different-class CEs, ``[sources, CEs of one]``, over all seeds."""
    parts: dict[str, list[np.ndarray]] = {"validity": [], "l2": [], "l0": []}
    for seed in range(study.num_seeds):
        config = _config(study, sampler, seed, guided_from)
        counterfactuals.run(config)
        found = ResultSet.open(config.output)
        table = found.read(["source_index", "source_label", "y_target", "l2", "l0"]).to_pandas()
        with torch.no_grad():
            predicted = judge(torch.from_numpy(found.images("x_ce"))).argmax(1).numpy()
        table["validity"] = (predicted == table["y_target"]).astype(float)
        different = table[table["source_label"] != table["y_target"]].sort_values("source_index", kind="stable")
        for name, kept in parts.items():
            kept.append(different[name].to_numpy(float).reshape(config.num_sources, -1))
    return {name: np.concatenate(kept, axis=1) for name, kept in parts.items()}


def _config(study: Study, sampler: SamplerConfig, seed: int, guided_from: float) -> GenerateConfig:
    changes = {
        "sampler": sampler,
        "guidance_until": guided_from,
        "seed": seed,
        "output": f"{study.kept}/{_name(sampler, guided_from)}/seed-{seed}",
    }
    return GenerateConfig(**(dict(study.counterfactuals()) | changes))


def _name(sampler: SamplerConfig, guided_from: float) -> str:
    """``dpm_solver_sde_80_log_snr_from_0.4_every_4``: what differs from a plain walk from noise is said."""
    parts = [sampler.kind, str(sampler.num_steps), str(sampler.times)]
    parts += [f"from_{sampler.start_time:g}"] if sampler.start_time < 1 else []
    parts += [f"every_{sampler.network_every}"] if sampler.network_every > 1 else []
    return "_".join([*parts, *([f"guided_from_{guided_from:g}"] if guided_from < 1 else [])])


def _signed(value: float, low: float, high: float) -> str:
    return f"{value:+.2%} ({low:+.2%} to {high:+.2%})"
