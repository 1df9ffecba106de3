"""An adversarial training step through Ray Train against the same step in a bare loop."""

import multiprocessing
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch.nn import functional

from advgen_ray.attacks.objectives import cross_entropy
from advgen_ray.attacks.pgd import PGD
from advgen_ray.attacks.threat_model import L2
from advgen_ray.config import TrainClassifierConfig, WorkersConfig
from advgen_ray.data.datasets import load
from advgen_ray.distributed.cluster import disconnect
from advgen_ray.distributed.session import Session, Task
from advgen_ray.distributed.train import run_training
from advgen_ray.models.wide_resnet import WideResNet
from advgen_ray.recipes.digits import digits_classifier
from advgen_ray.stages import classifier
from advgen_ray.training.loop import Record, Save
from tests.benchmarks.measure import median_and_spread

STEPS_PER_EPOCH = 11
POLL_SECONDS = 0.002


def train_step_vs_loop(repeats: int = 9) -> list[dict[str, Any]]:
    """Time of a step through Ray Train over that of a bare loop; the median of pairs of blocks taken in turn.

    Both are one process of one thread that makes the updates of the digits recipe. Ours is the job itself, one
    worker under Ray Train: keyed draws, records, ``progress.json``, and a checkpoint handed to Ray Train once a
    block. The loop holds nothing that training could do without: it draws from torch's generator and neither records
    nor saves. They wait for one another, so a busy machine slows both alike; Ray's own processes run beside both.
    """
    os.environ.setdefault("RAY_AUTH_MODE", "disabled")
    folder = Path(tempfile.mkdtemp(prefix="advgen-bench-"))
    loop = multiprocessing.get_context("spawn").Process(target=_bare_blocks, args=(str(folder), repeats + 1))
    loop.start()
    try:
        block = digits_classifier().checkpoint_every_epochs
        config = _config(folder, num_epochs=block * (repeats + 1))
        task = Task("benchmark", _train_in_turns, config, config.output)
        run_training([task], config.workers, lambda *_: "", lambda *_: None)
        loop.join()
        ours, bare = (_times(folder / side, repeats) for side in ("ray", "loop"))
    finally:
        loop.kill()
        disconnect()
        shutil.rmtree(folder)
    ratio, spread = median_and_spread([mine / theirs for mine, theirs in zip(ours, bare, strict=True)])
    steps = block * STEPS_PER_EPOCH
    return [
        {
            "name": "train_step_vs_loop",
            "ratio": ratio,
            "spread": spread,
            "value": 1000 * median_and_spread(ours)[0] / steps,
            "unit": "ms/step",
            "against": f"bare loop, 1 thread: {1000 * median_and_spread(bare)[0] / steps:.1f} ms/step; PGD(8), "
            f"1 worker, a checkpoint every {steps} steps, median of {repeats}",
        }
    ]


def _config(folder: Path, num_epochs: int) -> TrainClassifierConfig:
    workers = WorkersConfig(num_workers=1, gpus_per_worker=0)
    changes = {"output": str(folder / "out"), "workers": workers, "num_epochs": num_epochs, "eps_warmup_epochs": 0}
    return TrainClassifierConfig(**(digits_classifier().model_dump() | changes))


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


def _train_in_turns(config: TrainClassifierConfig, session: Session) -> None:
    session = _InTurns(session.task, session.worker, session.resume)
    session.begin = time.perf_counter()
    classifier.train(config, session)


def _bare_blocks(folder: str, num_blocks: int) -> None:
    torch.set_num_threads(1)
    steps = _bare_steps(digits_classifier())
    for block in range(num_blocks):
        _wait_for(Path(folder) / "ray" / str(block))
        begin = time.perf_counter()
        for _ in range(digits_classifier().checkpoint_every_epochs * STEPS_PER_EPOCH):
            next(steps)
        _end_block(Path(folder), "loop", block, time.perf_counter() - begin)


def _bare_steps(config: TrainClassifierConfig) -> Iterator[None]:
    """The step as a script would write it."""
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


if __name__ == "__main__":
    for row in train_step_vs_loop():
        print(row)
