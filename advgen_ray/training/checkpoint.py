"""Step checkpoints that resume bitwise: tensors in safetensors, the rest in JSON, nothing that could execute."""

import json
import os
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.optim import Optimizer

from advgen_ray.errors import UserError
from advgen_ray.models.ema import Ema

TENSORS, STATE = "tensors.safetensors", "state.json"
FORMAT = 1


def save_checkpoint(
    directory: Path,
    *,
    model: nn.Module,
    optimizer: Optimizer,
    ema: Ema | None,
    state: dict[str, Any],
    best: dict[str, Tensor] | None = None,
) -> None:
    """Write weights, optimiser, EMA and best weights and ``state`` (plain JSON values) into an existing directory.

    ``state.json`` is written last and atomically: a directory without it is not a checkpoint.
    """
    tensors = {f"model/{name}": value for name, value in model.state_dict().items()}
    for index, values in optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer/{index}/{name}": value for name, value in values.items() if value is not None}
    if ema:
        tensors |= {f"ema/{name}": value for name, value in ema.shadow.items()}
    tensors |= {f"best/{name}": value for name, value in (best or {}).items()}
    save_tensors(tensors, directory / TENSORS)
    content = {"format": FORMAT, "num_ema_updates": ema.num_updates if ema else None, **state}
    write_json(directory / STATE, content)


def load_checkpoint(directory: Path, *, model: nn.Module, optimizer: Optimizer, ema: Ema | None) -> dict[str, Any]:
    """Fill model, optimiser and EMA in place and return the saved state.

    Raises UserError for a checkpoint that is missing, incomplete, damaged, or of another architecture.
    """
    state = read_json(directory / STATE, "checkpoint")
    tensors = load_tensors(directory / TENSORS)
    load_weights(model, _under("model/", tensors), directory)
    if ema:
        try:
            ema.load_state_dict({"num_updates": state["num_ema_updates"], "shadow": _under("ema/", tensors)})
        except (ValueError, TypeError) as error:
            raise UserError(f"{directory}: {error}") from None
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    per_parameter: dict[int, dict[str, Tensor]] = {}
    for key, value in _under("optimizer/", tensors).items():
        index, name = key.split("/", 1)
        like = parameters[int(index)]
        if value.shape == like.shape:
            value = torch.empty_like(like).copy_(value)  # fused kernels need the parameter's memory format
        per_parameter.setdefault(int(index), {})[name] = value
    groups = optimizer.state_dict()["param_groups"]  # hyperparameters come from the config, not from the file
    optimizer.load_state_dict({"state": per_parameter, "param_groups": groups})
    return state


def load_best(directory: Path) -> dict[str, Tensor]:
    """The best weights so far, as a checkpoint holds them; empty where it holds none."""
    return _under("best/", load_tensors(directory / TENSORS))


def load_weights(model: nn.Module, weights: dict[str, Tensor], where: Path) -> None:
    """Fill a model in place; raises UserError naming the first tensor that does not fit, and loads nothing then."""
    expected = model.state_dict()
    for name in sorted(expected.keys() | weights.keys()):
        if name not in weights:
            problem = f"{name} is missing"
        elif name not in expected:
            problem = f"{name} is not part of it"
        elif weights[name].shape != expected[name].shape:
            problem = f"{name} has shape {list(weights[name].shape)}, expected {list(expected[name].shape)}"
        else:
            continue
        raise UserError(f"{where}: weights of another architecture: {problem}; use the settings it was trained with")
    model.load_state_dict(weights)


def save_tensors(tensors: dict[str, Tensor], path: Path) -> None:
    """One safetensors file; tensors that share memory are stored apart."""
    save_file({name: value.detach().cpu().contiguous().clone() for name, value in tensors.items()}, path)


def load_tensors(path: Path) -> dict[str, Tensor]:
    """The tensors of a safetensors file, on the CPU; anything else, pickles included, is refused unread."""
    try:
        return load_file(path)
    except FileNotFoundError:
        raise UserError(f"{path}: not found; expected a safetensors file") from None
    except (SafetensorError, OSError) as error:
        raise UserError(
            f"{path}: truncated, damaged or not a safetensors file ({str(error).splitlines()[0]}); it was not loaded"
        ) from None


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Replace a JSON file atomically."""
    partial = path.with_name(f".{path.name}.partial")
    partial.write_text(json.dumps(content))
    os.replace(partial, path)


def read_json(path: Path, what: str) -> dict[str, Any]:
    """A JSON object; raises UserError where there is none."""
    try:
        content = json.loads(path.read_text())
    except FileNotFoundError:
        raise UserError(f"{path}: not found; {path.parent} is not a complete {what}") from None
    except (OSError, ValueError):
        raise UserError(f"{path}: damaged, expected JSON; {path.parent} is not a complete {what}") from None
    if not isinstance(content, dict):
        raise UserError(f"{path}: damaged, expected a JSON object; {path.parent} is not a complete {what}")
    return content


def _under(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}


def is_complete(directory: Path) -> bool:
    """Whether the checkpoint's last file was written, and its tensors can be opened."""
    try:
        read_json(directory / STATE, "checkpoint")
        load_tensors(directory / TENSORS)
    except UserError:
        return False
    return True
