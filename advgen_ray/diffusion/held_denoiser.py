"""A score whose network is evaluated at some steps only: between them its denoised image is carried on."""

import torch
from torch import Tensor

from advgen_ray.diffusion import ScoreFn
from advgen_ray.diffusion.vp_sde import VPSDE, per_image


class HeldDenoiser:
    """``score_fn`` at every ``every``-th call; between, the score of its denoised image, linear in half-log-SNR.

    A neighborhood's score is stiff near t = 0 but costs nothing; a network's denoised image changes slowly but costs
    nearly everything. So a sampler takes ``every`` steps, in each of which the neighborhood is exact, for one
    evaluation of the network. With ``D = (x_t + sigma_t^2 score) / alpha_t`` of the last two evaluations, the score in
    between is ``(alpha_t D(lambda) - x_t) / sigma_t^2``: the extrapolation of DPM-Solver++(2M) (Lu et al. 2022).

    It remembers, so one is made for each batch that a sampler walks; all images of a batch are at one time, and times
    fall from call to call.
    """

    def __init__(self, score_fn: ScoreFn, every: int, sde: VPSDE) -> None:
        if every < 1:
            raise ValueError(f"every must be at least 1, got {every}")
        self.score_fn, self.every, self.sde = score_fn, every, sde
        self.num_calls = 0
        self.evaluated: list[tuple[float, Tensor]] = []  # half-log-SNR and denoised image, of the last two

    def __call__(self, x_t: Tensor, t: Tensor, y: Tensor) -> Tensor:
        """As ``ScoreFn``."""
        alpha, sigma = self.sde.alpha(t[:1]), self.sde.sigma(t[:1])
        at = float((alpha / sigma).log())
        evaluate, self.num_calls = self.num_calls % self.every == 0, self.num_calls + 1
        scale, variance = per_image(alpha, x_t), per_image(sigma**2, x_t)
        if evaluate:
            score = self.score_fn(x_t, t, y)
            self.evaluated = [*self.evaluated[-1:], (at, (x_t + variance * score) / scale)]
            return score
        return (scale * self._carried_on(at) - x_t) / variance

    def _carried_on(self, at: float) -> Tensor:
        """The denoised image at a half-log-SNR; never farther on than the last two evaluations are apart."""
        now, denoised = self.evaluated[-1]
        if len(self.evaluated) == 1:
            return denoised
        before, former = self.evaluated[0]
        return torch.lerp(former, denoised, 1 + min((at - now) / (now - before), 1.0))
