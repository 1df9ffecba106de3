"""The jobs that are killed: small, each with what an unbroken run of it leaves, to be compared bit by bit."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from advgen_ray.config import AttackConfig, Config, PoolConfig, SamplerConfig
from advgen_ray.distributed.counterfactual_rows import CounterfactualRows
from advgen_ray.distributed.energy_rows import EnergyRows
from advgen_ray.distributed.robustness_rows import RobustnessRows
from advgen_ray.distributed.session import Task
from advgen_ray.stages import classifier, counterfactuals, energies, robustness
from advgen_ray.stages.inputs import load_classifier, load_images
from advgen_ray.storage import ResultSet, filesystem
from advgen_ray.training.model_directory import load_model
from tests.classifier_jobs import fill
from tests.models_on_disk import (
    energies_config,
    generate_config,
    robustness_config,
    save_classifier,
    save_score_model,
)
from tests.same_weights import same_weights
from tests.small_training import KeptSession, classifier_config

CPU = torch.device("cpu")
POOL = PoolConfig(min_actors=2, max_actors=2)
RECORD_EVERY, CHECKPOINT_EVERY = 3, 15  # steps of the training that is killed: an epoch, and five


@dataclass(frozen=True)
class Work:
    """A job: the program and its config, how far it is, and what is wrong with what it left ("" for nothing)."""

    name: str
    program: str
    config: Config
    came_forward: Callable[[], int]
    wrong: Callable[[], str]
    is_training: bool = False


def generation(models: Path, output: str, unbroken: Path, seed: int) -> Work:
    """800 counterfactuals in 40 shards."""
    score_model = str(models / "score_model")
    config = generate_config(
        score_model, Path("unused"), num_sources=40, sampler=SamplerConfig(num_steps=60), batch_size=20,
        shard_images=20, seed=seed, pool=POOL,
    )  # fmt: skip

    def expected() -> ResultSet:
        made = counterfactuals.prepare(config.model_copy(update={"output": str(unbroken)}))
        return _filled(made, lambda: CounterfactualRows(config, made, CPU))

    return _map("generation", "generate_counterfactuals", config, output, expected)


def scoring(models: Path, output: str, unbroken: Path, seed: int, num_images: int = 150) -> Work:
    """So many images of each split under two classifiers, clean and attacked, in shards of 20."""
    classifiers = (str(models / "eps-0.0/model"), str(models / "eps-0.5/model"))
    config = energies_config(
        classifiers, Path("unused"), num_images=num_images, seed=seed, pool=POOL,
        attacks=(AttackConfig(eps=0.5, num_steps=60),),
    )  # fmt: skip

    def expected() -> ResultSet:
        own = config.model_copy(update={"output": str(unbroken)})
        made, groups = energies.prepare(own)
        return _filled(made, lambda: EnergyRows(own, made, groups, CPU))

    return _map("scoring", "score_energies", config, output, expected)


def evaluation(models: Path, output: str, unbroken: Path, seed: int, num_images: int = 200) -> Work:
    """APGD and Square on so many images in shards of 20, each resumed within."""
    config = robustness_config(
        str(models / "eps-0.5/model"), Path("unused"), num_images=num_images, shard_images=20, seed=seed, pool=POOL,
        attacks=(
            AttackConfig(kind="apgd", eps=0.5, num_steps=60, num_restarts=3),
            AttackConfig(kind="square", eps=0.5, num_steps=300),
        ),
    )  # fmt: skip

    def expected() -> ResultSet:
        own = config.model_copy(update={"output": str(unbroken)})
        images = load_images(own.data, own.split, own.num_images, "").first(own.num_images)
        made = robustness.prepare(own, images, load_classifier(own.classifier, own.data))
        return _filled(made, lambda: RobustnessRows(own, made, CPU))

    return _map("evaluation", "evaluate_robustness", config, output, expected)


def training(models: Path, output: str, unbroken: Path, seed: int) -> Work:
    """Adversarial training of 360 steps, one worker, a checkpoint every 15."""
    config = classifier_config(
        Path("unused"), num_epochs=120, checkpoint_every_epochs=CHECKPOINT_EVERY // RECORD_EVERY, seed=seed,
    ).model_copy(update={"output": output})  # fmt: skip
    config = config.override(["workers.max_failures=-1"])  # of its own it gives up after three

    known = 0

    def step() -> int:
        nonlocal known  # Swift may answer 404 while a file is replaced, which Amazon's S3 does not
        record: Any = Task("", classifier.train, config, output).progress().get("record")
        known = int(record["step"]) if record else known
        return known

    def wrong() -> str:
        alone: Any = KeptSession()
        classifier.train(config, alone)
        made = load_model(filesystem.local_copy(f"{output}/model"))
        if not same_weights(made.model.state_dict(), alone.model.state_dict()):
            return "other weights than an unbroken training"
        steps = [record["step"] for record in made.card["history"]]
        return "" if steps == [record["step"] for record in alone.records] else f"its history has steps {steps}"

    return Work("training", "train_classifier", config, step, wrong, is_training=True)


def save_models(root: Path) -> Path:
    """What the jobs read; this process then computes with as many threads as their actors, for sums to round alike."""
    torch.set_num_threads(POOL.cpus_per_actor)
    save_score_model(root / "score_model")
    save_classifier(root / "eps-0.0" / "model", num_steps=60)
    save_classifier(root / "eps-0.5" / "model", eps=0.5, seed=7, num_steps=60)
    return root


def _map(name: str, program: str, config: Any, output: str, expected: Callable[[], ResultSet]) -> Work:
    config = config.model_copy(update={"output": output})

    def stored() -> int:
        return sum(not one.startswith(".") for one in filesystem.list_names(f"{output}/shards"))

    def wrong() -> str:
        made, whole = ResultSet.open(output), expected()
        if made.identity != whole.identity:
            return f"identity {made.identity}, expected {whole.identity}"
        if not made.finished() or made.missing():
            return f"shards {made.missing()} are missing"
        differing = [at for at in range(whole.num_shards) if _bytes(made, at) != _bytes(whole, at)]
        names = filesystem.list_names(f"{output}/shards")
        if len(names) != whole.num_shards:
            return f"{len(names)} files for {whole.num_shards} shards"
        return f"shards {differing} differ from those of a plain loop" if differing else ""

    return Work(name, program, config, stored, wrong)


def _filled(result_set: ResultSet, rows: Callable[[], Any]) -> ResultSet:
    if not result_set.finished():
        fill(result_set, rows())
    return result_set


def _bytes(result_set: ResultSet, index: int) -> bytes:
    return filesystem.read_bytes(result_set.shard_uri(index))
