"""CW-L2: the nearest adversarial image in L2, by gradient descent in tanh space (Carlini and Wagner 2017)."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from advgen_ray.attacks.adam import adam_step
from advgen_ray.attacks.checks import check_finite, check_images, check_logits
from advgen_ray.attacks.eval_mode import eval_mode
from advgen_ray.attacks.forward import forward
from advgen_ray.attacks.labels import check_labels
from advgen_ray.attacks.live_rows import per_sample
from advgen_ray.attacks.objectives import margin

SHRINK = 1 - 1e-6  # keeps atanh finite at pixels of exactly 0 and 1
CHECKS_A_DESCENT = 10
STALLED = 0.9999  # a descent that keeps more of its loss than this from check to check has ended


@dataclass(frozen=True)
class CW:
    """Minimises ``|x_adv - x|_2^2 + c max(confidence - margin, 0)`` by Adam over ``w``, ``x_adv = (tanh w + 1) / 2``.

    ``c`` is searched for each sample by bisection: up tenfold until a descent succeeds, then between failure and
    success. The margin is of raw logits. Adam, the search and its early ends are each sample's own.

    Args:
        num_steps: of one descent, at least 1; a sample whose loss has stalled over a tenth of them ends early.
        num_search_steps: descents, each with another ``c``.
        learning_rate: Adam's.
        initial_c: where the search for ``c`` begins.
        confidence: by how much the wrong class shall lead.
    """

    num_steps: int = 1000
    num_search_steps: int = 9
    learning_rate: float = 0.01
    initial_c: float = 1e-3
    confidence: float = 0.0

    def __post_init__(self) -> None:
        for name in ("num_steps", "num_search_steps", "learning_rate", "initial_c"):
            if getattr(self, name) <= 0:
                raise ValueError(f"{name} must be positive, got {getattr(self, name)}")
        if self.confidence < 0:
            raise ValueError(f"confidence must be zero or positive, got {self.confidence}")

    def __call__(self, model: nn.Module, x: Tensor, y: Tensor, *, within: float = 0.0) -> Tensor:
        """The nearest misclassified image met, ``[N, C, H, W]``; ``x`` where none is, and where ``x`` is one itself.

        The model runs in evaluation mode and is left as it was. A sample with an image at most ``within`` away (L2)
        is finished and costs nothing more. Raises ValueError for images outside [0, 1], labels ``[N]`` that are no
        class, probabilities in place of logits, and outputs or gradients that are not finite.
        """
        check_images(x)
        x = x.detach()
        with eval_mode(model), torch.no_grad():
            logits = forward(model, x)
            check_logits(logits)
            check_labels(y, logits)
            x_adv, distance = x.clone(), torch.where(logits.argmax(dim=1) == y, torch.inf, 0.0).to(x.dtype)
            c, lower = torch.full_like(distance, self.initial_c), torch.zeros_like(distance)
            upper = torch.full_like(distance, torch.inf)
            for _ in range(self.num_search_steps):
                rows = (distance > within).nonzero().squeeze(1)
                if len(rows) == 0:
                    break
                found, farness = self._descend(model, x[rows], y[rows], c[rows], within)
                nearer = (farness < distance[rows]).nonzero().squeeze(1)
                x_adv[rows[nearer]], distance[rows[nearer]] = found[nearer], farness[nearer]
                succeeded = farness < torch.inf
                upper[rows] = torch.where(succeeded, c[rows], upper[rows])
                lower[rows] = torch.where(succeeded, lower[rows], c[rows])
                c = torch.where(upper < torch.inf, (lower + upper) / 2, 10 * c)
        return x_adv

    def _descend(self, model: nn.Module, x: Tensor, y: Tensor, c: Tensor, within: float) -> tuple[Tensor, Tensor]:
        """One descent: the nearest adversarial images ``[N, C, H, W]`` and their distances, infinite where none."""
        w = torch.atanh((2 * x - 1) * SHRINK)
        found, farness, rows = x.clone(), torch.full_like(c, torch.inf), torch.arange(len(x), device=x.device)
        first, second, former_loss = torch.zeros_like(x), torch.zeros_like(x), torch.full_like(c, torch.inf)
        best, best_distance = x, farness.clone()
        steps_between_checks = max(1, self.num_steps // CHECKS_A_DESCENT)
        for step in range(1, self.num_steps + 1):
            image, loss, distance, is_adversarial, gradient = self._evaluate(model, w, x, y, c)
            nearer = is_adversarial & (distance < best_distance) & (best_distance > within)
            best = torch.where(per_sample(nearer, x), image, best)
            best_distance = torch.where(nearer, distance, best_distance)
            downhill, first, second = adam_step(gradient, first, second, step)
            w = w - self.learning_rate * downhill
            if step % steps_between_checks == 0 or step == self.num_steps:
                found[rows], farness[rows] = best, best_distance
                check_finite(loss)
                live = ((loss <= STALLED * former_loss) & (best_distance > within)).nonzero().squeeze(1)
                if len(live) == 0:
                    break
                w, x, y, c, first, second, best = (t[live] for t in (w, x, y, c, first, second, best))
                best_distance, rows, former_loss = best_distance[live], rows[live], loss[live]
        return found, farness

    def _evaluate(
        self, model: nn.Module, w: Tensor, x: Tensor, y: Tensor, c: Tensor
    ) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        """At ``w``: the image, its loss, distance, whether it is adversarial, and the loss's gradient in ``w``."""
        with torch.enable_grad():
            leaf = w.detach().requires_grad_()
            image = (torch.tanh(leaf) + 1) / 2
            logits = forward(model, image)
            lead = margin(y)(logits) - self.confidence
            squared_distance = (image - x).flatten(1).square().sum(dim=1)
            loss = squared_distance + c * functional.relu(-lead)
            (gradient,) = torch.autograd.grad(loss.sum(), leaf)
        is_adversarial = (logits.argmax(dim=1) != y) & (lead >= 0)
        return image.detach(), loss.detach(), squared_distance.detach().sqrt(), is_adversarial, gradient
