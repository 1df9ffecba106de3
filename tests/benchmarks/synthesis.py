"""What the rows of targeted synthesis cost above the ascent itself: judge, features, provenance, columns."""

import os
import tempfile
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from advgen_ray.config import LogitAscentConfig, SynthesizeConfig
from advgen_ray.distributed.synthesis_starts import load_starts
from advgen_ray.stages.synthesis import maps_of
from advgen_ray.training.model_directory import load_model
from tests.benchmarks.measure import interleaved, median_and_spread
from tests.models_on_disk import save_classifier

NUM_IMAGES, ASCENT = 250, LogitAscentConfig(num_steps=10, step_size=0.25)
LIMIT = 0.75  # ten steps are thirty forward passes; the rows take five more: three logits and two judgements


def synthesis_rate(repeats: int = 9) -> list[dict[str, Any]]:
    """Samples a second of a row maker of the job over those of a bare PGD loop on the same model and batch.

    The loop holds nothing that an ascent could do without. Ours also draws the starts, reads start and image by the
    model and by a judge, reads features and makes the columns. Random weights: the time does not depend on them.
    """
    os.environ.setdefault("RAY_AUTH_MODE", "disabled")
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory(prefix="advgen-bench-") as folder:
        root = Path(folder)
        config = SynthesizeConfig(
            models=(save_classifier(root / "made" / "model"),),
            ascents=(ASCENT,),
            num_images=NUM_IMAGES,
            judge=save_classifier(root / "judge" / "model", seed=1),
            feature_classifier=save_classifier(root / "features" / "model", seed=2),
            num_interpolations=0,
            batch_size=NUM_IMAGES,
            shard_images=NUM_IMAGES,
            output=str(root / "out"),
        )
        rows = maps_of(config)[1].load(torch.device("cpu"))
        starts = load_starts(config)
        items = starts.order
        x, y = starts(items), torch.from_numpy(starts.classes(items))
        model = load_model(config.models[0]).model
        ours, bare = interleaved(lambda: rows(0), lambda: _ascend(model, x, y), repeats)
    ratio, spread = median_and_spread([theirs / mine for mine, theirs in zip(ours, bare, strict=True)])
    verdict = "" if ratio >= LIMIT else f"; below the limit of {LIMIT}"
    return [
        {
            "name": "synthesis_rate",
            "ratio": ratio,
            "spread": spread,
            "value": NUM_IMAGES / median_and_spread(ours)[0],
            "unit": "samples/s",
            "against": f"bare PGD({ASCENT.num_steps}), 1 thread: {NUM_IMAGES / median_and_spread(bare)[0]:.0f} "
            f"samples/s; batch {NUM_IMAGES}, median of {len(ours)}{verdict}",
        }
    ]


def _ascend(model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    for _ in range(ASCENT.num_steps):
        x = x.detach().requires_grad_()
        (gradient,) = torch.autograd.grad(model(x).gather(1, y[:, None]).sum(), x)
        direction = gradient / gradient.flatten(1).norm(dim=1).clamp(min=1e-10).view(-1, 1, 1, 1)
        x = (x.detach() + ASCENT.step_size * direction).clamp(0, 1)
    return x
