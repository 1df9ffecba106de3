"""What is measured of a detector: its AUC on images held out, each sample of p0 at its worst, the data perhaps too."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from advgen_ray.attacks.best_of_starts import Attack, best_of_starts
from advgen_ray.attacks.eval_mode import eval_mode
from advgen_ray.attacks.objectives import logit, minus_logit
from advgen_ray.data.datasets import LabelledImages
from advgen_ray.detection.ranking import chance_above
from advgen_ray.rng import StartNoise, Stream, keyed
from advgen_ray.training.loop import items_on
from advgen_ray.training.trainee import Trainee
from advgen_ray.training.worker import Worker

Reading = Callable[[Tensor, list[str]], Tensor]
"""``reading(x [N, C, H, W], item ids) -> [N]``."""


@dataclass(frozen=True)
class WorstCaseAUC:
    """``worst_case_auc`` and ``clean_auc`` every so many steps; the model of highest worst case is kept.

    The weights measured are those to keep: the averages where there are any.
    """

    data: LabelledImages
    p0: LabelledImages
    attack: Attack
    every_steps: int
    batch_size: int
    seed: int
    worker: Worker

    def __call__(self, trainee: Trainee, epoch: int, last: bool) -> dict[str, float]:
        """Measure if it is due."""
        if trainee.step % self.every_steps and not last:
            return {}
        with trainee.to_keep() as model:
            measured = self.measure(model)
        trainee.keep_if_best(measured["worst_case_auc"], epoch)
        return measured

    def measure(self, model: nn.Module, *, attack_data: bool = False) -> dict[str, float]:
        """``clean_auc`` and ``worst_case_auc`` of a model; ``attacked_auc``, on demand, with the data attacked as well.

        There each image of the data is at its lowest logit, each sample of p0 at its highest (S004 section 3.4.4).
        """

        def read(x: Tensor, item_ids: list[str]) -> Tensor:
            with torch.no_grad():
                return logit(model(x))

        def highest(x: Tensor, item_ids: list[str]) -> Tensor:
            return best_of_starts(model, x, self.attack, self._starts(item_ids), logit).value

        def lowest(x: Tensor, item_ids: list[str]) -> Tensor:
            return -best_of_starts(model, x, self.attack, self._starts(item_ids), minus_logit).value

        with eval_mode(model):
            f_data, f_out = self._all(self.data, read), self._all(self.p0, highest)
            measured = {
                "clean_auc": chance_above(f_data, self._all(self.p0, read)),
                "worst_case_auc": chance_above(f_data, f_out),
            }
            if attack_data:
                measured["attacked_auc"] = chance_above(self._all(self.data, lowest), f_out)
        return measured

    def _starts(self, item_ids: list[str]) -> tuple[StartNoise | None, ...]:
        return None, keyed(Stream(self.seed, "validation_attack"), item_ids)

    def _all(self, images: LabelledImages, of: Reading) -> Tensor:
        """A value of every image: workers fill their own places of zeros, so that the sum is exact."""
        values = torch.zeros(len(images), dtype=torch.float64, device=self.worker.device)
        own = np.arange(self.worker.rank, len(images), self.worker.num_workers)
        for start in range(0, len(own), self.batch_size):
            chosen = own[start : start + self.batch_size]
            (x,) = items_on(self.worker, images.tensor(chosen))
            values[chosen] = of(x, images.item_ids(chosen)).double()
        return self.worker.total(values)
