"""A model directory as one file that needs none of our code: a graph of tensor operations."""

import io
import warnings
from dataclasses import dataclass
from pathlib import Path

import torch
from torch.export import Dim

from advgen_ray.models.unet import UNet
from advgen_ray.training.model_directory import load_model

ANY = -1  # in a shape: a batch of any size

Tensors = dict[str, tuple[str, tuple[int, ...]]]
"""Dtype and shape by name; a single one is called ``""``."""


@dataclass(frozen=True)
class Program:
    """What ``torch.export.save`` wrote, what it takes and gives, and where it is from."""

    content: bytes
    inputs: Tensors
    outputs: Tensors
    facts: dict[str, str]


def export_program(directory: str | Path) -> Program:
    """The model of a directory as a program on the CPU, in evaluation mode, for a batch of any size.

    A classifier takes images ``[N, C, H, W]`` in [0, 1] and gives logits ``[N, K]``, a score model takes ``x_t, t, y``
    as ``UNet`` does and gives ``[N, C, H, W]``. Raises UserError as ``load_model`` does.

    Call it where no other thread computes: while a network is traced, torch replaces methods of all modules.
    """
    loaded = load_model(directory)
    architecture = loaded.card["architecture"]
    image = tuple(architecture["image_shape"])
    inputs: Tensors = {"": ("float32", (ANY, *image))}
    outputs: Tensors = {"": ("float32", (ANY, architecture["num_classes"]))}
    if isinstance(loaded.model, UNet):
        inputs = {"x_t": ("float32", (ANY, *image)), "t": ("float32", (ANY,)), "y": ("int64", (ANY,))}
        outputs = {"": ("float32", (ANY, *image))}
    # Two rows: a batch of one would be taken for a constant.
    examples = tuple(torch.zeros(2, *shape[1:], dtype=getattr(torch, dtype)) for dtype, shape in inputs.values())
    batch = Dim("batch")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of weights that are not laid out row by row, which are stored as they are
        program = torch.export.export(loaded.model, examples, dynamic_shapes=tuple({0: batch} for _ in examples))
        for part in program.graph_module.modules():
            for node in part.graph.nodes if isinstance(part, torch.fx.GraphModule) else ():
                node.meta.pop("stack_trace", None)  # names files of this machine
        buffer = io.BytesIO()
        torch.export.save(program, buffer)
    facts = {"kind": loaded.card["kind"], "weights_sha256": loaded.digest}
    if "config_digest" in loaded.card:
        facts["config_digest"] = loaded.card["config_digest"]
    return Program(buffer.getvalue(), inputs, outputs, facts)
