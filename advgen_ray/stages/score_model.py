"""The stage that trains the score model: config to model directory (of the EMA weights), through Ray Train, tracked."""

from typing import Any

import torch

from advgen_ray.config import TrainScoreModelConfig
from advgen_ray.diffusion.vp_sde import VPSDE
from advgen_ray.distributed.train import Session, Task
from advgen_ray.models.ema import Ema
from advgen_ray.models.unet import UNet
from advgen_ray.rng import Stream
from advgen_ray.stages.training import build_optimizer, build_schedule, check_data, load_shared, run_tracked
from advgen_ray.training.loop import Record, Trainee
from advgen_ray.training.score_model import train_score_model


def run(config: TrainScoreModelConfig) -> dict[str, Any]:
    """Train a score model; returns where it is and its last loss. Raises UserError before work starts if it can."""
    check_data([config])
    task = Task("score model", train, config, config.output)
    (card,) = run_tracked("score_model", [task], config.workers, _describe)
    return {"model": f"{config.output}/model", **card["metrics"], "seconds": card["seconds"]}


def train(config: TrainScoreModelConfig, session: Session) -> None:
    """What each worker does: build, resume, train, finish with the averaged weights."""
    worker, seed = session.worker, config.seed
    images = load_shared(config.data, "train", worker)
    architecture = {
        "image_shape": list(images.info.image_shape),
        "num_classes": images.info.num_classes,
        **config.model.model_dump(mode="json"),
    }
    torch.manual_seed(Stream(seed, "weights").torch_seed(step=0))
    model = UNet(**architecture).to(worker.device)
    ema = Ema(model, config.ema_decay)
    trainee = Trainee(
        model,
        build_optimizer(config.optimizer, model),
        build_schedule(config.optimizer, config.num_steps),
        clip_norm=config.optimizer.clip_norm,
        ema=ema,
    )
    if session.resume:
        trainee.resume(session.resume)
    train_score_model(
        trainee,
        images,
        sde=VPSDE(config.beta_min, config.beta_max),
        label_drop=config.label_drop,
        num_steps=config.num_steps,
        batch_size=config.batch_size,
        horizontal_flip=config.horizontal_flip,
        checkpoint_every_steps=config.checkpoint_every_steps,
        seed=seed,
        worker=worker,
        report=session.report,
    )
    model.load_state_dict(ema.shadow)
    session.finish(
        model,
        {
            "kind": "unet",
            "architecture": architecture,
            "data": {"name": config.data.name},
            "training": config.model_dump(mode="json"),
            "metrics": {"loss": trainee.history[-1]["loss"]},
            "history": trainee.history,
            "num_steps": trainee.step,
            "seconds": round(sum(record["seconds"] for record in trainee.history), 3),
        },
    )


def _describe(config: TrainScoreModelConfig, record: Record) -> str:
    return f"step {record['step']}/{config.num_steps}  loss {record['loss']:.4f}  {record['seconds']:.1f} s"
