"""How the reverse process is discretised: the two samplers that recipes choose from, and what else there is."""

from typing import Literal, Self

from pydantic import Field, PositiveInt, model_validator

from advgen_ray.config.base import Config


class SamplerConfig(Config):
    """How the reverse process is discretised; ``euler_maruyama`` with 1000 steps is the paper's.

    A step is one evaluation of the guided score, of ``heun`` two (its last one again one). Where ``times`` is null the
    steps lie as the sampler's authors have them: linear, of ancestral quadratic, of the solvers equal in log-SNR.
    ``start_time`` below 1 sets out from the source, diffused that far, in place of noise. The network is evaluated at
    every ``network_every``-th step; between, its denoised image is carried on, while the neighborhood stays exact.
    """

    kind: Literal["euler_maruyama", "ancestral", "dpm_solver_sde", "dpm_solver_ode", "heun"] = "ancestral"
    num_steps: PositiveInt = 40
    times: Literal["linear", "quadratic", "log_snr"] | None = None
    start_time: float = Field(1.0, gt=1e-3, le=1.0)
    network_every: PositiveInt = 1

    @model_validator(mode="after")
    def _steps_are_evaluations(self) -> Self:
        if self.kind == "heun" and self.network_every > 1:
            raise ValueError(
                f"network_every {self.network_every}: heun evaluates twice a step; set it to 1 or take another kind"
            )
        return self


PAPER = SamplerConfig(kind="euler_maruyama", num_steps=1000)  # S000, appendix 7: with guidance 2,000 evaluations
# L2 and L0 within 3% of the paper's in mean and quartiles, validity within the sampling error, on digits and on MNIST
# at the paper's w and sigma_CE, but for one quartile of L0 there (docs/bench.md; tests/benchmarks/evaluations.py).
HUNDRED_EVALUATIONS = SamplerConfig(kind="ancestral", num_steps=50, times="quadratic")
# From the diffused source at t = .4, 80 steps of which every fourth evaluates the network. The same on images of 8x8,
# where nothing is decided before; on MNIST its CEs lie 12% too near.
FORTY_EVALUATIONS = SamplerConfig(kind="ancestral", num_steps=80, times="log_snr", start_time=0.4, network_every=4)
