"""From an attack's config to the bound attack."""

from collections.abc import Callable

from torch import Tensor

from advgen_ray.attacks.pgd import PGD
from advgen_ray.attacks.threat_model import L2, Linf, ThreatModel
from advgen_ray.config import AttackConfig

THREAT_MODELS: dict[str, Callable[[float], ThreatModel]] = {"l2": L2, "linf": Linf}
NEAR_SIGMA = 1e-3  # TRADES' start, algorithms of Zhang et al. (2019)


def build_pgd(config: AttackConfig, start_noise: Callable[[Tensor], Tensor], share: float = 1.0) -> PGD:
    """PGD at ``share`` of the config's eps, the step size shrunk alike; ``start_noise`` is keyed by item."""
    return PGD(
        THREAT_MODELS[config.norm](share * config.eps),
        config.num_steps,
        share * config.resolved_step_size(),
        None if config.start == "image" else start_noise,
        NEAR_SIGMA if config.start == "near" else None,
    )
