"""S000 figure 7: the pull of each neighborhood on one pixel, beside the approximation that the paper takes."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch

from advgen_ray.counterfactuals.neighborhood import NEIGHBORHOODS
from advgen_ray.diffusion.vp_sde import VPSDE

REACH, NUM_POINTS = 4.0, 161


def neighborhood_curves(sigma_ce: float, beta_min: float, beta_max: float, times: Sequence[float]) -> pd.DataFrame:
    """Scores over offsets from the source, both free of units; ``sigma_ce`` in [0, 1] pixels, the betas of the SDE.

    Columns: kind; time; offset, ``(x_t - alpha_t mu) / (alpha_t sigma)`` from -4 to 4; score, times
    ``alpha_t sigma / sqrt(2)``, so that both Boltzmann kinds lie in [-1, 1].
    """
    offsets = torch.linspace(-REACH, REACH, NUM_POINTS)
    sde, sigma = VPSDE(beta_min, beta_max), 2 * sigma_ce  # in the diffusion's space
    found = []
    for time in times:
        t = torch.full((NUM_POINTS,), float(time), dtype=torch.float64)
        scale = float(sde.alpha(t[0])) * sigma
        x_t = (scale * offsets).view(-1, 1, 1, 1)
        for kind, neighborhood in NEIGHBORHOODS.items():
            score = neighborhood(torch.zeros_like(x_t), sigma, sde)(x_t, t).flatten() * scale / 2**0.5
            columns = {"offset": offsets.numpy(), "score": score.numpy()}
            found.append(pd.DataFrame(columns).assign(kind=kind, time=float(time)))
    return pd.concat(found, ignore_index=True)


def largest_gap(curves: pd.DataFrame, time: float) -> float:
    """Largest difference of the hardtanh from the exact Boltzmann score at one time, as a share of its range of 1."""
    at = {
        kind: curves[(curves["kind"] == kind) & np.isclose(curves["time"], time)]["score"].to_numpy(float)
        for kind in ("boltzmann_exact", "boltzmann_hardtanh")
    }
    return float(np.abs(at["boltzmann_exact"] - at["boltzmann_hardtanh"]).max())
