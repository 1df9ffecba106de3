"""What PGD costs above the passes it cannot do without: k forward and input-gradient passes."""

import statistics
import time
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from advgen_ray.attacks.objectives import cross_entropy
from advgen_ray.attacks.pgd import PGD
from advgen_ray.attacks.threat_model import L2
from advgen_ray.models.wide_resnet import WideResNet
from advgen_ray.rng import Stream
from tests.benchmarks.measure import median_and_spread

NUM_STEPS = 8


def pgd_vs_passes() -> list[dict[str, Any]]:
    """Time of PGD(8) in L2 with a random start over 8 bare passes; the median of interleaved pairs.

    One row on the CPU (the digits classifier) and, where there is a GPU, one more (WRN-40-2 on 3x32x32, bf16).
    ``value`` is attacked images a second.
    """
    rows = [_row("cpu", (1, 8, 8), depth=10, batch_size=128, num_repeats=31)]
    if torch.cuda.is_available():
        rows.append(_row("cuda", (3, 32, 32), depth=40, batch_size=512, num_repeats=15))
    return rows


def _row(
    device: str, image_shape: tuple[int, int, int], *, depth: int, batch_size: int, num_repeats: int
) -> dict[str, Any]:
    channels = image_shape[0]
    model = WideResNet(image_shape, 10, (0.5,) * channels, (0.25,) * channels, depth=depth, widen_factor=2).to(device)
    stream = Stream(0, "benchmark")
    x = stream.uniform(range(batch_size), image_shape).to(device)
    y = (torch.arange(batch_size) % 10).to(device)
    noise = stream.normal(range(batch_size), image_shape, step=1).to(device)
    attack = PGD(L2(0.5), NUM_STEPS, step_size=0.15, start_noise=lambda _: noise)

    with torch.autocast(device, dtype=torch.bfloat16, enabled=device == "cuda"):
        attacked, bare = _interleaved(
            lambda: attack(model, x, cross_entropy(y)), lambda: _passes(model, x, y), num_repeats, device
        )
    ratio, spread = median_and_spread([a / b for a, b in zip(attacked, bare, strict=True)])
    return {
        "name": "pgd_vs_passes" if device == "cpu" else f"pgd_vs_passes_{device}",
        "ratio": ratio,
        "value": batch_size / statistics.median(attacked),
        "unit": "images/s",
        "against": f"{NUM_STEPS} forward and input-gradient passes, WRN-{depth}-2, batch {batch_size}, {device}",
        "spread": spread,
    }


def _passes(model: nn.Module, x: Tensor, y: Tensor) -> None:
    """The floor: nothing but the network and the gradient of its loss with respect to its input."""
    model.eval()
    leaf = x.clone().requires_grad_()
    for _ in range(NUM_STEPS):
        torch.autograd.grad(nn.functional.cross_entropy(model(leaf), y, reduction="sum"), leaf)


def _interleaved(
    first: Callable[[], object], second: Callable[[], object], num_repeats: int, device: str
) -> tuple[list[float], list[float]]:
    """Seconds of each, taken in turn and in alternating order, so that both meet the same disturbances."""
    for warm_up in (first, second, first, second):
        warm_up()
    times: tuple[list[float], list[float]] = ([], [])
    for repeat in range(num_repeats):
        for which in (0, 1) if repeat % 2 == 0 else (1, 0):
            times[which].append(_seconds((first, second)[which], device))
    return times


def _seconds(work: Callable[[], object], device: str) -> float:
    if device == "cpu":
        start = time.perf_counter()
        work()
        return time.perf_counter() - start
    start_event, end_event = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    torch.cuda.synchronize()
    start_event.record()
    work()
    end_event.record()
    torch.cuda.synchronize()
    return start_event.elapsed_time(end_event) / 1000


if __name__ == "__main__":
    for row in pgd_vs_passes():
        print(row)
