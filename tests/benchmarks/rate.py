"""How fast the paper's CIFAR-10 network makes counterfactuals on this machine's GPU, or its cores, and out of what."""

import os
import tempfile
from pathlib import Path
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode

from advgen_ray.config import GenerateConfig
from advgen_ray.data.catalog import CATALOG
from advgen_ray.diffusion.vp_sde import VPSDE
from advgen_ray.distributed.ce_generators import evaluations_of, load_generator
from advgen_ray.distributed.memory import WithinMemory
from advgen_ray.models.unet import UNet
from advgen_ray.recipes.cifar10 import cifar10_score_model
from advgen_ray.recipes.cifar10_counterfactuals import cifar10_counterfactuals
from advgen_ray.training.model_directory import load_model, save_model
from tests.benchmarks.measure import median_and_spread, seconds

WAYS: dict[str, dict[str, Any]] = {
    "fp32": {},
    "fp32_compiled": {"compiled": True},
    "bf16": {"precision": "bf16"},
    "bf16_compiled": {"precision": "bf16", "compiled": True},
}
ALL_CES = 200_000
DOLLARS_AN_HOUR = float(os.environ.get("ADVGEN_BENCH_DOLLARS", "3"))  # of one such GPU, rented


def generation_rate(repeats: int = 3) -> list[dict[str, Any]]:
    """CEs a second of one device by the recipe's sampler, random weights; ``ratio`` is of its measured matrix rate.

    The rate of what an actor calls: draws, guidance, neighborhood and all. On a GPU a batch of 1,000, or as many of
    them as it holds, against the rate of matrix products in the way's own type. On a CPU two steps of 8 CEs in float32
    stand for the whole; its convolutions take fewer operations than are counted, so the share may exceed 1.
    """
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    num_images, num_steps = (1000, 50) if device.type == "cuda" else (8, 2)
    recipe, rows = cifar10_counterfactuals(), []
    whole = evaluations_of(recipe, VPSDE())
    with tempfile.TemporaryDirectory(prefix="advgen-bench-") as folder:
        model = Path(folder) / "model"
        digest = _save_random_model(model)
        for way, changes in WAYS.items():
            if device.type == "cpu" and changes.get("precision") == "bf16":
                continue  # without units for it, it takes several times as long, and says nothing of a GPU
            sampler = recipe.sampler.model_copy(update={"num_steps": num_steps})
            config = recipe.model_copy(update={"score_model": str(model), "sampler": sampler, **changes})
            make = WithinMemory(load_generator(config, {"score_model": digest}, device).make)
            spent, spread = _seconds_a_ce(make, num_images, device, repeats)
            spent *= whole / evaluations_of(config, VPSDE())
            rows.append(_row(way, config, spent, spread, min(make.most, num_images), device))
    return rows


def _seconds_a_ce(make: WithinMemory, num_images: int, device: torch.device, repeats: int) -> tuple[float, float]:
    """Of one batch, after one that is not measured: it finds the size that fits, and is compiled."""
    sources = torch.rand(num_images, *CATALOG["cifar10"].image_shape).to(device)
    y_target = torch.arange(num_images, device=device) % CATALOG["cifar10"].num_classes
    item_ids = [f"item-{index}" for index in range(num_images)]

    def batch() -> None:
        make(sources, y_target, item_ids).cpu()

    batch()
    spent, spread = median_and_spread([seconds(batch) for _ in range(repeats)])
    return spent / num_images, spread / spent


def _row(
    way: str, config: GenerateConfig, seconds_a_ce: float, spread: float, at_once: int, device: torch.device
) -> dict[str, Any]:
    dtype = torch.bfloat16 if config.precision == "bf16" else torch.float32
    matrix_rate = _matrix_rate(dtype, device)
    per_evaluation = _flops_of_an_evaluation()
    share = per_evaluation * evaluations_of(cifar10_counterfactuals(), VPSDE()) / seconds_a_ce / matrix_rate
    hours = ALL_CES * seconds_a_ce / 3600
    cost = f", {hours * DOLLARS_AN_HOUR:.3g} dollars at {DOLLARS_AN_HOUR:g} an hour"
    name = torch.cuda.get_device_name() if device.type == "cuda" else f"{torch.get_num_threads()} CPU threads"
    return {
        "name": f"generation_rate_{way}",
        "ratio": share,
        "spread": share * spread,
        "value": 1 / seconds_a_ce,
        "unit": "CEs/s",
        "against": f"matrix rate {matrix_rate / 1e12:.3g} TFLOP/s of {name}; {at_once} at once; "
        f"{ALL_CES} CEs in {hours:.3g} hours{cost if device.type == 'cuda' else ''}",
    }


def _matrix_rate(dtype: torch.dtype, device: torch.device) -> float:
    """Operations a second of square matrix products in this type: the median of five."""
    size, repeats = (8192, 20) if device.type == "cuda" else (2048, 3)
    a, b = (torch.randn(size, size, device=device, dtype=dtype) for _ in range(2))

    def products() -> None:
        for _ in range(repeats):
            torch.mm(a, b)
        if device.type == "cuda":
            torch.cuda.synchronize()

    products()
    spent, _ = median_and_spread([seconds(products) for _ in range(5)])
    return 2 * size**3 * repeats / spent


def _flops_of_an_evaluation() -> int:
    """Of the recipe's network for one image: 9.76e9."""
    shape = CATALOG["cifar10"].image_shape
    with torch.device("meta"), FlopCounterMode(display=False) as counter:
        network = UNet(**_architecture())
        network(torch.zeros(1, *shape), torch.zeros(1), torch.zeros(1, dtype=torch.int64))
    return int(counter.get_total_flops())


def _architecture() -> dict[str, Any]:
    info = CATALOG["cifar10"]
    return {
        "image_shape": list(info.image_shape),
        "num_classes": info.num_classes,
        **cifar10_score_model().model.model_dump(mode="json"),
    }


def _save_random_model(directory: Path) -> str:
    torch.manual_seed(0)
    training = cifar10_score_model().model_dump(mode="json")
    card = {"kind": "unet", "architecture": _architecture(), "data": {"name": "cifar10"}, "training": training}
    save_model(directory, UNet(**_architecture()), card)
    return load_model(directory).digest
