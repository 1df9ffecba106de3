"""FAB: the nearest adversarial image, by projections onto linearised decision boundaries (Croce and Hein 2020)."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from advgen_ray.attacks.checks import FiniteGradients, check_finite, check_images, check_logits
from advgen_ray.attacks.eval_mode import eval_mode
from advgen_ray.attacks.forward import forward
from advgen_ray.attacks.hyperplane import NORMS, distance_to_hyperplane, step_to_hyperplane, vector_norm
from advgen_ray.attacks.labels import check_labels, wrong_classes
from advgen_ray.attacks.live_rows import per_sample

STEPS_BETWEEN_DROPS = 5  # asking a GPU which samples are finished stops it, so it is not asked at each step


@dataclass(frozen=True)
class FAB:
    """Fast Adaptive Boundary attack; with ``y_target`` its targeted form, FAB-T.

    Each step linearises the boundary at the current image (untargeted: the nearest of all classes' boundaries),
    projects both the current and the original image onto it within the box, and goes a little beyond a mixture of
    the two. Where that is adversarial, the search goes on from ``beta`` of the way out. The defaults are those of
    AutoAttack's ``standard``, which leaves out the paper's final search.

    Args:
        norm: 1, 2 or infinity: what is minimised, in [0, 1] pixel units.
        num_steps: linearisations, at least 1.
        alpha_max: the most that the projection of the original image weighs.
        eta: how far beyond the boundary to go, 1 being onto it.
        beta: the share of the perturbation to go on from when an adversarial image has been found.
    """

    norm: float
    num_steps: int = 100
    alpha_max: float = 0.1
    eta: float = 1.05
    beta: float = 0.9

    def __post_init__(self) -> None:
        if self.norm not in NORMS:
            raise ValueError(f"norm must be 1, 2 or infinity, got {self.norm}")
        if self.num_steps < 1:
            raise ValueError(f"num_steps must be at least 1, got {self.num_steps}")

    def __call__(
        self,
        model: nn.Module,
        x: Tensor,
        y: Tensor,
        y_target: Tensor | None = None,
        *,
        within: float = 0.0,
        start_noise: Callable[[Tensor], Tensor] | None = None,
        start_radius: float = 0.0,
    ) -> Tensor:
        """The nearest misclassified image met, ``[N, C, H, W]``; ``x`` where none is, and where ``x`` is one itself.

        Args:
            model: images to logits ``[N, K]``; run in evaluation mode and left as it was.
            x: images in [0, 1].
            y: labels ``[N]`` (int64).
            y_target: classes ``[N]`` to whose boundary with ``y`` to go; an image of any wrong class counts.
            within: a distance that is near enough: a sample ends at its first adversarial image within it, and
                costs nothing more.
            start_noise: gives standard normal noise of ``x``'s shape, keyed by item: a restart, which begins along it
                at distance ``start_radius`` (AutoAttack's standard: half of eps). None begins at ``x``.
            start_radius: of a restart.

        Raises ValueError for images outside [0, 1], labels that are no class, probabilities in place of logits,
        outputs or gradients that are not finite, and a restart without a radius.
        """
        check_images(x)
        origin = x_adv = x.detach()
        ends, rows = x.detach().clone(), torch.arange(len(x), device=x.device)
        gradients = FiniteGradients()
        with eval_mode(model), torch.no_grad():
            logits = forward(model, x)
            check_logits(logits)
            check_labels(y if y_target is None else torch.cat([y, y_target]), logits)
            distance = torch.where(logits.argmax(dim=1) == y, torch.inf, 0.0).to(x.dtype)
            point = self._start(origin, start_noise, start_radius)
            for step in range(self.num_steps):
                if step % STEPS_BETWEEN_DROPS == 0 and not bool((distance > within).all()):
                    ends[rows] = x_adv
                    live = (distance > within).nonzero().squeeze(1)
                    origin, point, x_adv, y, rows = origin[live], point[live], x_adv[live], y[live], rows[live]
                    distance, y_target = distance[live], None if y_target is None else y_target[live]
                    if len(rows) == 0:
                        break
                normal, lead = self._boundary(model, point, y, y_target, gradients)
                point = self._step(point, origin, normal, lead)
                fooled = forward(model, point).argmax(dim=1) != y
                farness = vector_norm((point - origin).flatten(1), self.norm)
                nearer = fooled & (farness < distance) & (distance > within)
                x_adv = torch.where(per_sample(nearer, x), point, x_adv)
                distance = torch.where(nearer, farness, distance)
                point = torch.lerp(origin, point, per_sample(torch.where(fooled, self.beta, 1.0).to(x), x))
        gradients.check()
        check_finite(point)
        ends[rows] = x_adv
        return ends

    def _start(self, x: Tensor, start_noise: Callable[[Tensor], Tensor] | None, start_radius: float) -> Tensor:
        if start_noise is None:
            return x
        if not start_radius > 0:
            raise ValueError(f"start_noise is a direction: expected start_radius above 0 with it, got {start_radius}")
        noise = start_noise(x)
        radius = start_radius / vector_norm(noise.flatten(1), self.norm)
        return (x + per_sample(radius, x) * noise).clamp(0.0, 1.0)

    def _boundary(
        self, model: nn.Module, point: Tensor, y: Tensor, y_target: Tensor | None, gradients: FiniteGradients
    ) -> tuple[Tensor, Tensor]:
        """The linearised boundary to reach: its normal ``[N, D]`` and by how much ``y`` leads, ``[N]``."""
        with torch.enable_grad():
            leaf = point.detach().requires_grad_()
            logits = forward(model, leaf)
            classes = wrong_classes(logits.detach(), y) if y_target is None else y_target[:, None]
            behind = logits.gather(1, classes) - logits.gather(1, y[:, None])
            totals = behind.sum(dim=0).unbind()
        normal, lead = torch.zeros_like(point).flatten(1), torch.zeros_like(behind[:, 0])
        nearest = torch.full_like(lead, torch.inf)
        for total, lead_k in zip(totals, (-behind).detach().unbind(dim=1), strict=True):
            (gradient,) = torch.autograd.grad(total, leaf, retain_graph=total is not totals[-1])
            gradients.note(gradient)
            if len(totals) == 1:
                return gradient.flatten(1), lead_k
            distance = distance_to_hyperplane(gradient.flatten(1), lead_k, self.norm)
            nearer = distance < nearest
            normal = torch.where(nearer[:, None], gradient.flatten(1), normal)
            lead, nearest = torch.where(nearer, lead_k, lead), torch.where(nearer, distance, nearest)
        return normal, lead

    def _step(self, point: Tensor, origin: Tensor, normal: Tensor, lead: Tensor) -> Tensor:
        """Equation 8 of the paper: a mixture of both overshot projections, biased towards the original image."""
        both = torch.stack([point.flatten(1), origin.flatten(1)])
        rises = torch.stack([lead, lead - (normal * (both[1] - both[0])).sum(dim=1)])
        delta = step_to_hyperplane(both, normal, rises, self.norm)
        length = vector_norm(delta, self.norm)
        total = length.sum(dim=0)
        alpha = (length[0] / torch.where(total == 0, 1.0, total)).clamp(max=self.alpha_max)[:, None]
        beyond = torch.add(both, delta, alpha=self.eta)
        return torch.lerp(beyond[0], beyond[1], alpha).clamp_(0.0, 1.0).view_as(point)
