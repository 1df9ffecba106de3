"""Attacks against named peers on real MNIST: the standard suite against pyautoattack, PGD against foolbox.

``ADVGEN_BENCH_DATA`` is the folder that holds ``MNIST/raw`` (default ``data``). The robust model is a small network,
trained once against PGD and kept under ``runs/bench``.
"""

import math
import os
import tempfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from advgen_ray.attacks.objectives import cross_entropy, misclassified
from advgen_ray.attacks.pgd import PGD
from advgen_ray.attacks.threat_model import L2, Linf
from advgen_ray.config import DataConfig, EvaluateRobustnessConfig, PoolConfig
from advgen_ray.data.datasets import LabelledImages, load
from advgen_ray.distributed.cluster import connect, disconnect
from advgen_ray.errors import UserError
from advgen_ray.losses.sat import sat_loss
from advgen_ray.rng import Stream
from advgen_ray.stages import robustness
from advgen_ray.training.checkpoint import load_tensors, save_tensors
from tests.benchmarks.measure import median_and_spread, seconds

KEPT = Path("runs/bench/mnist_robust.safetensors")
EPS = 0.2  # Linf
NUM_IMAGES, NUM_PARTS, CORES = 1002, 3, 2
NUM_EPOCHS, TRAINING_BATCH, TRAINING_STEPS = 4, 128, 7


def autoattack_vs_pyautoattack() -> list[dict[str, Any]]:
    """Time of our job over pyautoattack's ``standard`` on the same images and cores; medians over parts of them.

    Ours: the evaluation job on a cluster that is up, a pool of 2 actors of 1 thread, its start counted. Theirs: one
    process of 2 threads. The ratio holds both how the cores are used and the attacks themselves; ``value`` is our
    robust accuracy, the peer's stands in ``peer_robust_accuracy``.
    """
    from pyautoattack import AutoAttack  # the extra "bench"

    os.environ.setdefault("RAY_AUTH_MODE", "disabled")
    torch.set_num_threads(CORES)
    model, images = _robust_model(), _mnist("test").first(NUM_IMAGES)
    connect()
    ours: list[float] = []
    theirs: list[float] = []
    standing = [0, 0]
    with tempfile.TemporaryDirectory(prefix="advgen-bench-") as folder:
        torch.jit.save(torch.jit.trace(model, images.tensor(range(2))), f"{folder}/model.pt")
        for part, rows in enumerate(np.arange(NUM_IMAGES).reshape(NUM_PARTS, -1)):
            config = _job(Path(folder), part, images, rows)
            x, y = images.tensor(rows), images.targets(rows)
            peer = AutoAttack(model, norm="Linf", eps=EPS, version="standard", device="cpu", seed=0)

            def attack_ours(config: EvaluateRobustnessConfig = config) -> None:
                summary = robustness.run(config)
                standing[0] += round(summary["robust_accuracy"] * summary["count"])

            def attack_theirs(x: Tensor = x, y: Tensor = y, peer: Any = peer) -> None:
                x_adv, _ = peer.run_standard_evaluation(x, y, batch_size=len(x))
                standing[1] += len(x) - round(_success(model, x_adv, y) * len(x))

            sides = [(ours, attack_ours), (theirs, attack_theirs)]
            for times, attack in sides[:: 1 if part % 2 == 0 else -1]:
                times.append(seconds(attack))
            print(f"  part {part + 1}/{NUM_PARTS}: {ours[-1]:.0f} s against {theirs[-1]:.0f} s", flush=True)
    disconnect()
    ratio, spread = median_and_spread([mine / peer for mine, peer in zip(ours, theirs, strict=True)])
    robust, peer_robust = (count / NUM_IMAGES for count in standing)
    return [
        {
            "name": "autoattack_vs_pyautoattack",
            "ratio": ratio,
            "spread": spread,
            "value": robust,
            "unit": "robust accuracy",
            "against": f"pyautoattack 0.2.0 standard: robust accuracy {peer_robust:.4f}, {sum(theirs):.0f} s for ours "
            f"{sum(ours):.0f} s; {NUM_IMAGES} MNIST test images, Linf {EPS}, {CORES} cores",
            "peer_robust_accuracy": peer_robust,
        }
    ]


def _job(folder: Path, part: int, images: LabelledImages, rows: np.ndarray) -> EvaluateRobustnessConfig:
    """The evaluation of some images, handed over as a user's own."""
    root = folder / f"images-{part}"
    root.mkdir()
    for split in ("train", "test"):
        np.savez(
            root / f"{split}.npz", images=images.images[rows], labels=images.labels[rows],
            class_names=np.array(images.info.class_names),
        )  # fmt: skip
    return EvaluateRobustnessConfig(
        data=DataConfig(name="npz", root=str(root)),
        classifier=f"{folder}/model.pt",
        norm="linf",
        eps=EPS,
        batch_size=len(rows),
        shard_images=math.ceil(len(rows) / CORES),
        output=str(folder / f"out-{part}"),
        pool=PoolConfig(min_actors=CORES, max_actors=CORES, gpus_per_actor=0.0),
    )


def pgd_vs_foolbox(repeats: int = 5) -> list[dict[str, Any]]:
    """Time of PGD(40) over foolbox's at equal steps, in L2 and Linf; ``value`` is our success rate.

    Each side gets the images in one call. Ours runs as our evaluation runs it: a sample leaves once it has fallen.
    """
    import foolbox  # the extra "bench"

    model, images = _robust_model(), _mnist("test").first(1000)
    x, y = images.tensor(), images.targets()
    fmodel = foolbox.PyTorchModel(model, bounds=(0, 1), device="cpu")
    rows = []
    for name, ball, peer, eps in (
        ("linf", Linf(EPS), foolbox.attacks.LinfPGD(steps=40, rel_stepsize=0.0625), EPS),
        ("l2", L2(2.0), foolbox.attacks.L2PGD(steps=40, rel_stepsize=0.0625), 2.0),
    ):
        noise = partial(_noise, Stream(0, f"benchmark/{name}"), images.item_ids(range(1000)))
        attack = PGD(ball, 40, 0.0625 * eps, noise)
        found: dict[str, float] = {}

        def ours(attack: PGD = attack, found: dict[str, float] = found) -> None:
            found["ours"] = _success(model, attack(model, x, cross_entropy(y), misclassified(y)), y)

        def theirs(peer: Any = peer, eps: float = eps, found: dict[str, float] = found) -> None:
            torch.manual_seed(0)
            _, x_adv, _ = peer(fmodel, x, y, epsilons=eps)
            found["theirs"] = _success(model, x_adv, y)

        ours(), theirs()
        pairs = [(seconds(ours), seconds(theirs)) for _ in range(repeats)]
        ratio, spread = median_and_spread([mine / other for mine, other in pairs])
        rows.append(
            {
                "name": f"pgd_vs_foolbox_{name}",
                "ratio": ratio,
                "spread": spread,
                "value": found["ours"],
                "unit": "success rate",
                "against": f"foolbox 3.3.4, PGD(40) at eps {eps:g}: success {found['theirs']:.4f}, 1000 MNIST images, "
                f"{1000 / median_and_spread([other for _, other in pairs])[0]:.0f} images/s",
            }
        )
    return rows


def _success(model: nn.Module, x_adv: Tensor, y: Tensor) -> float:
    with torch.no_grad():
        return (model(x_adv).argmax(1) != y).double().mean().item()


def _noise(stream: Stream, ids: Sequence[str], x: Tensor) -> Tensor:
    return stream.normal(ids, x.shape[1:])


def _mnist(split: Any) -> LabelledImages:
    root = os.environ.get("ADVGEN_BENCH_DATA", "data")
    try:
        return load("mnist", root, split)
    except UserError as error:
        raise UserError(f"{error}; this benchmark looks in ADVGEN_BENCH_DATA") from None


def _robust_model() -> nn.Module:
    """Two strided convolutions and two linear layers, trained against PGD(7) in Linf; seeded, so the same anywhere."""
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(1, 16, 4, stride=2, padding=1), nn.ReLU(), nn.Conv2d(16, 32, 4, stride=2, padding=1), nn.ReLU(),
        nn.Flatten(), nn.Linear(32 * 49, 100), nn.ReLU(), nn.Linear(100, 10),
    )  # fmt: skip
    if KEPT.exists():
        model.load_state_dict(load_tensors(KEPT))
    else:
        _train(model)
        KEPT.parent.mkdir(parents=True, exist_ok=True)
        save_tensors(model.state_dict(), KEPT)
    return model.eval().requires_grad_(False)


def _train(model: nn.Module) -> None:
    images, stream = _mnist("train"), Stream(0, "benchmark/training")
    steps_per_epoch = math.ceil(len(images) / TRAINING_BATCH)
    optimizer = torch.optim.Adam(model.parameters(), 1e-3)
    for epoch in range(NUM_EPOCHS):
        order = stream.permutation(len(images), epoch)
        for step in range(steps_per_epoch):
            rows = order[step * TRAINING_BATCH : (step + 1) * TRAINING_BATCH]
            share = min(1.0, (epoch * steps_per_epoch + step + 1) / steps_per_epoch)  # eps grows over the first epoch
            noise = partial(_noise, stream, images.item_ids(rows))
            pgd = PGD(Linf(share * 1.1 * EPS), TRAINING_STEPS, share * 0.3 * EPS, noise)
            x, y = images.tensor(rows), images.targets(rows)
            terms = sat_loss(model, x, y, lambda x, objective, pgd=pgd: pgd(model, x, objective))
            optimizer.zero_grad()
            terms.loss.backward()
            optimizer.step()
        print(f"  training the robust model, epoch {epoch + 1}/{NUM_EPOCHS}: loss {terms.loss.item():.3f}", flush=True)
