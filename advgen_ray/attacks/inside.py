"""A threat model that leaves some pixels as they are: inpainting with what is known held fixed."""

from dataclasses import dataclass

import torch
from torch import Tensor

from advgen_ray.attacks.threat_model import L1, L2, ThreatModel


@dataclass(frozen=True)
class Inside:
    """``threat_model`` within the pixels where ``mask`` is true; every other one stays that of ``x``, bit for bit.

    Step, nearest point and random start are those of the smaller space: what is held is taken out of gradient,
    perturbation and noise first, which for L1, L2, Linf and Unconstrained leaves all three of the form that they have
    without a mask, but for how many elements there are. An image whose mask is empty stays as it is.

    Args:
        threat_model: which ball, in the pixels that may change.
        mask: bool, ``[N, 1, H, W]`` or ``[N, C, H, W]`` for the N images of a batch. An attack that ends images one by
            one (``until``) makes the batch smaller, and ValueError is raised.
    """

    threat_model: ThreatModel
    mask: Tensor

    def __post_init__(self) -> None:
        if self.mask.dtype != torch.bool:
            raise ValueError(f"expected a mask of truth values, got {self.mask.dtype}")

    def project(self, x_adv: Tensor, x: Tensor) -> Tensor:
        """Back to ``x`` outside the mask, then into the ball and into [0, 1]."""
        return self.threat_model.project(torch.where(self._mask(x), x_adv, x), x)

    def random_start(self, x: Tensor, noise: Tensor) -> Tensor:
        """The threat model's, from noise inside the mask alone."""
        noise = noise * self._mask(x)
        if isinstance(self.threat_model, L1 | L2):  # where it lies in such a ball depends on the dimension
            return self.threat_model.random_start(x, noise, self._num_free(x))
        return self.threat_model.random_start(x, noise)

    def step(self, gradient: Tensor, x_adv: Tensor) -> Tensor:
        """The steepest direction of length one among those that change nothing outside the mask."""
        gradient = gradient * self._mask(x_adv)
        if isinstance(self.threat_model, L1):  # which moves a share of the elements
            return self.threat_model.step(gradient, x_adv, self._num_free(x_adv))
        return self.threat_model.step(gradient, x_adv)

    def distance(self, x_adv: Tensor, x: Tensor) -> Tensor:
        """The threat model's, ``[N]``."""
        return self.threat_model.distance(x_adv, x)

    def _num_free(self, x: Tensor) -> Tensor:
        return self.mask.expand_as(x).flatten(1).sum(dim=1)

    def _mask(self, x: Tensor) -> Tensor:
        if len(self.mask) != len(x) or self.mask.shape[2:] != x.shape[2:]:
            raise ValueError(f"a mask of shape {list(self.mask.shape)} for images {list(x.shape)}")
        return self.mask
