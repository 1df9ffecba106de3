"""The variance-preserving SDE of Song et al. (2020): its schedule in fp64, and the time grids that samplers walk."""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class VPSDE:
    """``dx = -beta(t)/2 x dt + sqrt(beta(t)) dw`` with linear beta (arXiv 2011.13456, appendix C).

    Then ``x_t = alpha(t) x_0 + sigma(t) noise`` with ``alpha^2 + sigma^2 = 1``. Every method maps times in [0, 1]
    of any shape to fp64 values of that shape: near t = 0 fp32 would lose sigma to cancellation.
    """

    beta_min: float = 0.1
    beta_max: float = 20.0

    def __post_init__(self) -> None:
        if not 0 < self.beta_min <= self.beta_max:
            raise ValueError(
                f"beta_min and beta_max must satisfy 0 < beta_min <= beta_max, got {self.beta_min} and "
                f"{self.beta_max}; the usual values are 0.1 and 20"
            )

    def beta(self, t: Tensor) -> Tensor:
        """Rate at which noise enters."""
        return self.beta_min + (self.beta_max - self.beta_min) * t.double()

    def log_alpha(self, t: Tensor) -> Tensor:
        """``-1/2 int_0^t beta``, score_sde's log mean coefficient."""
        t = t.double()
        return -0.25 * (self.beta_max - self.beta_min) * t**2 - 0.5 * self.beta_min * t

    def alpha(self, t: Tensor) -> Tensor:
        """Scale of the data at time t."""
        return self.log_alpha(t).exp()

    def sigma(self, t: Tensor) -> Tensor:
        """Standard deviation of the noise at time t."""
        return torch.sqrt(-torch.expm1(2 * self.log_alpha(t)))

    def log_snr(self, t: Tensor) -> Tensor:
        """``log(alpha^2 / sigma^2)``; infinite at t = 0."""
        return 2 * (self.log_alpha(t) - self.sigma(t).log())

    def time_of(self, log_snr: Tensor) -> Tensor:
        """The time at which ``log_snr`` has these values; in fp64, one without cancellation for any beta."""
        fall = torch.nn.functional.softplus(-log_snr.double()) / 2  # -log_alpha
        slope, curvature = self.beta_min / 2, (self.beta_max - self.beta_min) / 4
        return 2 * fall / (slope + torch.sqrt(slope**2 + 4 * curvature * fall))


def per_image(values: Tensor, like: Tensor) -> Tensor:
    """Values ``[N]``, one an image, in the type of ``like`` and shaped to multiply it: ``[N, 1, 1, 1]``."""
    return values.to(like.dtype).view(-1, *(1,) * (like.dim() - 1))


def linear_times(num_steps: int, first_time: float = 1.0) -> Tensor:
    """Equal steps ``[num_steps + 1]`` from ``first_time`` to 0; 1000 from 1 evaluate at score_sde's points, to 1e-3."""
    _check_steps(num_steps, first_time)
    return torch.linspace(first_time, 0.0, num_steps + 1, dtype=torch.float64)


def quadratic_times(num_steps: int, first_time: float = 1.0, last_time: float = 1e-3) -> Tensor:
    """Times ``[num_steps + 1]``, equal steps in sqrt(t) from ``first_time`` to ``last_time``, then 0.

    Few steps are better spent at small t, where detail appears; the jump from ``last_time`` to 0 only denoises.
    """
    _check_steps(num_steps, first_time, last_time)
    roots = torch.linspace(first_time**0.5, last_time**0.5, num_steps, dtype=torch.float64)
    return torch.cat([roots**2, torch.zeros(1, dtype=torch.float64)])


def log_snr_times(num_steps: int, sde: VPSDE, first_time: float = 1.0, last_time: float = 1e-3) -> Tensor:
    """Times ``[num_steps + 1]``, equal in log-SNR from ``first_time`` to ``last_time``, then 0 (Lu et al. 2022)."""
    _check_steps(num_steps, first_time, last_time)
    first, last = sde.log_snr(torch.tensor([first_time, last_time], dtype=torch.float64)).tolist()
    times = sde.time_of(torch.linspace(first, last, num_steps, dtype=torch.float64))
    times[0] = first_time
    return torch.cat([times, torch.zeros(1, dtype=torch.float64)])


def _check_steps(num_steps: int, first_time: float, last_time: float = 0.0) -> None:
    if num_steps < 1:
        raise ValueError(f"num_steps must be at least 1, got {num_steps}")
    if not last_time < first_time <= 1:
        raise ValueError(f"first_time must lie above {last_time:g} and at most at 1, got {first_time}")
