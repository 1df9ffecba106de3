"""The Inception network of published FIDs, from a local file of its weights."""

import hashlib
from pathlib import Path

from advgen_ray.models.fid_inception import FIDInception
from advgen_ray.training.checkpoint import load_weights
from advgen_ray.training.foreign_weights import read_state
from advgen_ray.training.model_directory import LoadedModel


def load_fid_inception(path: str | Path) -> LoadedModel:
    """pytorch-fid's ``pt_inception-2015-12-05-*.pth``, or the same tensors in safetensors; nothing else is unpickled.

    Raises UserError for a file that is missing, holds more than tensors, or those of another network.
    """
    path = Path(path)
    state = {f"network.{name}": value for name, value in read_state(path).items()}
    model = FIDInception()
    # The file is of before batch norm had counters.
    counters = {name: value for name, value in model.state_dict().items() if name.endswith("num_batches_tracked")}
    load_weights(model, counters | state, path)
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return LoadedModel(model.eval().requires_grad_(False), {"kind": "fid_inception", "weights_sha256": digest}, digest)
