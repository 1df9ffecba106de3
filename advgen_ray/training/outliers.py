"""Outliers beside the data of a classifier's training: in an order of their own, attacked, told to be of no class."""

from torch import Tensor, nn

from advgen_ray.data.augment import Augment
from advgen_ray.data.batches import BatchOrder
from advgen_ray.data.datasets import LabelledImages
from advgen_ray.losses import InnerAttack, LossTerms
from advgen_ray.losses.outlier_exposure import outlier_exposure_loss
from advgen_ray.rng import Stream, keyed
from advgen_ray.training.classifier import AttackAt, BareAttack
from advgen_ray.training.loop import items_on
from advgen_ray.training.worker import Worker


class OutlierExposure:
    """The loss of a batch of data and as many outliers; a ``training.classifier.Exposure``.

    Which outliers a step sees, how they are augmented and where their attack starts is keyed by (seed, item, step), as
    for the data. ``attack_at`` None leaves them as they are; their attack is at its full eps from the first step on.
    """

    def __init__(
        self,
        bare: nn.Module,
        outliers: LabelledImages,
        attack_at: AttackAt | None,
        *,
        weight: float,
        batch_size: int,
        augment: Augment | None,
        seed: int,
        worker: Worker,
    ) -> None:
        self.bare, self.outliers, self.attack_at, self.weight = bare, outliers, attack_at, weight
        self.augment, self.worker = augment, worker
        self.order = BatchOrder(len(outliers), batch_size, seed, worker.rank, worker.num_workers, "outlier_batches")
        self.noise, self.augmentation = Stream(seed, "outlier_attack"), Stream(seed, "outlier_augment")

    def __call__(
        self, model: nn.Module, x: Tensor, y: Tensor, attack: InnerAttack | None, step: int, share: float
    ) -> LossTerms:
        """``share``: the part of the global batch of data that ``x`` is."""
        batch = self.order.at(step)
        item_ids = self.outliers.item_ids(batch.indices)
        (x_out,) = items_on(self.worker, self.outliers.tensor(batch.indices))
        if self.augment:
            x_out = self.augment(x_out, item_ids, step, self.augmentation)
        out_attack = None
        if self.attack_at:
            out_attack = BareAttack(self.bare, self.attack_at(1.0, keyed(self.noise, item_ids, step)))
        weight = self.weight * batch.share / share
        return outlier_exposure_loss(model, x, y, x_out, attack, out_attack, weight=weight)
