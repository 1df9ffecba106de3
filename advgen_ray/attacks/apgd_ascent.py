"""How APGD moves: what it remembers of each sample, and the rules that set the step, for L2 and Linf and for L1."""

import torch
from torch import Tensor

from advgen_ray.attacks.l1_ball import sparse_step
from advgen_ray.attacks.live_rows import per_sample
from advgen_ray.attacks.threat_model import L1, L2, Linf


class _Ascent:
    """The iterate, its gradient and the best point so far; every tensor attribute has one row a live sample."""

    def __init__(self, x: Tensor, start: Tensor) -> None:
        self.x, self.x_adv, self.x_best = x, start, start
        self.gradient = self.gradient_best = torch.zeros_like(x)
        self.best = x.new_full((len(x),), -torch.inf)

    def record_best(self, values: Tensor, gradient: Tensor | None) -> None:
        """Take in the objective ``[L]`` and gradient at ``x_adv`` (None after the last step)."""
        better = values > self.best
        self.best = torch.where(better, values, self.best)
        self.x_best = torch.where(per_sample(better, self.x), self.x_adv, self.x_best)
        if gradient is not None:
            self.gradient = gradient
            self.gradient_best = torch.where(per_sample(better, self.x), gradient, self.gradient_best)

    def back_to_best(self, rows: Tensor) -> None:
        """Go on from the best point where ``rows`` ``[L]`` holds."""
        self.x_adv = torch.where(per_sample(rows, self.x), self.x_best, self.x_adv)
        self.gradient = torch.where(per_sample(rows, self.x), self.gradient_best, self.gradient)

    def keep(self, rows: Tensor) -> None:
        """Forget the other samples."""
        for name, value in vars(self).items():
            if isinstance(value, Tensor):
                setattr(self, name, value[rows])


class MomentumAscent(_Ascent):
    """L2 and Linf (Croce and Hein 2020, algorithm 1): momentum, and a step halved where progress has stalled."""

    def __init__(self, ball: L2 | Linf, x: Tensor, start: Tensor, num_steps: int) -> None:
        super().__init__(x, start)
        self.ball, self.checkpoints = ball, checkpoints(num_steps)
        self.x_before = start
        self.step_size = x.new_full((len(x),), 2 * ball.eps)
        self.value = x.new_full((len(x),), torch.inf)
        self.num_improved = torch.zeros(len(x), dtype=torch.int64, device=x.device)
        self.best_before = self.best
        self.halved = torch.ones(len(x), dtype=torch.bool, device=x.device)

    def record(self, step: int, values: Tensor, gradient: Tensor | None) -> None:
        """Take in what was found after ``step`` moves; at a checkpoint, halve steps and return to the best points."""
        self.record_best(values, gradient)
        self.num_improved += values > self.value
        self.value = values
        if (window := self.checkpoints.get(step)) is None:
            return
        stalled = self.num_improved <= 0.75 * window
        self.halved = stalled | (~self.halved & (self.best_before >= self.best))
        self.best_before, self.num_improved = self.best, torch.zeros_like(self.num_improved)
        self.step_size = torch.where(self.halved, self.step_size / 2, self.step_size)
        self.back_to_best(self.halved)

    def move(self, step: int) -> None:
        """A projected step; from the second on, three quarters of it and one quarter of the former displacement."""
        direction = self.ball.step(self.gradient, self.x_adv)
        x_new = self.ball.project(torch.addcmul(self.x_adv, per_sample(self.step_size, self.x), direction), self.x)
        if step > 0:
            mixed = torch.lerp(self.x_adv, x_new, 0.75).add_(self.x_adv - self.x_before, alpha=0.25)
            x_new = self.ball.project(mixed, self.x)
        self.x_before, self.x_adv = self.x_adv, x_new


class SparseAscent(_Ascent):
    """L1 (Croce and Hein 2021, algorithm 1): steps on few elements, fewer as the best perturbation gets sparser."""

    def __init__(self, ball: L1, x: Tensor, start: Tensor, num_steps: int) -> None:
        super().__init__(x, start)
        self.ball, self.every = ball, max(1, int(0.04 * num_steps))
        self.step_size = x.new_full((len(x),), ball.eps)
        num_changed, num_elements = (start != x).flatten(1).sum(dim=1), x[0].numel()
        self.num_moved = torch.where(num_changed == 0, 0.2 * num_elements, num_changed / 1.5).long().clamp_(min=1)
        self.num_changed = torch.where(num_changed == 0, num_elements, num_changed)

    def record(self, step: int, values: Tensor, gradient: Tensor | None) -> None:
        """Take in what was found; every few steps, set the sparsity from that of the best point."""
        self.record_best(values, gradient)
        if step == 0 or step % self.every:
            return
        num_changed = (self.x_best != self.x).flatten(1).sum(dim=1)
        sparser = num_changed < 0.95 * self.num_changed
        self.num_moved = (num_changed / 1.5).long().clamp_(min=1)
        shrunk = (self.step_size / 1.5).clamp_(min=self.ball.eps / 10)
        self.step_size = torch.where(sparser, self.ball.eps, shrunk)
        self.num_changed = num_changed
        self.back_to_best(sparser)

    def move(self, step: int) -> None:
        """A step on the ``num_moved`` elements of largest gradient, projected."""
        direction = sparse_step(self.gradient, self.x_adv, self.num_moved)
        moved = torch.addcmul(self.x_adv, per_sample(self.step_size, self.x), direction)
        self.x_adv = self.ball.project(moved, self.x)


def checkpoints(num_steps: int) -> dict[int, int]:
    """After how many moves steps are reviewed, with the moves since the last review.

    The first window is 22 % of ``num_steps``, each next one 3 % shorter, none below 6 %.
    """
    window, shorter, shortest = (max(1, int(share * num_steps)) for share in (0.22, 0.03, 0.06))
    reviews, step = {}, window
    while step <= num_steps:
        reviews[step] = window
        window = max(window - shorter, shortest)
        step += window
    return reviews
