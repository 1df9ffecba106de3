"""The stage that trains classifiers: config to model directory, through Ray Train, tracked."""

from collections.abc import Sequence
from typing import Any

import torch

from advgen_ray.config import TrainClassifierConfig
from advgen_ray.config.jobs import training_passes
from advgen_ray.data.augment import flip_and_crop
from advgen_ray.data.batches import BatchOrder
from advgen_ray.data.catalog import DatasetInfo
from advgen_ray.data.datasets import LabelledImages, dataset_info
from advgen_ray.distributed.attacks import attack_at
from advgen_ray.distributed.image_sources import fetch
from advgen_ray.distributed.train import Session, Task
from advgen_ray.models.ema import Ema
from advgen_ray.models.image_classifier import ImageClassifier
from advgen_ray.rng import Stream
from advgen_ray.stages.exposure import exposure_of, read_outliers
from advgen_ray.stages.own_images import own_digest
from advgen_ray.stages.robust_loss import loss_at_epoch
from advgen_ray.stages.tracked_training import run_tracked
from advgen_ray.stages.training import (
    build_trainee,
    check_data,
    describe_architecture,
    describe_model,
    load_shared,
    store_model,
    store_table,
)
from advgen_ray.stages.training_split import energy_images, split_training, with_exclude_digest
from advgen_ray.storage.filesystem import join
from advgen_ray.training.arithmetic import count
from advgen_ray.training.classifier import ObserveEpoch, accuracy, train_classifier
from advgen_ray.training.loop import Record
from advgen_ray.training.model_directory import CLASSIFIERS
from advgen_ray.training.observers import EnergyColumns, EnergyRecorder, Validation
from advgen_ray.training.trainee import Trainee
from advgen_ray.training.worker import Worker

EVALUATION_BATCH = 256


def run(config: TrainClassifierConfig) -> dict[str, Any]:
    """Train one classifier; returns where it is and how accurate. Raises UserError before work starts if it can."""
    return run_all([config])[0]


def run_all(configs: Sequence[TrainClassifierConfig]) -> list[dict[str, Any]]:
    """Train several classifiers in worker groups they share, which cost as much to start as a small one to train."""
    tasks = [task_of(config, num_images) for config, num_images in zip(configs, check_data(configs), strict=True)]
    for config in configs:
        if config.outliers:
            read_outliers(config, fetch(config.data, "train"), fetch)
    cards = run_tracked(tasks, configs[0].workers, describe)
    return [
        {"model": f"{config.output}/model", **card["metrics"], "seconds": card["seconds"]}
        for config, card in zip(configs, cards, strict=True)
    ]


def task_of(config: TrainClassifierConfig, num_images: int = 1) -> Task:
    """The training of a config on so many images; raises UserError where what it excludes cannot be read."""
    config = with_exclude_digest(config)
    info = dataset_info(config.data.name, config.data.root)
    cost = count(*_model(config, info)).flops * training_passes(config, num_images)
    return Task(_name(config), train, config, config.output, cost, images=own_digest(config))


def train(config: TrainClassifierConfig, session: Session) -> None:
    """What each worker does: build, resume, train, measure accuracy, finish.

    Beside the ``model`` it may leave ``last``, the model of the last step where another was best on the validation
    images, and ``energies/epoch-0050.parquet``, one for each recorded epoch.
    """
    worker, seed = session.worker, config.seed
    images, validation_images = split_training(load_shared(config.data, "train", worker), config)
    test_images = load_shared(config.data, "test", worker).first(config.num_evaluation_images)
    kind, architecture = _model(config, images.info)
    torch.manual_seed(Stream(seed, "weights").torch_seed(step=0))
    model = kind(**architecture).to(worker.device)
    num_steps = config.num_epochs * BatchOrder(len(images), config.batch_size, seed).steps_per_epoch
    ema = Ema(model, config.ema_decay) if config.ema_decay else None
    trainee = build_trainee(model, config.optimizer, num_steps, session.resume, ema)
    trainee.autocast = torch.bfloat16 if config.precision == "bf16" else None
    train_classifier(
        trainee,
        images,
        attack_at(config.attack),
        loss_at_epoch=loss_at_epoch(config, worker),
        exposure=exposure_of(config, model, images, worker),
        num_epochs=config.num_epochs,
        max_steps=config.max_steps,
        until=session.until(num_steps),
        batch_size=config.batch_size,
        augment=flip_and_crop if config.augment == "flip_crop" else None,
        eps_warmup_epochs=config.eps_warmup_epochs,
        checkpoint_every_epochs=config.checkpoint_every_epochs,
        seed=seed,
        worker=worker,
        report=session.report,
        on_step=session.on_step,
        observers=_observers(config, images, validation_images, worker),
    )

    if session.until(num_steps) < num_steps:
        session.pause(trainee)
        return

    def measure(model: torch.nn.Module) -> dict[str, float]:
        return _measured(model, test_images, config, worker)

    def card_of(metrics: dict[str, float]) -> dict[str, Any]:
        return describe_model(config.model.kind, architecture, config, metrics, trainee)

    model.load_state_dict(trainee.weights_to_keep)
    selection = _selection(trainee, config)
    if trainee.best and trainee.best.step < trainee.step:
        selection["last"] = measure(model)
        if worker.rank == 0:
            store_model(join(config.output, "last"), model, card_of(selection["last"]))
        model.load_state_dict(trainee.best.weights)
    card = card_of(measure(model))
    session.finish(model, card | {"selection": selection} if selection else card)


def _measured(
    model: torch.nn.Module, images: LabelledImages, config: TrainClassifierConfig, worker: Worker
) -> dict[str, float]:
    """Accuracy on test images, clean and under the attack that evaluates."""
    attacks = {"clean_accuracy": None, "pgd_accuracy": attack_at(config.evaluation_attack)}
    return {
        name: accuracy(model, images, attack, batch_size=EVALUATION_BATCH, seed=config.seed, worker=worker)
        for name, attack in attacks.items()
    }


def untrained(config: TrainClassifierConfig) -> ImageClassifier:
    """A model of the kind that a config trains, its weights not the ones that the training begins with."""
    kind, architecture = _model(config, dataset_info(config.data.name, config.data.root))
    return kind(**architecture)


def _model(config: TrainClassifierConfig, info: DatasetInfo) -> tuple[type[ImageClassifier], dict[str, Any]]:
    """Its class, and what that is called with."""
    return CLASSIFIERS[config.model.kind], describe_architecture(config.model, info, mean=info.mean, std=info.std)


def describe(config: TrainClassifierConfig, record: Record) -> str:
    """How far a training is, in a few words."""
    validation = record.get("validation_pgd_accuracy")
    return (
        f"epoch {record['epoch']:g}/{config.num_epochs}  loss {record['loss']:.3f}  "
        f"accuracy {record['train_accuracy']:.3f}  "
        + (f"validation PGD {validation:.3f}  " if validation is not None else "")
        + f"{record['seconds']:.1f} s"
    )


def _observers(
    config: TrainClassifierConfig, images: LabelledImages, validation_images: LabelledImages, worker: Worker
) -> list[ObserveEpoch]:
    """Validation where images are held out, and the recorder of energies where epochs are named."""
    observers: list[ObserveEpoch] = []
    if len(validation_images):
        validation_attack = attack_at(config.evaluation_attack)
        observers.append(
            Validation(
                validation_images,
                validation_attack,
                config.validate_every_epochs,
                EVALUATION_BATCH,
                config.seed,
                worker,
            )
        )
    attack = attack_at(config.attack)
    if config.record_energies_at_epochs and attack:

        def keep(epoch: int, columns: EnergyColumns) -> None:
            if worker.rank == 0:
                store_table(join(config.output, "energies", f"epoch-{epoch:04d}.parquet"), {"epoch": epoch, **columns})

        observers.append(
            EnergyRecorder(
                energy_images(images, config),
                attack,
                config.record_energies_at_epochs,
                EVALUATION_BATCH,
                config.seed,
                worker,
                keep,
            )
        )
    return observers


def _selection(trainee: Trainee, config: TrainClassifierConfig) -> dict[str, Any]:
    """Which model is exported and why; empty where it is the last one because nothing was validated."""
    if trainee.best is None:
        return {}
    by = "validation_pgd_accuracy" if config.evaluation_attack.eps else "validation_clean_accuracy"
    best = trainee.best
    return {"by": by, "value": best.value, "epoch": best.epoch, "step": best.step}


def _name(config: TrainClassifierConfig) -> str:
    loss = "" if config.loss == "sat" else f" {config.loss}"
    without = f" without {config.exclude.rpartition('/')[2].removesuffix('.json')}" if config.exclude else ""
    beside = " with outliers" if config.outliers else ""
    return f"classifier{loss}{without}{beside} eps={config.attack.eps:g} seed={config.seed}"
