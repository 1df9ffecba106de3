"""What a shard of counterfactuals holds, and what it does not depend on; without Ray."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch

import advgen_ray.config.counterfactuals as config_module
from advgen_ray.config import GenerateConfig, NeighborhoodConfig, SamplerConfig
from advgen_ray.data import datasets
from advgen_ray.distributed.counterfactual_rows import CounterfactualRows
from advgen_ray.errors import UserError
from advgen_ray.rng import Stream
from advgen_ray.stages.counterfactuals import prepare
from advgen_ray.storage.schemas import column_to_images
from tests.models_on_disk import generate_config, save_score_model

SHAPE = (1, 8, 8)


def _rows(config: GenerateConfig, order: tuple[int, ...] | None = None) -> pa.Table:
    result_set = prepare(config)
    maker = CounterfactualRows(config, result_set, torch.device("cpu"))
    tables = {index: maker(index) for index in order or range(result_set.num_shards)}
    return pa.concat_tables([tables[index] for index in sorted(tables)])


def test_rows_carry_their_keys_distances_and_provenance(score_model: str, tmp_path: Path) -> None:
    config = generate_config(score_model, tmp_path / "ce")
    rows = _rows(config)
    data = datasets.load("digits", "", "train")
    keys = [(s, y, r) for s in range(3) for y in range(10) for r in range(2)]
    assert rows["item_id"].to_pylist() == [f"digits-train-{s:06d}/{y}/{r}" for s, y, r in keys]
    assert list(zip(*(rows[c].to_pylist() for c in ("source_index", "y_target", "replicate")), strict=True)) == keys
    assert rows["source_label"].to_pylist() == [int(data.labels[s]) for s, _, _ in keys]
    x_ce, x = column_to_images(rows["x_ce"], SHAPE), data.tensor(rows["source_index"].to_numpy()).numpy()
    assert x_ce.min() >= 0
    assert x_ce.max() <= 1
    change = np.abs(x_ce - x).reshape(len(x), -1).astype(np.float64)
    np.testing.assert_allclose(rows["l2"], np.sqrt((change**2).sum(1)), rtol=1e-5)
    np.testing.assert_allclose(rows["l1"], change.sum(1), rtol=1e-5)
    np.testing.assert_allclose(rows["linf"], change.max(1), rtol=1e-5)
    np.testing.assert_allclose(rows["l0"], (change > 0.02).mean(1), atol=1e-6)
    assert set(rows["config_digest"].to_pylist()) == {config.digest()}
    assert set(rows["model_digest"].to_pylist()) == {prepare(config).plan["inputs"]["score_model"]}
    assert set(rows["seed"].to_pylist()) == {3}


@pytest.mark.parametrize("batch_size", [1, 7, 40])
def test_batches_decide_nothing(
    score_model: str, tmp_path: Path, batch_size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[dict[Any, torch.Tensor]] = []
    normal = Stream.normal

    def recorded(self: Stream, items: Any, shape: Any, step: int = 0) -> torch.Tensor:
        noise = normal(self, items, shape, step)
        drawn[-1] |= {(item, step): row for item, row in zip(items, noise, strict=True)}
        return noise

    monkeypatch.setattr(Stream, "normal", recorded)
    drawn.append({})
    images = column_to_images(_rows(generate_config(score_model, tmp_path / "a"))["x_ce"], SHAPE)
    drawn.append({})
    config = generate_config(score_model, tmp_path / "b", batch_size=batch_size, shard_images=31)
    again = column_to_images(_rows(config, order=(1, 0))["x_ce"], SHAPE)
    assert drawn[0].keys() == drawn[1].keys()
    assert len(drawn[0]) == 60 * 10  # the start and nine steps' noise for each CE
    assert all(torch.equal(drawn[0][key], drawn[1][key]) for key in drawn[0])
    np.testing.assert_allclose(images, again, atol=1e-5, rtol=0)
    interior = (images > 0.01) & (images < 0.99)
    assert interior.mean() > 0.1  # else the comparison would be one of clipped pixels


def test_every_choice_of_the_config_reaches_the_images(score_model: str, tmp_path: Path) -> None:
    changes: list[dict[str, Any]] = [
        {},
        {"seed": 4},
        {"guidance_scale": 0.5},
        {"combination": "paper_literal"},
        {"neighborhood": NeighborhoodConfig(sigma_ce=0.1)},
        {"neighborhood": NeighborhoodConfig(kind="gaussian")},
        {"neighborhood": NeighborhoodConfig(kind="boltzmann_exact")},
        {"sampler": SamplerConfig(kind="euler_maruyama", num_steps=10)},
        {"neighborhood": NeighborhoodConfig(kind="bounded")},
        {"sampler": SamplerConfig(num_steps=9)},
        *({"sampler": SamplerConfig(kind=kind)} for kind in ("dpm_solver_sde", "dpm_solver_ode", "heun")),
        {"sampler": SamplerConfig(times="log_snr")},
        {"sampler": SamplerConfig(start_time=0.5)},
        {"sampler": SamplerConfig(network_every=2)},
        {"guidance_until": 0.2},
        {"precision": "bf16"},
        {"split": "test"},
    ]
    seen = [
        _rows(generate_config(score_model, tmp_path / str(i), num_sources=1, **change), order=(0,))["x_ce"].to_pylist()
        for i, change in enumerate(changes)
    ]
    for first in range(len(seen)):
        for second in range(first):
            assert seen[first] != seen[second], (changes[first], changes[second])


@pytest.mark.parametrize(("device", "at_once"), [("cpu", 20), ("cuda", 25)])
def test_without_a_batch_size_a_gpu_gets_all_of_a_shard_at_once(
    score_model: str, tmp_path: Path, device: str, at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(config_module, "USUAL_BATCH", 20)
    config = generate_config(score_model, tmp_path / "ce", batch_size=None)
    rows = CounterfactualRows(config, prepare(config), torch.device("cpu"))
    batches: list[int] = []

    def recorded(numbers: np.ndarray) -> pa.Table:
        batches.append(len(numbers))
        return pa.table({"number": numbers})

    monkeypatch.setattr(rows, "_batch", recorded)
    rows.device = torch.device(device)
    rows(0)
    assert batches == [at_once, 25 - at_once][: 1 if at_once == 25 else 2]


@pytest.mark.long
def test_a_compiler_that_is_missing_is_one_line(score_model: str, tmp_path: Path) -> None:
    script = (
        "import sys, torch\n"
        "from pathlib import Path\n"
        "from advgen_ray.distributed.counterfactual_rows import CounterfactualRows\n"
        "from advgen_ray.errors import UserError\n"
        "from advgen_ray.stages.counterfactuals import prepare\n"
        "from tests.models_on_disk import generate_config\n"
        "config = generate_config(sys.argv[1], Path(sys.argv[2]), compiled=True)\n"
        "try:\n"
        "    CounterfactualRows(config, prepare(config), torch.device('cpu'))(0)\n"
        "except UserError as error:\n"
        "    print(error)\n"
    )
    environment = os.environ | {"CXX": "no-such-compiler", "TORCHINDUCTOR_CACHE_DIR": str(tmp_path / "compiled")}
    command = [sys.executable, "-c", script, score_model, str(tmp_path / "ce")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, env=environment)
    (message,) = done.stdout.splitlines()
    assert message.startswith("compiled=true: torch cannot compile the score model here (InvalidCxxCompiler: No ")
    assert message.endswith("--set compiled=false goes without")


@pytest.mark.long
def test_compiled_counterfactuals_are_the_same_but_for_rounding(score_model: str, tmp_path: Path) -> None:
    plain = column_to_images(_rows(generate_config(score_model, tmp_path / "a"))["x_ce"], SHAPE)
    fast = column_to_images(_rows(generate_config(score_model, tmp_path / "b", compiled=True))["x_ce"], SHAPE)
    np.testing.assert_allclose(plain, fast, atol=1e-4, rtol=0)


def test_a_model_that_changed_since_the_plan_is_refused(tmp_path: Path) -> None:
    config = generate_config(save_score_model(tmp_path / "model"), tmp_path / "ce")
    result_set = prepare(config)
    save_score_model(tmp_path / "model", seed=1)
    with pytest.raises(UserError, match="holds another model than when this job began"):
        CounterfactualRows(config, result_set, torch.device("cpu"))
