"""Which samples of a batch are still attacked: a finished one costs no further passes of the model."""

import torch
from torch import Tensor

from advgen_ray.attacks.objectives import Until

DROPPED_SHARE = 1 / 16  # of the live rows: fewer are not worth a batch of another size


class LiveRows:
    """The live rows of a batch ``[N, ...]``, and where the finished samples ended.

    An attack keeps its state for the ``L`` live rows alone. Objectives and ``until`` close over the labels of all
    ``N`` samples, so the live outputs are spread to their rows of ``[N, K]`` first (zeros elsewhere) and the values
    taken back. A finished row may stay live for a while; what happens to it there changes nothing.
    """

    def __init__(self, x: Tensor, until: Until | None) -> None:
        self._num_samples, self._until = len(x), until
        self._rows: Tensor | None = None  # sample of each live row; None: all samples, in order
        self._finished = torch.zeros(len(x), dtype=torch.bool, device=x.device)  # [L]
        self._num_finished = 0
        self._ends: Tensor | None = None  # [N, ...]

    def spread(self, outputs: Tensor) -> Tensor:
        """Outputs of the live rows ``[L, K]`` at the rows of their samples, ``[N, K]``."""
        if self._rows is None:
            return outputs
        return outputs.new_zeros((self._num_samples, *outputs.shape[1:])).index_copy(0, self._rows, outputs)

    def take(self, values: Tensor) -> Tensor:
        """The live rows ``[L, ...]`` of something known for all samples."""
        return values if self._rows is None else values[self._rows]

    def finish(self, outputs: Tensor, x_adv: Tensor) -> None:
        """End at ``x_adv`` ``[L, ...]`` the samples for which ``until`` holds at ``outputs`` ``[N, K]`` (spread)."""
        if self._until is None:
            return
        newly = (self.take(self._until(outputs)) & ~self._finished).nonzero().squeeze(1)
        if len(newly) > 0:
            if self._ends is None:
                self._ends = x_adv.new_empty((self._num_samples, *x_adv.shape[1:]))
            samples = newly if self._rows is None else self._rows[newly]
            self._ends[samples] = x_adv.detach()[newly]
            self._finished[newly] = True
            self._num_finished += len(newly)

    @property
    def all_finished(self) -> bool:
        """Whether nothing is left to attack."""
        return self._num_finished == len(self._finished)

    def drop(self) -> Tensor | None:
        """Drop the finished rows once it pays; the positions that stay among the live rows, None where all do."""
        if self._num_finished == 0 or self._num_finished < DROPPED_SHARE * len(self._finished):
            return None
        staying = (~self._finished).nonzero().squeeze(1)
        self._rows = staying if self._rows is None else self._rows[staying]
        self._finished, self._num_finished = self._finished[staying], 0
        return staying

    def ends(self, x_adv: Tensor) -> Tensor:
        """``[N, ...]``: each finished sample where it ended, the others at ``x_adv`` ``[L, ...]``."""
        if self._ends is None:
            return x_adv
        open_rows = (~self._finished).nonzero().squeeze(1)
        samples = open_rows if self._rows is None else self._rows[open_rows]
        self._ends[samples] = x_adv[open_rows]
        return self._ends


def per_sample(values: Tensor, x: Tensor) -> Tensor:
    """``values`` ``[N]`` shaped ``[N, 1, 1, 1]``, to meet images ``x`` ``[N, C, H, W]``."""
    return values.view(-1, *(1,) * (x.dim() - 1))
