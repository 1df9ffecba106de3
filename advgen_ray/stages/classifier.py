"""The stage that trains classifiers: config to model directory, through Ray Train, tracked."""

from collections.abc import Sequence
from typing import Any

import torch

from advgen_ray.config import AttackConfig, TrainClassifierConfig
from advgen_ray.data.augment import flip_and_crop
from advgen_ray.data.batches import BatchOrder
from advgen_ray.distributed.attacks import build_pgd
from advgen_ray.distributed.train import Session, Task
from advgen_ray.models.wide_resnet import WideResNet
from advgen_ray.rng import Stream
from advgen_ray.stages.training import (
    build_trainee,
    check_data,
    describe_architecture,
    describe_model,
    load_shared,
    run_tracked,
)
from advgen_ray.training.classifier import AttackAt, accuracy, train_classifier
from advgen_ray.training.loop import Record

EVALUATION_BATCH = 256


def run(config: TrainClassifierConfig) -> dict[str, Any]:
    """Train one classifier; returns where it is and how accurate. Raises UserError before work starts if it can."""
    return run_all([config])[0]


def run_all(configs: Sequence[TrainClassifierConfig]) -> list[dict[str, Any]]:
    """Train several classifiers in one worker group, which costs as much to start as a small one to train."""
    check_data(configs)
    tasks = [Task(_name(config), train, config, config.output) for config in configs]
    cards = run_tracked("classifier", tasks, configs[0].workers, _describe)
    return [
        {"model": f"{config.output}/model", **card["metrics"], "seconds": card["seconds"]}
        for config, card in zip(configs, cards, strict=True)
    ]


def train(config: TrainClassifierConfig, session: Session) -> None:
    """What each worker does: build, resume, train, measure accuracy, finish."""
    worker, seed = session.worker, config.seed
    images = load_shared(config.data, "train", worker)
    test_images = load_shared(config.data, "test", worker).first(config.num_evaluation_images)
    architecture = describe_architecture(config.model, images.info, mean=images.info.mean, std=images.info.std)
    torch.manual_seed(Stream(seed, "weights").torch_seed(step=0))
    model = WideResNet(**architecture).to(worker.device)
    num_steps = config.num_epochs * BatchOrder(len(images), config.batch_size, seed).steps_per_epoch
    trainee = build_trainee(model, config.optimizer, num_steps, session.resume)
    train_classifier(
        trainee,
        images,
        attack_at(config.attack),
        num_epochs=config.num_epochs,
        max_steps=config.max_steps,
        batch_size=config.batch_size,
        augment=flip_and_crop if config.augment == "flip_crop" else None,
        eps_warmup_epochs=config.eps_warmup_epochs,
        checkpoint_every_epochs=config.checkpoint_every_epochs,
        seed=seed,
        worker=worker,
        report=session.report,
    )
    attacks = {"clean_accuracy": None, "pgd_accuracy": attack_at(config.evaluation_attack)}
    metrics = {
        name: accuracy(model, test_images, attack, batch_size=EVALUATION_BATCH, seed=seed, worker=worker)
        for name, attack in attacks.items()
    }
    session.finish(model, describe_model("wide_resnet", architecture, config, metrics, trainee))


def attack_at(config: AttackConfig) -> AttackAt | None:
    """The attack of a config at any share of its eps; None at eps 0."""
    if config.eps == 0:
        return None
    return lambda share, start_noise: build_pgd(config, start_noise, share)


def _name(config: TrainClassifierConfig) -> str:
    return f"classifier eps={config.attack.eps:g} seed={config.seed}"


def _describe(config: TrainClassifierConfig, record: Record) -> str:
    return (
        f"epoch {record['epoch']:g}/{config.num_epochs}  loss {record['loss']:.3f}  "
        f"accuracy {record['train_accuracy']:.3f}  {record['seconds']:.1f} s"
    )
