"""How few network evaluations a counterfactual takes: samplers of few steps beside the paper's 1000, on digits.

Every set is a result set of the generation job under ``runs/bench/evaluations``, so a stopped benchmark goes on, and
the reference, some ten minutes a seed on two cores, is paid once. ``ADVGEN_BENCH_SEEDS`` is how many seeds (default 3).
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from advgen_ray.config import GenerateConfig, SamplerConfig
from advgen_ray.diffusion.vp_sde import VPSDE
from advgen_ray.distributed.ce_generators import evaluations_of
from advgen_ray.errors import UserError
from advgen_ray.recipes.digits_counterfactuals import digits_counterfactuals
from advgen_ray.recipes.samplers import FORTY_EVALUATIONS
from advgen_ray.stages import counterfactuals
from advgen_ray.storage import ResultSet
from advgen_ray.training.model_directory import load_model

DEMO, KEPT = Path("runs/demo"), Path("runs/bench/evaluations")
PAPER = 2000  # evaluations: 1000 steps, two branches of guidance
REFERENCE = SamplerConfig(kind="euler_maruyama", num_steps=1000, times="linear")
CANDIDATES = (
    FORTY_EVALUATIONS,
    SamplerConfig(kind="dpm_solver_sde", num_steps=80, times="log_snr", start_time=0.4, network_every=4),
    SamplerConfig(kind="dpm_solver_sde", num_steps=60, times="log_snr", start_time=0.3, network_every=4),
    SamplerConfig(kind="ancestral", num_steps=80, times="log_snr", start_time=0.2, network_every=8),
    SamplerConfig(kind="ancestral", num_steps=80, times="log_snr", network_every=4),
    SamplerConfig(kind="ancestral", num_steps=20, times="quadratic", start_time=0.4),
    SamplerConfig(kind="ancestral", num_steps=40, times="quadratic"),
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
GUIDED_UNTIL = (0.6,)  # of ancestral 40: guidance only from there on
VALIDITY, DISTANCE = 0.01, 0.03  # how far from the reference is as good: absolute, and relative
NUM_RESAMPLES = 1000


def ce_evaluations() -> list[dict[str, Any]]:
    """``ratio`` to the paper's evaluations, ``value`` evaluations a CE; what differs from the reference beside them.

    Validity under the judge, and mean and quartiles of L2 and L0 of different-class CEs, each with a 95% interval of
    the difference over resampled sources. ``agrees``: validity within a point, all distances within 3%.
    """
    for name in ("score_model", "classifiers/judge"):
        if not (DEMO / name / "model" / "model.json").exists():
            raise UserError(f"{DEMO / name}/model: no model there; run make demo first")
    os.environ.setdefault("RAY_AUTH_MODE", "disabled")
    judge = load_model(DEMO / "classifiers/judge/model").model
    reference = _measure(REFERENCE, judge)
    guided = [(CANDIDATES[6], until) for until in GUIDED_UNTIL]
    rows = []
    for candidate, until in [*((one, 1.0) for one in CANDIDATES), *guided]:
        found = compare(reference, _measure(candidate, judge, until))
        evaluations = evaluations_of(_config(candidate, 0, until), VPSDE())
        rows.append(
            {
                "name": f"ce_evaluations_{_name(candidate, until)}",
                "ratio": evaluations / PAPER,
                "spread": 0.0,
                "value": evaluations,
                "unit": "evaluations a CE",
                "against": "; ".join(f"{name} {_signed(*difference)}" for name, difference in found.items()),
                "agrees": agrees(found),
                "count": reference["validity"].size,
            }
        )
        print(
            f"  {rows[-1]['name']}: {'agrees' if rows[-1]['agrees'] else 'differs'}; {rows[-1]['against']}", flush=True
        )
    return rows


def compare(reference: dict[str, np.ndarray], other: dict[str, np.ndarray]) -> dict[str, tuple[float, float, float]]:
    """Difference of each statistic and its 95% interval: of validity absolute, of distances relative.

    Arrays are ``[sources, CEs of one]``; both sides are resampled by the same sources.
    """
    num_sources = len(reference["validity"])
    draws = np.random.default_rng(0).integers(num_sources, size=(NUM_RESAMPLES, num_sources))
    found = {}
    for name, metric, statistic in _statistics():
        relative = metric != "validity"

        def difference(
            rows: np.ndarray,
            metric: str = metric,
            statistic: Callable[[np.ndarray], float] = statistic,
            relative: bool = relative,
        ) -> float:
            base, mine = statistic(reference[metric][rows]), statistic(other[metric][rows])
            return mine / base - 1 if relative else mine - base

        resampled = np.array([difference(rows) for rows in draws])
        low, high = np.quantile(resampled, (0.025, 0.975))
        found[name] = (difference(np.arange(num_sources)), float(low), float(high))
    return found


def agrees(found: dict[str, tuple[float, float, float]]) -> bool:
    """Whether every difference is as small as asked for."""
    return all(abs(one[0]) <= (VALIDITY if name == "validity" else DISTANCE) for name, one in found.items())


def _statistics() -> list[tuple[str, str, Callable[[np.ndarray], float]]]:
    found: list[tuple[str, str, Callable[[np.ndarray], float]]] = [("validity", "validity", lambda v: float(v.mean()))]
    for metric in ("l2", "l0"):
        found.append((f"{metric} mean", metric, lambda v: float(v.mean())))
        found += [
            (f"{metric} {share:.0%}", metric, lambda v, share=share: float(np.quantile(v, share)))  # type: ignore[misc]
            for share in (0.25, 0.5, 0.75)
        ]
    return found


def _measure(sampler: SamplerConfig, judge: torch.nn.Module, until: float = 1.0) -> dict[str, np.ndarray]:
    """Validity, L2 and L0 of the different-class CEs, ``[sources, CEs of one]``, over all seeds."""
    parts: dict[str, list[np.ndarray]] = {"validity": [], "l2": [], "l0": []}
    for seed in range(int(os.environ.get("ADVGEN_BENCH_SEEDS", "3"))):
        config = _config(sampler, seed, until)
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


def _config(sampler: SamplerConfig, seed: int, until: float) -> GenerateConfig:
    changes = {
        "sampler": sampler,
        "guidance_until": until,
        "score_model": f"{DEMO}/score_model/model",
        "seed": seed,
        "output": f"{KEPT}/{_name(sampler, until)}/seed-{seed}",
    }
    return GenerateConfig(**(dict(digits_counterfactuals()) | changes))


def _name(sampler: SamplerConfig, until: float) -> str:
    """``dpm_solver_sde_80_log_snr_from_0.4_every_4``: what differs from a plain walk from noise is said."""
    parts = [sampler.kind, str(sampler.num_steps), str(sampler.times)]
    parts += [f"from_{sampler.start_time:g}"] if sampler.start_time < 1 else []
    parts += [f"every_{sampler.network_every}"] if sampler.network_every > 1 else []
    return "_".join([*parts, *([f"guided_from_{until:g}"] if until < 1 else [])])


def _signed(value: float, low: float, high: float) -> str:
    return f"{value:+.2%} ({low:+.2%} to {high:+.2%})"
