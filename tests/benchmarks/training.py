"""Steps of adversarial training through Ray Train against the same steps in a bare loop."""

import multiprocessing
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from advgen_ray.attacks.objectives import cross_entropy, logit
from advgen_ray.attacks.pgd import PGD
from advgen_ray.attacks.threat_model import L2
from advgen_ray.config import Config, TwoConvConfig, WideResNetConfig, WorkersConfig
from advgen_ray.data.datasets import load
from advgen_ray.distributed.cluster import disconnect
from advgen_ray.distributed.heap import keep_freed_memory
from advgen_ray.distributed.session import Session, Task
from advgen_ray.distributed.train import run_training
from advgen_ray.models.two_conv import TwoConv
from advgen_ray.models.wide_resnet import WideResNet
from advgen_ray.recipes.binary import digits_binary
from advgen_ray.recipes.digits import digits_classifier
from advgen_ray.stages import binary, classifier
from advgen_ray.training.loop import Record, Save
from tests.benchmarks.measure import median_and_spread

STEPS_PER_EPOCH = 11
POLL_SECONDS = 0.002


@dataclass(frozen=True)
class Case:
    """A training, how many of its steps lie between two checkpoints, and the same steps as a script has them."""

    train: Callable[[Any, Session], None]
    config: Config
    steps_of_a_block: int
    bare_steps: Callable[[], Iterator[None]]


def train_step_vs_loop(repeats: int = 9) -> list[dict[str, Any]]:
    """Time of a step of adversarial training through Ray Train over that of a bare loop."""
    recipe = digits_classifier()
    block = recipe.checkpoint_every_epochs
    config = recipe.model_copy(update={"num_epochs": block * (repeats + 1), "eps_warmup_epochs": 0})
    ours, bare = _in_turns(Case(classifier.train, config, block * STEPS_PER_EPOCH, _bare_classifier), repeats)
    ratio, spread = median_and_spread([mine / theirs for mine, theirs in zip(ours, bare, strict=True)])
    return [_row("train_step_vs_loop", ratio, spread, ours, bare, block * STEPS_PER_EPOCH, "PGD(8)")]


def binary_train_vs_loop(repeats: int = 9) -> list[dict[str, Any]]:
    """Rate of steps of binary AT through Ray Train over that of a bare loop."""
    recipe = digits_binary()
    block = recipe.checkpoint_every_steps
    config = recipe.model_copy(update={"num_steps": block * (repeats + 1), "validation": None})
    ours, bare = _in_turns(Case(binary.train, config, block, _bare_binary), repeats)
    ratio, spread = median_and_spread([theirs / mine for mine, theirs in zip(ours, bare, strict=True)])
    return [_row("binary_train_vs_loop", ratio, spread, ours, bare, block, "K = 10")]


def _in_turns(case: Case, repeats: int) -> tuple[list[float], list[float]]:
    """Seconds of blocks of both sides, taken in turn.

    Both are one process of one thread that makes the updates of the digits recipe. Ours is the job itself, one
    worker under Ray Train: keyed draws, records, ``progress.json``, and a checkpoint handed to Ray Train once a
    block. The loop holds nothing that training could do without: it draws from torch's generator and neither records
    nor saves. They wait for one another, so a busy machine slows both alike; Ray's own processes run beside both.
    """
    os.environ.setdefault("RAY_AUTH_MODE", "disabled")
    folder = Path(tempfile.mkdtemp(prefix="advgen-bench-"))
    arguments = (str(folder), repeats + 1, case.steps_of_a_block, case.bare_steps)
    loop = multiprocessing.get_context("spawn").Process(target=_bare_blocks, args=arguments)
    loop.start()
    try:
        workers = WorkersConfig(num_workers=1, gpus_per_worker=0)
        config = case.config.model_copy(update={"output": str(folder / "out"), "workers": workers})
        task = Task("benchmark", partial(_train_in_turns, case.train), config, str(folder / "out"))
        run_training([task], workers, lambda *_: "", lambda *_: None)
        loop.join()
        return _times(folder / "ray", repeats), _times(folder / "loop", repeats)
    finally:
        loop.kill()
        disconnect()
        shutil.rmtree(folder)


def _row(
    name: str, ratio: float, spread: float, ours: list[float], bare: list[float], steps: int, what: str
) -> dict[str, Any]:
    return {
        "name": name,
        "ratio": ratio,
        "spread": spread,
        "value": 1000 * median_and_spread(ours)[0] / steps,
        "unit": "ms/step",
        "against": f"bare loop, 1 thread: {1000 * median_and_spread(bare)[0] / steps:.1f} ms/step; {what}, "
        f"1 worker, a checkpoint every {steps} steps, median of {len(ours)}",
    }


# Turns: a side writes its seconds of block k into <folder>/<side>/<k>, which lets the other one go on.


def _wait_for(path: Path) -> None:
    while not path.exists():
        time.sleep(POLL_SECONDS)


def _end_block(folder: Path, side: str, block: int, seconds: float) -> None:
    path = folder / side / str(block)
    path.parent.mkdir(exist_ok=True)
    path.with_suffix(".part").write_text(str(seconds))
    path.with_suffix(".part").rename(path)


def _times(folder: Path, repeats: int) -> list[float]:
    """Seconds of the blocks after the first, which warms up."""
    return [float((folder / str(block)).read_text()) for block in range(1, repeats + 1)]


class _InTurns(Session):
    """Ends a block at each checkpoint, once Ray Train has it, and waits for the loop to do its block."""

    block, begin = 0, 0.0

    def report(self, record: Record, save: Save | None) -> None:
        super().report(record, save)
        if save:
            folder = Path(self.task.output).parent
            _end_block(folder, "ray", self.block, time.perf_counter() - self.begin)
            _wait_for(folder / "loop" / str(self.block))
            self.block += 1
            self.begin = time.perf_counter()


def _train_in_turns(train: Callable[[Any, Session], None], config: Config, session: Session) -> None:
    session = _InTurns(session.task, session.worker, session.resume)
    session.begin = time.perf_counter()
    train(config, session)


def _bare_blocks(folder: str, num_blocks: int, steps_of_a_block: int, bare_steps: Callable[[], Iterator[None]]) -> None:
    torch.set_num_threads(1)
    keep_freed_memory()  # a saving, but not one that this measures
    steps = bare_steps()
    for block in range(num_blocks):
        _wait_for(Path(folder) / "ray" / str(block))
        begin = time.perf_counter()
        for _ in range(steps_of_a_block):
            next(steps)
        _end_block(Path(folder), "loop", block, time.perf_counter() - begin)


def _bare_classifier() -> Iterator[None]:
    """The step as a script would write it."""
    config = digits_classifier()
    assert isinstance(config.model, WideResNetConfig)
    digits = load("digits", "", "train")
    images, labels = digits.tensor(), digits.targets()
    info, recipe = digits.info, config.model
    model = WideResNet(info.image_shape, info.num_classes, info.mean, info.std, recipe.depth, recipe.widen_factor)
    optimizer = torch.optim.Adam(model.parameters(), lr=config.optimizer.learning_rate, fused=True)
    attack = PGD(L2(config.attack.eps), config.attack.num_steps, config.attack.resolved_step_size(), torch.randn_like)
    model.train()
    while True:
        for chosen in torch.randperm(len(digits)).tensor_split(STEPS_PER_EPOCH):
            x, y = images[chosen], labels[chosen]
            loss = functional.cross_entropy(model(attack(model, x, cross_entropy(y))), y)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            yield


def _bare_binary() -> Iterator[None]:
    """The step as a script would write it: half of the starts from noise, by halves of the batch."""
    config = digits_binary()
    assert isinstance(config.model, TwoConvConfig)
    assert config.ascent.eps is not None
    digits = load("digits", "", "train")
    images, own = digits.tensor(), digits.targets() == config.class_index
    data, others, info = images[own], images[~own], digits.info
    model = TwoConv(info.image_shape, 1, info.mean, info.std, config.model.channels, config.model.hidden)
    optimizer = torch.optim.Adam(model.parameters(), config.optimizer.learning_rate, config.adam_betas, fused=True)
    half = config.batch_size // 2

    def noise(x: Tensor) -> Tensor:
        return torch.cat([torch.randn_like(x[:half]), torch.full_like(x[half:], 1e-20)])

    attack = PGD(L2(config.ascent.eps), config.ascent.last_steps, config.ascent.step_size, noise, keep_best=True)
    while True:
        x, x_out = (side[torch.randint(len(side), (config.batch_size,))] for side in (data, others))
        f = model(torch.cat([x, attack(model, x_out, logit)]))[:, 0]
        loss = functional.softplus(-f[: len(x)]).mean() + functional.softplus(f[len(x) :]).mean()
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        yield
