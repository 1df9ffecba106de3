"""Detectors of every digit as one classifier in a model directory, without Ray: random, or taught for some steps."""

from pathlib import Path

import torch
from torch.nn import functional

from advgen_ray.data import datasets
from advgen_ray.data.catalog import CATALOG
from advgen_ray.models.one_vs_rest import OneVsRest
from advgen_ray.models.two_conv import TwoConv
from advgen_ray.training.model_directory import ONE_VS_REST, save_model

DIGITS = CATALOG["digits"]


def save_two_conv(directory: Path) -> str:
    """A plain classifier of random weights of the network that the detectors are."""
    torch.manual_seed(0)
    architecture = {
        "image_shape": list(DIGITS.image_shape), "num_classes": 10, "mean": list(DIGITS.mean), "std": list(DIGITS.std),
        "channels": [4, 8], "hidden": 16,
    }  # fmt: skip
    card = {"kind": "two_conv", "architecture": architecture, "data": {"name": "digits"}}
    save_model(directory, TwoConv(**architecture), card)
    return str(directory)


def save_one_vs_rest(directory: Path, seed: int = 0, num_steps: int = 0) -> str:
    """Ten small detectors; 40 steps of 128 digits, as a plain classifier's, make them right nine times in ten."""
    torch.manual_seed(seed)
    detector = {
        "image_shape": list(DIGITS.image_shape), "num_classes": 1, "mean": list(DIGITS.mean), "std": list(DIGITS.std),
        "channels": [4, 8], "hidden": 16,
    }  # fmt: skip
    model, images = OneVsRest([TwoConv(**detector) for _ in range(10)]), datasets.load("digits", "", "train")
    optimizer = torch.optim.Adam(model.parameters(), 1e-2)
    for step in range(num_steps):
        rows = torch.arange(128).add(128 * step).remainder(len(images)).numpy()
        optimizer.zero_grad()
        functional.cross_entropy(model(images.tensor(rows)), images.targets(rows)).backward()
        optimizer.step()
    card = {
        "kind": ONE_VS_REST,
        "architecture": {
            "image_shape": list(DIGITS.image_shape),
            "num_classes": 10,
            "detector": {"kind": "two_conv", "architecture": detector},
        },
        "data": {"name": "digits"},
        "training": {"training": {"ascent": {"eps": 0.5}}},
    }
    save_model(directory, model, card)
    return str(directory)
