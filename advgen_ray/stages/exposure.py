"""From a config's outliers to what brings them beside the data of a classifier's training."""

from torch import nn

from advgen_ray.config import TrainClassifierConfig
from advgen_ray.data.augment import flip_and_crop
from advgen_ray.data.batches import BatchOrder
from advgen_ray.data.datasets import LabelledImages
from advgen_ray.distributed.attacks import attack_at
from advgen_ray.distributed.image_sources import Load, source_images
from advgen_ray.stages.training import load_shared
from advgen_ray.training.outliers import OutlierExposure
from advgen_ray.training.worker import Worker


def exposure_of(
    config: TrainClassifierConfig, bare: nn.Module, images: LabelledImages, worker: Worker
) -> OutlierExposure | None:
    """Outliers beside ``images``, those trained on; None where the config has none."""
    if config.outliers is None:
        return None
    return OutlierExposure(
        bare,
        read_outliers(config, images, lambda of, split: load_shared(of, split, worker)),
        attack_at(config.outliers.attack),
        weight=config.outliers.weight,
        batch_size=config.batch_size,
        augment=flip_and_crop if config.augment == "flip_crop" else None,
        seed=config.seed,
        worker=worker,
    )


def read_outliers(config: TrainClassifierConfig, images: LabelledImages, load: Load) -> LabelledImages:
    """Those of the training split; raises UserError where they cannot be read, or are too few for the workers."""
    assert config.outliers is not None
    found = source_images(config.outliers.source, images, "train", config.seed, load, "outliers")
    BatchOrder(len(found), config.batch_size, config.seed, num_workers=config.workers.num_workers)
    return found
