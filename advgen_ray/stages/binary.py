"""The stage of binary adversarial training: config to model directory, through Ray Train, tracked."""

from collections.abc import Sequence
from typing import Any

import torch

from advgen_ray.config import TrainBinaryConfig
from advgen_ray.config.binary import binary_passes
from advgen_ray.data import datasets
from advgen_ray.data.augment import Augment, affine, any_resized_crop, auto_augment, flip_and_crop, resized_crop
from advgen_ray.data.batches import BatchOrder
from advgen_ray.data.catalog import DatasetInfo
from advgen_ray.data.datasets import LabelledImages
from advgen_ray.data.subsets import hold_out
from advgen_ray.distributed.image_sources import Load, fetch
from advgen_ray.distributed.loading import load_unchanged
from advgen_ray.distributed.train import Session, Task
from advgen_ray.errors import UserError
from advgen_ray.losses.binary import energy_difference, log_likelihood
from advgen_ray.models.ema import Ema
from advgen_ray.models.image_classifier import ImageClassifier
from advgen_ray.rng import Stream
from advgen_ray.stages.binary_attacks import ascent_of, descent_of, progression_of, validation_of
from advgen_ray.stages.own_images import own_digest
from advgen_ray.stages.p0 import Sides, split_sides
from advgen_ray.stages.tracked_training import run_tracked
from advgen_ray.stages.training import (
    build_trainee,
    describe_architecture,
    describe_model,
    load_shared,
)
from advgen_ray.storage.filesystem import local_copy
from advgen_ray.training.arithmetic import count
from advgen_ray.training.binary import Contest, Side, train_binary
from advgen_ray.training.loop import Record
from advgen_ray.training.model_directory import CLASSIFIERS, load_model
from advgen_ray.training.worker import Worker

AUGMENTS: dict[str, Augment | None] = {
    "none": None,
    "flip_crop": flip_and_crop,
    "affine": affine,
    "auto_augment": auto_augment,
    "resized_crop": resized_crop,
}
P0_AUGMENTS = AUGMENTS | {"resized_crop": any_resized_crop}
CONTRASTS = {"log_likelihood": log_likelihood, "energy_difference": energy_difference}
NUM_RECORDS = 200


def run(config: TrainBinaryConfig) -> dict[str, Any]:
    """Train one model; returns where it is and what was measured. Raises UserError before work starts if it can."""
    return run_all([config])[0]


def run_all(configs: Sequence[TrainBinaryConfig]) -> list[dict[str, Any]]:
    """Train several, in the worker groups of the first config."""
    tasks = [task_of(config) for config in configs]
    cards = run_tracked(tasks, configs[0].workers, describe)
    return [
        {"model": f"{task.output}/model", **card["metrics"], "ended": card["ended"], "seconds": card["seconds"]}
        for task, card in zip(tasks, cards, strict=True)
    ]


def task_of(config: TrainBinaryConfig) -> Task:
    """The training of a config, its images read once; raises UserError for what is wrong with them."""
    config = _with_pretrained_digest(config)
    (data, p0), _ = _sides(config, fetch)
    if config.validation and config.validation.num_test_images:
        _test_sides(config, fetch)
    for images in (data, p0):
        BatchOrder(len(images), config.batch_size, config.seed, num_workers=config.workers.num_workers)
    cost = count(*_model(config, data.info)).flops * binary_passes(config)
    return Task(_name(config), train, config, config.output, cost, images=own_digest(config))


def train(config: TrainBinaryConfig, session: Session) -> None:
    """What each worker does: build, resume, train, finish with the best model or the last."""
    worker, seed = session.worker, config.seed
    (data, p0), held_out = _sides(config, lambda of, split: load_shared(of, split, worker))
    kind, architecture = _model(config, data.info)
    torch.manual_seed(Stream(seed, "weights").torch_seed(step=0))
    model = kind(**architecture).to(worker.device)
    if config.pretrained:
        _take_over(model, config, worker)
    ema = Ema(model, config.ema_decay) if config.ema_decay else None
    trainee = build_trainee(model, config.optimizer, config.num_steps, session.resume, ema, config.adam_betas)
    trainee.autocast = torch.bfloat16 if config.precision == "bf16" else None
    epoch = BatchOrder(len(data), config.batch_size, seed).steps_per_epoch
    validation = validation_of(config, held_out, worker)

    def observe(step: int) -> dict[str, float]:
        if validation is None:
            return {}
        return validation(trainee, step // epoch, bool(trainee.course["ended"]) or step == config.num_steps)

    contest = Contest(
        data=Side(data, AUGMENTS[config.augment]),
        p0=Side(p0, P0_AUGMENTS[config.augment]),
        out_attack=ascent_of(config),
        progression=progression_of(config.ascent, epoch),
        data_attack=descent_of(config),
        random_start_share=config.ascent.random_start_share,
        contrast=CONTRASTS[config.contrast],
        r1=config.r1,
    )
    train_binary(
        trainee,
        contest,
        num_steps=config.num_steps,
        until=session.until(config.num_steps),
        batch_size=config.batch_size,
        record_every=_record_every(config),
        checkpoint_every=config.checkpoint_every_steps,
        seed=seed,
        worker=worker,
        report=session.report,
        observe=observe,
        on_step=session.on_step,
    )
    if session.until(config.num_steps) < config.num_steps and not trainee.course["ended"]:
        session.pause(trainee)
        return
    model.load_state_dict(trainee.best.weights if trainee.best else trainee.weights_to_keep)
    last = trainee.history[-1]
    metrics = {name: last[name] for name in ("data_probability", "out_probability", "k")}
    if trainee.best:
        metrics |= {"worst_case_auc": trainee.best.value, "best_step": float(trainee.best.step)}
    metrics |= _on_test(config, model, lambda of, split: load_shared(of, split, worker), worker)
    card = describe_model(config.model.kind, architecture, config, metrics, trainee)
    session.finish(model, card | {"ended": trainee.course["ended"], "course_k": trainee.course["k"]})


def _on_test(config: TrainBinaryConfig, model: torch.nn.Module, load: Load, worker: Worker) -> dict[str, float]:
    """What ``validation.num_test_images`` ask for: AUC on images of the test split, those of the data attacked too."""
    if config.validation is None or not config.validation.num_test_images:
        return {}
    measure = validation_of(config, _test_sides(config, load), worker)
    assert measure is not None
    return {f"test_{name}": value for name, value in measure.measure(model, attack_data=True).items()}


def _test_sides(config: TrainBinaryConfig, load: Load) -> Sides:
    """The first images of the test split's data and p0, as many as are asked for; raises UserError for fewer."""
    num_images = config.validation.num_test_images if config.validation else 0
    data, p0 = split_sides(config, "test", load)
    for images, name in ((data, "data"), (p0, "p0")):
        if num_images > len(images):
            raise UserError(
                f"validation.num_test_images={num_images}: {name} of the test split has {len(images)} images; lower it"
            )
    return data.first(num_images), p0.first(num_images)


def describe(config: TrainBinaryConfig, record: Record) -> str:
    """How far a training is, in a few words."""
    worst = record.get("worst_case_auc")
    return (
        f"step {record['step']}/{config.num_steps}  loss {record['loss']:.4f}  K {record['k']:.1f}  "
        f"D {record['data_probability']:.3f} / {record['out_probability']:.3f}  "
        + (f"worst-case AUC {worst:.4f}  " if worst is not None else "")
        + f"{record['seconds']:.1f} s"
    )


def _sides(config: TrainBinaryConfig, load: Load) -> tuple[Sides, Sides]:
    """Data and p0 to train on, and those held out: of each the same number, chosen by the seed alone."""
    sides = split_sides(config, "train", load)
    num_held_out = config.validation.num_images if config.validation else 0
    chosen: list[tuple[LabelledImages, LabelledImages]] = []
    for images, name in zip(sides, ("data", "p0"), strict=True):
        if num_held_out >= len(images):
            raise UserError(f"validation.num_images={num_held_out}: {name} has {len(images)} images; lower it")
        if num_held_out:
            rest, held_out = hold_out(len(images), num_held_out, config.seed, f"validation_{name}")
            chosen.append((images.subset(rest), images.subset(held_out)))
        else:
            chosen.append((images, images.subset(slice(0))))  # not copied: p0 may take most of the memory
    (data, held_data), (p0, held_p0) = chosen
    return (data, p0), (held_data, held_p0)


def _model(config: TrainBinaryConfig, info: DatasetInfo) -> tuple[type[ImageClassifier], dict[str, Any]]:
    """Its class, and what that is called with: one logit."""
    architecture = describe_architecture(config.model, info, mean=info.mean, std=info.std, num_classes=1)
    return CLASSIFIERS[config.model.kind], architecture


def _take_over(model: torch.nn.Module, config: TrainBinaryConfig, worker: Worker) -> None:
    """All weights of the pretrained classifier but those of its head."""
    found = load_unchanged(config.pretrained, config.pretrained_digest, worker.device).model.state_dict()
    model.load_state_dict(model.state_dict() | {name: value for name, value in found.items() if not _of_head(name)})


def _of_head(name: str) -> bool:
    return name.startswith("head.")


def _with_pretrained_digest(config: TrainBinaryConfig) -> TrainBinaryConfig:
    """The config with the digest of its pretrained classifier; raises UserError for one of another network."""
    if not config.pretrained:
        return config
    loaded = load_model(local_copy(config.pretrained))
    found = {name: value.shape for name, value in loaded.model.state_dict().items()}
    kind, architecture = _model(config, datasets.dataset_info(config.data.name, config.data.root))
    with torch.device("meta"):  # shapes alone
        own = kind(**architecture).state_dict()
    for name, value in own.items():
        if not _of_head(name) and found.get(name) != value.shape:
            raise UserError(
                f"pretrained={config.pretrained}: another network, a {loaded.card['kind']} whose {name} does not fit; "
                f"give a {config.model.kind} like the model that is trained"
            )
    return config.model_copy(update={"pretrained_digest": loaded.digest})


def _record_every(config: TrainBinaryConfig) -> int:
    if config.validation:
        return config.validation.every_steps
    return max(1, min(config.checkpoint_every_steps, config.num_steps // NUM_RECORDS))


def _name(config: TrainBinaryConfig) -> str:
    of = f" of {config.class_index}" if config.class_index is not None else ""
    return f"binary{of} seed={config.seed}"
