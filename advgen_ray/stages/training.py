"""What the stages of trainings share: optimisers from configs, data on every worker, what a model is stored with."""

import io
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from torch import nn

from advgen_ray.config import (
    Config,
    DataConfig,
    OptimizerConfig,
    TrainBinaryConfig,
    TrainClassifierConfig,
    TrainScoreModelConfig,
)
from advgen_ray.data import datasets
from advgen_ray.data.batches import BatchOrder
from advgen_ray.data.catalog import DatasetInfo
from advgen_ray.data.datasets import LabelledImages
from advgen_ray.distributed.image_sources import fetch
from advgen_ray.errors import UserError
from advgen_ray.models.ema import Ema
from advgen_ray.stages.inputs import tell_missing_classes
from advgen_ray.stages.training_split import split_training
from advgen_ray.storage.filesystem import join, write_atomic
from advgen_ray.training.model_directory import CARD, WEIGHTS, save_model
from advgen_ray.training.optim import ADAM_BETAS, adam, constant, one_cycle, one_cycle_momentum, sgd
from advgen_ray.training.trainee import Trainee
from advgen_ray.training.worker import Worker

TrainingConfig = TrainClassifierConfig | TrainScoreModelConfig


def check_data(configs: Sequence[TrainingConfig]) -> list[int]:
    """Read the images once before any worker starts (and fetch them, where asked): mistakes show at once.

    Returns how many images each is to train on.
    """
    counts: dict[int, int] = {}
    for data in {config.data for config in configs}:
        train, test = fetch(data, "train"), fetch(data, "test")
        for index, config in enumerate(configs):
            if config.data == data:
                num_images = len(train)
                if isinstance(config, TrainClassifierConfig):
                    _check_classes(data, train)
                    test.first(config.num_evaluation_images)
                    tell_missing_classes(test, config.num_evaluation_images, "num_evaluation_images")
                    num_images = len(split_training(train, config)[0])
                BatchOrder(num_images, config.batch_size, config.seed, num_workers=config.workers.num_workers)
                counts[index] = num_images
    return [counts[index] for index in range(len(configs))]


def _check_classes(data: DataConfig, train: LabelledImages) -> None:
    """Of one class the loss is zero whatever is learnt, and accuracies are 100%."""
    if train.labels.min() == train.labels.max():
        name = train.info.class_names[int(train.labels[0])]
        raise UserError(
            f"data {data.root}: every image of the train split is of class {name!r}; a classifier tells at least two "
            "apart: add images of another, or take train_binary, which tells one class from p0"
        )


def load_shared(data: DataConfig, split: datasets.Split, worker: Worker) -> LabelledImages:
    """A split on every worker; where files are to be fetched, one worker of each machine does it."""
    if worker.local_rank == 0:
        images = fetch(data, split)
        worker.barrier()
        return images
    worker.barrier()
    return datasets.load(data.name, data.root, split)


def build_trainee(
    model: nn.Module,
    config: OptimizerConfig,
    num_steps: int,
    resume: Path | None,
    ema: Ema | None = None,
    adam_betas: tuple[float, float] = ADAM_BETAS,
) -> Trainee:
    """A model with the optimiser and learning rates of the config, as it begins or where ``resume`` left it."""
    optimizer = (
        adam(model.parameters(), config.weight_decay, adam_betas)
        if config.kind == "adam"
        else sgd(model.parameters(), config.momentum, config.weight_decay)
    )
    schedule = (
        one_cycle(config.learning_rate, num_steps, config.warmup_steps, config.one_cycle_rise)
        if config.schedule == "one_cycle"
        else constant(config.learning_rate, config.warmup_steps)
    )
    momentum = one_cycle_momentum(num_steps, config.warmup_steps, config.one_cycle_rise)
    trainee = Trainee(
        model, optimizer, schedule, config.clip_norm, ema, momentum=momentum if config.cycle_momentum else None
    )
    if resume:
        trainee.resume(resume)
    return trainee


def describe_architecture(model: Config, info: DatasetInfo, **more: Any) -> dict[str, Any]:
    """The constructor's arguments, as plain JSON values that rebuild the model anywhere."""
    facts = {"image_shape": info.image_shape, "num_classes": info.num_classes, **more}
    plain = {name: list(value) if isinstance(value, tuple) else value for name, value in facts.items()}
    return plain | model.model_dump(mode="json", exclude={"kind"})


def describe_model(
    kind: str,
    architecture: dict[str, Any],
    config: TrainingConfig | TrainBinaryConfig,
    metrics: dict[str, float],
    trainee: Trainee,
) -> dict[str, Any]:
    """The card of a trained model."""
    return {
        "kind": kind,
        "architecture": architecture,
        "data": {"name": config.data.name},
        "training": config.model_dump(mode="json"),
        "metrics": metrics,
        "history": trainee.history,
        "num_steps": trainee.step,
        "seconds": round(sum(record["seconds"] for record in trainee.history), 3),
    }


def store_model(uri: str, model: nn.Module, card: dict[str, Any]) -> None:
    """Write a model directory, its card last."""
    with tempfile.TemporaryDirectory(prefix="advgen-model-") as directory:
        save_model(directory, model, card)
        for name in (WEIGHTS, CARD):
            write_atomic(join(uri, name), (Path(directory) / name).read_bytes())


def store_table(uri: str, columns: dict[str, Any]) -> None:
    """Write a small Parquet file at once."""
    buffer = io.BytesIO()
    pd.DataFrame(columns).to_parquet(buffer, index=False)
    write_atomic(uri, buffer.getvalue())
