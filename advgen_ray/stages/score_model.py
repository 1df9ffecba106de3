"""The stage that trains the score model: config to model directory (of the EMA weights), through Ray Train, tracked."""

from typing import Any

import torch

from advgen_ray.config import TrainScoreModelConfig
from advgen_ray.data.datasets import dataset_info
from advgen_ray.diffusion.vp_sde import VPSDE
from advgen_ray.distributed.train import Session, Task
from advgen_ray.models.ema import Ema
from advgen_ray.models.unet import UNet
from advgen_ray.rng import Stream
from advgen_ray.stages.own_images import own_digest
from advgen_ray.stages.tracked_training import run_tracked
from advgen_ray.stages.training import (
    build_trainee,
    check_data,
    describe_architecture,
    describe_model,
    load_shared,
)
from advgen_ray.training.arithmetic import count
from advgen_ray.training.loop import Record
from advgen_ray.training.score_model import train_score_model


def run(config: TrainScoreModelConfig) -> dict[str, Any]:
    """Train a score model; returns where it is and its last loss. Raises UserError before work starts if it can."""
    check_data([config])
    (card,) = run_tracked([task_of(config)], config.workers, describe)
    return {"model": f"{config.output}/model", **card["metrics"], "seconds": card["seconds"]}


def task_of(config: TrainScoreModelConfig) -> Task:
    """The training of a config."""
    architecture = describe_architecture(config.model, dataset_info(config.data.name, config.data.root))
    cost = count(UNet, architecture).flops * config.num_steps * config.batch_size
    return Task("score model", train, config, config.output, cost, images=own_digest(config))


def train(config: TrainScoreModelConfig, session: Session) -> None:
    """What each worker does: build, resume, train, finish with the averaged weights."""
    worker, seed = session.worker, config.seed
    images = load_shared(config.data, "train", worker)
    architecture = describe_architecture(config.model, images.info)
    torch.manual_seed(Stream(seed, "weights").torch_seed(step=0))
    model = UNet(**architecture).to(worker.device)
    ema = Ema(model, config.ema_decay)
    trainee = build_trainee(model, config.optimizer, config.num_steps, session.resume, ema)
    until = session.until(config.num_steps)
    train_score_model(
        trainee,
        images,
        sde=VPSDE(config.beta_min, config.beta_max),
        label_drop=config.label_drop,
        num_steps=config.num_steps,
        until=until,
        batch_size=config.batch_size,
        horizontal_flip=config.horizontal_flip,
        checkpoint_every_steps=config.checkpoint_every_steps,
        seed=seed,
        worker=worker,
        report=session.report,
        on_step=session.on_step,
    )
    if until < config.num_steps:
        session.pause(trainee)
        return
    model.load_state_dict(ema.shadow)
    metrics = {"loss": trainee.history[-1]["loss"]}
    session.finish(model, describe_model("unet", architecture, config, metrics, trainee))


def describe(config: TrainScoreModelConfig, record: Record) -> str:
    """How far a training is, in a few words."""
    return f"step {record['step']}/{config.num_steps}  loss {record['loss']:.4f}  {record['seconds']:.1f} s"
