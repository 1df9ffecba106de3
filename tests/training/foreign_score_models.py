"""Score models of others in directories: random diffusers U-Nets with their schedulers, and stored EDM denoisers."""

import json
from pathlib import Path
from typing import Any

import diffusers
import torch
from torch import Tensor, nn

SHAPE = (1, 8, 8)
SIGMA_DATA = 0.5


def save_unet(directory: Path, num_class_embeds: int | None = 11, seed: int = 0, **schedule: Any) -> str:
    """A U-Net of random weights for 8x8 digits and a scheduler config: a directory of a model."""
    torch.manual_seed(seed)
    unet = diffusers.UNet2DModel(
        sample_size=8,
        in_channels=1,
        out_channels=1,
        block_out_channels=(8, 8),
        down_block_types=("DownBlock2D", "AttnDownBlock2D"),
        up_block_types=("AttnUpBlock2D", "UpBlock2D"),
        layers_per_block=1,
        norm_num_groups=4,
        attention_head_dim=4,
        num_class_embeds=num_class_embeds,
    )
    unet.save_pretrained(directory)
    diffusers.DDPMScheduler(**schedule).save_pretrained(directory / "scheduler")
    return str(directory)


class Denoiser(nn.Module):
    """Karras et al.'s preconditioning (table 1) around a small network; ``num_classes`` 0 takes no labels."""

    def __init__(self, num_classes: int) -> None:
        super().__init__()
        self.first, self.last = nn.Conv2d(1, 8, 3, padding=1), nn.Conv2d(8, 1, 3, padding=1)
        self.noise, self.label = nn.Linear(1, 8), nn.Linear(num_classes, 8) if num_classes else None

    def forward(self, x: Tensor, sigma: Tensor, class_labels: Tensor | None = None) -> Tensor:
        sigma = sigma.reshape(-1, 1, 1, 1)
        total = (sigma**2 + SIGMA_DATA**2).sqrt()
        hidden = self.first(x / total) + self.noise(sigma.log().flatten(1) / 4)[:, :, None, None]
        if self.label is not None:
            assert class_labels is not None
            hidden = hidden + self.label(class_labels)[:, :, None, None]
        raw = self.last(torch.nn.functional.silu(hidden))
        return (SIGMA_DATA / total) ** 2 * x + sigma * SIGMA_DATA / total * raw


def random_denoiser(num_classes: int = 10, seed: int = 0) -> Denoiser:
    torch.manual_seed(seed)
    return Denoiser(num_classes).eval()


def save_denoiser(directory: Path, num_classes: int = 10, seed: int = 0, script: bool = False, **card: Any) -> str:
    """A random denoiser as an exported or a TorchScript program with its card."""
    directory.mkdir(parents=True, exist_ok=True)
    save_program(random_denoiser(num_classes, seed), directory, num_classes, script)
    whole = {"sigma_min": 0.002, "sigma_max": 80.0, "num_classes": num_classes} | card
    (directory / "denoiser.json").write_text(json.dumps(whole))
    return str(directory)


def save_program(model: nn.Module, directory: Path, num_classes: int, script: bool = False) -> None:
    inputs = (torch.zeros(2, *SHAPE), torch.ones(2)) + ((torch.zeros(2, num_classes),) if num_classes else ())
    if script:
        torch.jit.save(torch.jit.trace(model, inputs), directory / "denoiser.pt")
    else:
        shapes = tuple({0: torch.export.Dim("n", min=1)} for _ in inputs)
        torch.export.save(torch.export.export(model, inputs, dynamic_shapes=shapes), directory / "denoiser.pt2")
