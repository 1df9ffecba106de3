"""What is measured while a classifier is trained: accuracy on held-out images, and energies of some training images."""

from collections.abc import Callable, Collection
from dataclasses import dataclass

import numpy as np
import torch

from advgen_ray.attacks.eval_mode import eval_mode
from advgen_ray.attacks.objectives import cross_entropy
from advgen_ray.data.datasets import LabelledImages
from advgen_ray.energy.logits import energy_x, energy_xy
from advgen_ray.rng import Stream, keyed
from advgen_ray.training.classifier import AttackAt, accuracy
from advgen_ray.training.loop import items_on
from advgen_ray.training.trainee import Trainee
from advgen_ray.training.worker import Worker

EnergyColumns = dict[str, np.ndarray]
"""One value an image: item_id, label, and natural_ and attacked_ each with energy_x, energy_xy and predicted."""

ENERGIES = ("energy_x", "energy_xy", "predicted")


@dataclass(frozen=True)
class Validation:
    """Clean and PGD accuracy on images held out from training, every so many epochs; the best model is kept.

    The weights measured are those to keep: the averages where there are any. Records ``validation_clean_accuracy``
    and ``validation_pgd_accuracy``; the latter (without an attack the former) decides which model is best.
    """

    images: LabelledImages
    attack_at: AttackAt | None
    every_epochs: int
    batch_size: int
    seed: int
    worker: Worker

    def __call__(self, trainee: Trainee, epoch: int, last: bool) -> dict[str, float]:
        """Measure if it is due."""
        if epoch == 0 or (epoch % self.every_epochs and not last):
            return {}
        attacks = {"validation_clean_accuracy": None, "validation_pgd_accuracy": self.attack_at}
        with trainee.to_keep() as model:
            measured = {
                name: accuracy(
                    model, self.images, attack, batch_size=self.batch_size, seed=self.seed, worker=self.worker
                )
                for name, attack in attacks.items()
                if attack or name == "validation_clean_accuracy"
            }
        trainee.keep_if_best(list(measured.values())[-1], epoch)
        return measured


@dataclass(frozen=True)
class EnergyRecorder:
    """Energies of the same training images, natural and attacked, at chosen epochs (S001 figures D and E).

    The attack is on cross-entropy whatever the loss attacks, from the same start at every epoch, so that methods and
    epochs compare; the weights are those in training. ``keep(epoch, columns)`` is called on every worker.
    """

    images: LabelledImages
    attack_at: AttackAt
    at_epochs: Collection[int]
    batch_size: int
    seed: int
    worker: Worker
    keep: Callable[[int, EnergyColumns], None]

    def __call__(self, trainee: Trainee, epoch: int, last: bool) -> dict[str, float]:
        """Measure if it is due; records nothing in the history."""
        if epoch in self.at_epochs:
            self.keep(epoch, self._measure(trainee))
        return {}

    def _measure(self, trainee: Trainee) -> EnergyColumns:
        stream, worker, num_images = Stream(self.seed, "energy_attack"), self.worker, len(self.images)
        # Every worker fills its own rows of zeros; the sum over workers is then exact, and the same on all.
        table = torch.zeros(num_images, 2, len(ENERGIES), dtype=torch.float64, device=worker.device)
        own = np.arange(worker.rank, num_images, worker.num_workers)
        with eval_mode(trainee.model):
            for start in range(0, len(own), self.batch_size):
                chosen = own[start : start + self.batch_size]
                x, y = items_on(worker, self.images.tensor(chosen), self.images.targets(chosen))
                attack = self.attack_at(1.0, keyed(stream, self.images.item_ids(chosen), 0))
                x_adv = attack(trainee.model, x, cross_entropy(y))
                for kind, inputs in enumerate((x, x_adv)):
                    with torch.inference_mode():
                        logits = trainee.model(inputs)
                        read = torch.stack([energy_x(logits), energy_xy(logits, y), logits.argmax(dim=1)], dim=1)
                    table[chosen, kind] = read.double()
        values = worker.total(table).cpu().numpy()
        columns: EnergyColumns = {
            "item_id": np.array(self.images.item_ids(range(num_images))),
            "label": self.images.labels,
        }
        for kind, name in enumerate(("natural", "attacked")):
            for index, energy in enumerate(ENERGIES):
                dtype = np.int64 if energy == "predicted" else np.float32
                columns[f"{name}_{energy}"] = values[:, kind, index].astype(dtype)
        return columns
