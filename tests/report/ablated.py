"""An invented ablation with rules that its page must find: what each setting does is written down here."""

import itertools
from typing import Any

import pandas as pd

from advgen_ray.analysis.ce_ablation import DISTANCES, with_front
from advgen_ray.config import GenerateConfig
from advgen_ray.recipes.ablations import ce_ablation

KIND, SIGMA, W, STEPS = "neighborhood.kind", "neighborhood.sigma_ce", "guidance_scale", "sampler.num_steps"
BASE: dict[str, Any] = {KIND: "boltzmann_hardtanh", SIGMA: 0.1, W: 4.0, STEPS: 40}
PAPER = {KIND: "boltzmann_hardtanh", SIGMA: 0.2, W: 15.0, STEPS: 40}
CONFIG = ce_ablation(GenerateConfig(), (0.1, 0.2), (1.0, 4.0, 15.0), (10, 20, 80), judge="judge").model_dump(
    mode="json"
)


def trial(name: str, **settings: Any) -> dict[str, Any]:
    """w and sigma_CE add validity and distance, few steps distance; Gaussians are .2 nearer, 5 points less sparse."""
    at = BASE | settings
    gaussian = at[KIND] == "gaussian"
    means = {
        "l2": 1 + at[SIGMA] + at[W] / 10 - 0.2 * gaussian + max(0.0, 2 / at[STEPS] - 0.05),
        "l0": 0.4 + at[W] / 100 + 0.05 * gaussian,
    }
    means |= {"l1": 5 * means["l2"], "linf": means["l2"] / 3}
    validity = min(1.0, 0.8 + 0.1 * at[SIGMA] + 0.012 * at[W])
    return {
        "trial": name, **at, "count": 900, "num_sources": 100, "validity": validity,
        "validity_low": validity - 0.02, "validity_high": min(1.0, validity + 0.02),
        **{f"{key}_{what}": means[key] + more for key in DISTANCES
           for what, more in (("mean", 0.0), ("q25", -0.1), ("median", 0.01), ("q75", 0.1))},
        **{f"{key}_se": 0.01 for key in DISTANCES},
        "network_evaluations": 2 * at[STEPS], "seconds_per_ce": 0.02, "base": at == BASE, "paper": at == PAPER,
        "status": "finished", "mistake": "",
    }  # fmt: skip


def trials(*more: dict[str, Any]) -> pd.DataFrame:
    """Two neighborhoods by two sigma_CE by three w, and three more numbers of steps; then ``more``."""
    grid = itertools.product(("boltzmann_hardtanh", "gaussian"), (0.1, 0.2), (1.0, 4.0, 15.0))
    rows = [trial(f"t{i}", **{KIND: kind, SIGMA: sigma, W: w}) for i, (kind, sigma, w) in enumerate(grid)]
    rows += [trial(f"s{steps}", **{STEPS: steps}) for steps in (10, 20, 80)]
    return with_front(pd.DataFrame([*rows, *more]))
