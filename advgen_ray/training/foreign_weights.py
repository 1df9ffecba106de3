"""Weights of classifiers trained elsewhere, in the layouts that RobustBench's models and torchvision's ResNets have.

The architecture is read from the names and shapes; nothing but tensors is ever unpickled.
"""

import pickle
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from advgen_ray.errors import UserError
from advgen_ray.models import preact_resnet, resnet
from advgen_ray.models.image_classifier import ImageClassifier
from advgen_ray.models.preact_resnet import PreActResNet
from advgen_ray.models.resnet import ResNet
from advgen_ray.models.wide_resnet import WideResNet
from advgen_ray.training.checkpoint import load_tensors, load_weights

State = dict[str, Tensor]
Renames = list[tuple[str, str]]

WRAPPED_IN = ("state_dict", "model_state_dict", "model", "net")  # keys under which trainings keep the weights
PREFIXES = ("module.", "model.", "attacker.model.")
MEANS, STDS = ("mean", "mu", "normalizer.new_mean"), ("std", "sigma", "normalizer.new_std")

WIDE_RESNET: Renames = [
    (r"block(?P<n>\d)\.layer\.(\d+)\.convShortcut\.", r"stages.{n}.\2.shortcut."),
    (r"block(?P<n>\d)\.layer\.(\d+)\.bn(\d)\.", r"stages.{n}.\2.norm\3."),
    (r"block(?P<n>\d)\.layer\.(\d+)\.", r"stages.{n}.\2."),
    (r"bn1\.", "norm."),
    (r"conv1\.", "stem."),
]
BLOCKS: Renames = [
    (r"layer(?P<n>\d)\.(\d+)\.bn(\d)\.", r"stages.{n}.\2.norm\3."),
    (r"layer(?P<n>\d)\.(\d+)\.downsample\.", r"stages.{n}.\2.shortcut."),
    (r"layer(?P<n>\d)\.(\d+)\.", r"stages.{n}.\2."),
]
RESNET: Renames = [*BLOCKS, (r"conv1\.", "stem.0."), (r"bn1\.", "stem.1.")]
PREACT_RESNET: Renames = [
    (r"layer(?P<n>\d)\.(\d+)\.shortcut\.0\.", r"stages.{n}.\2.shortcut."),
    *BLOCKS,
    (r"conv1\.", "stem."),
    (r"bn\.", "norm."),
]
HEADS: Renames = [(r"(?:fc|linear)\.", "head.")]


def load_robustbench_state(
    path: str | Path,
    image_shape: Sequence[int] = (3, 32, 32),
    mean: Sequence[float] | None = None,
    std: Sequence[float] | None = None,
) -> ImageClassifier:
    """The classifier whose weights lie in a ``.pt`` or ``.safetensors`` file, in evaluation mode.

    Known are RobustBench's WideResNet, ResNet and PreActResNet (final norm: PreActBlockV2, none: PreActBlock), and
    torchvision's ResNets. ``mean`` and ``std`` are those in the file; where it has none, those given. Raises UserError
    where neither says what the network normalizes by (no tensor tells, and RobustBench has networks that do not
    normalize), for any other layout, and for a file that holds more than tensors.
    """
    path = Path(path)
    state = read_state(path)
    mean = _statistics(state, MEANS, mean)
    std = _statistics(state, STDS, std)
    recognized = _recognized(state)
    if recognized is None:
        raise UserError(
            f"{path}: no layout known here ({', '.join(list(state)[:3])}, ...); expected the state dict of a "
            "WideResNet, ResNet-18/34/50 or PreActResNet-18/34 as RobustBench or torchvision names it"
        )
    build, facts, renames = recognized
    renamed = {_renamed(name, [*renames, *HEADS]): value for name, value in state.items()}
    if mean is None or std is None:
        channels = image_shape[0]
        raise UserError(
            f"{path}: does not say what it normalizes by; save that in the file as mu and sigma: "
            f"torch.save({{**state, 'mu': torch.zeros({channels}), 'sigma': torch.ones({channels})}}, ...) where it "
            "takes images in [0, 1] as they are"
        )
    try:
        model = build(image_shape, mean=mean, std=std, **facts)
    except ValueError as error:
        raise UserError(f"{path}: {error}") from None
    own = model.state_dict()
    # Files from before 2018 lack the counters, some networks a bias in the last layer, and all our buffers' names.
    optional = [name for name in own if name.endswith("num_batches_tracked") or name in ("mean", "std")]
    renamed = {name: own[name] for name in optional} | {"head.bias": torch.zeros_like(own["head.bias"])} | renamed
    load_weights(model, renamed, path)
    return model.eval()


def read_state(path: Path) -> State:
    """The tensors of a file by name, unwrapped and without the prefixes of wrappers; raises UserError for all else."""
    content: Any
    if path.suffix == ".safetensors":
        content = load_tensors(path)
    else:
        try:
            content = torch.load(path, map_location="cpu", weights_only=True)
        except FileNotFoundError:
            raise UserError(f"{path}: not found; expected a state dict") from None
        except (pickle.UnpicklingError, RuntimeError, EOFError, OSError, ValueError, KeyError, IndexError):
            raise UserError(
                f"{path}: holds more than tensors, or is damaged; not loaded, since a pickle can execute anything: "
                "save its state_dict() alone"
            ) from None
    for key in WRAPPED_IN:
        if isinstance(content, dict) and isinstance(content.get(key), dict):
            content = content[key]
    if not isinstance(content, dict) or not content:
        raise UserError(f"{path}: expected a state dict, got {type(content).__name__}")
    state: State = {}
    for name, value in content.items():
        while prefix := next((prefix for prefix in PREFIXES if str(name).startswith(prefix)), None):
            name = name.removeprefix(prefix)
        if isinstance(value, Tensor) and not str(name).startswith("sub_block1."):  # TRADES' network has it, unused
            state[str(name)] = value
    return state


def _statistics(state: State, names: Sequence[str], given: Sequence[float] | None) -> Sequence[float] | None:
    """Means or deviations out of the state, one a channel; those given where it has none."""
    found = [state.pop(name) for name in names if name in state]
    return tuple(found[0].flatten().tolist()) if found else given


def _recognized(state: State) -> tuple[Callable[..., ImageClassifier], dict[str, Any], Renames] | None:
    """The network, what its constructor needs beside images' facts, and how the tensors are renamed."""
    head = next((state[name] for name in ("fc.weight", "linear.weight") if name in state), torch.empty(0))
    stem = state.get("conv1.weight", torch.empty(0))
    if head.dim() != 2 or stem.dim() != 4:
        return None
    facts = {"num_classes": len(head), "base_channels": len(stem)}
    if "block1.layer.0.conv1.weight" in state:
        depth = 6 * _count(state, r"block1\.layer\.(\d+)\.") + 4
        widen_factor = len(state["block1.layer.0.conv1.weight"]) // len(stem)
        return WideResNet, facts | {"depth": depth, "widen_factor": widen_factor}, WIDE_RESNET
    plain, bottleneck = "bn1.weight" in state, "layer1.0.conv3.weight" in state
    blocks = tuple(_count(state, rf"layer{stage}\.(\d+)\.") for stage in (1, 2, 3, 4))
    known = resnet.BLOCKS if plain else preact_resnet.BLOCKS
    depths = [d for d in known if known[d] == blocks and bottleneck == (d >= resnet.BOTTLENECK_FROM)]
    if not depths:
        return None
    if plain:
        stem_kind = "imagenet" if stem.shape[-1] == 7 else "small_images"
        return ResNet, facts | {"depth": depths[0], "stem": stem_kind}, RESNET
    final_norm = "bn.weight" in state
    variant = {"final_norm": final_norm, "activated_shortcuts": final_norm}
    return PreActResNet, facts | {"depth": depths[0], **variant}, PREACT_RESNET


def _count(state: State, pattern: str) -> int:
    """How many blocks a stage has."""
    return len({found.group(1) for name in state if (found := re.match(pattern, name))})


def _renamed(name: str, renames: Renames) -> str:
    for pattern, replacement in renames:
        found = re.match(pattern, name)
        if found:
            if "n" in found.groupdict():
                replacement = replacement.replace("{n}", str(int(found["n"]) - 1))
            return re.sub(f"^{pattern}", replacement, name)
    return name
