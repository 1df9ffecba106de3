"""Square: a random search that sees outputs only, never gradients (Andriushchenko et al. 2020)."""

from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from advgen_ray.attacks.checks import check_finite, check_images, check_logits, one_value_a_sample
from advgen_ray.attacks.eval_mode import eval_mode
from advgen_ray.attacks.forward import forward
from advgen_ray.attacks.live_rows import LiveRows
from advgen_ray.attacks.objectives import Objective, Until
from advgen_ray.attacks.square_moves import Patterns, Stripes
from advgen_ray.attacks.threat_model import Ball, Linf

Draws = Callable[[int, Sequence[int]], Tensor]
"""``draws(step, shape) -> [N, *shape]``: uniform in [0, 1), row i keyed by (item i, step)."""

HALVINGS = (10, 50, 200, 500, 1000, 2000, 4000, 6000, 8000)  # after these queries the share of the image halves
BLOCK = 250  # queries whose random numbers are drawn at once: part of the key, not a setting


@dataclass(frozen=True)
class Square:
    """Try a change of one random square window after the other, and keep what raises the objective.

    Args:
        threat_model: L1, L2 or Linf; all as in AutoAttack, but that each sample has its own windows and that
            these may touch the last row and column.
        num_queries: windows tried after the start, at least 1; AutoAttack's standard takes 5000.
        draws: ``draws(step, shape) -> [N, *shape]``, uniform in [0, 1), keyed by item and step: step 0 for the
            start and one more for each 250 queries, such as ``lambda step, shape: stream.uniform(ids, shape, step)``.
        p_init: share of the image that the first windows cover. It halves after 10, 50, 200, 500, 1000, 2000,
            4000, 6000 and 8000 queries, however many there will be.
    """

    threat_model: Ball
    num_queries: int
    draws: Draws
    p_init: float = 0.8

    def __post_init__(self) -> None:
        if self.num_queries < 1:
            raise ValueError(f"num_queries must be at least 1, got {self.num_queries}")
        if not 0 < self.p_init <= 1:
            raise ValueError(f"p_init must lie in (0, 1], got {self.p_init}")
        if not isinstance(self.threat_model, Ball):
            raise ValueError(f"Square fills a ball, got {self.threat_model}: give L1, L2 or Linf")

    def __call__(self, model: nn.Module, x: Tensor, objective: Objective, until: Until | None = None) -> Tensor:
        """The highest ``objective(model(x_adv))`` met, or the first point at which ``until`` holds, detached.

        ``x`` is ``[N, C, H, W]`` in [0, 1]; the paper's objective is ``margin(y)``. ``num_queries + 1`` forward
        passes in inference mode. The model is left as ``PGD`` leaves it, and the same inputs are refused.
        """
        check_images(x)
        if x.dim() != 4:
            raise ValueError(f"Square moves windows of images [N, C, H, W], got shape {list(x.shape)}")
        with eval_mode(model), torch.inference_mode():
            found = self._search(model, x, objective, until)
        return found.clone()  # outside of inference mode: an ordinary tensor

    def _search(self, model: nn.Module, x: Tensor, objective: Objective, until: Until | None) -> Tensor:
        num_samples, live = len(x), LiveRows(x, until)
        ball = self.threat_model
        moves = Stripes(ball, x.shape[1:]) if isinstance(ball, Linf) else Patterns(ball, x.shape[1:])
        x_best = candidate = moves.start(x, self.draws(0, moves.start_draws).to(x.device))
        best, draws = x.new_full((num_samples,), -torch.inf), x.new_empty((num_samples, 0))
        for query in range(self.num_queries + 1):
            if query > 0:
                block, position = divmod(query - 1, BLOCK)
                if position == 0:
                    draws = live.take(self.draws(1 + block, (BLOCK, moves.query_draws)).to(x.device))
                candidate = moves.propose(x, x_best, self._share(query - 1), draws[:, position])
            outputs = live.spread(forward(model, candidate))
            if query == 0:
                check_logits(outputs)
            values = live.take(one_value_a_sample(objective(outputs), num_samples))
            better = values > best
            best = torch.where(better, values, best)
            x_best[better] = candidate[better]  # few rows, but at the start
            live.finish(outputs, candidate)
            if live.all_finished:
                break
            if (rows := live.drop()) is not None:
                x, x_best, best, draws = x[rows], x_best[rows], best[rows], draws[rows]
        check_finite(values)
        return live.ends(x_best)

    def _share(self, query: int) -> float:
        return self.p_init / 2 ** bisect_left(HALVINGS, query)
