"""Batches that memory does not hold: halved, made all the same, and not tried again at that size."""

import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
import torch
from torch import Tensor

from advgen_ray.distributed.counterfactual_rows import CounterfactualRows
from advgen_ray.distributed.memory import WithinMemory, ran_out_of_memory
from advgen_ray.stages.counterfactuals import prepare
from tests.models_on_disk import generate_config

SOURCES = torch.rand(100, 1, 2, 2, generator=torch.Generator().manual_seed(0))
TARGETS = torch.arange(100) % 10
IDS = [f"item-{index}" for index in range(100)]


def _negative(most: int, tried: list[int]) -> Callable[[Tensor, Tensor, Sequence[str]], Tensor]:
    def make(sources: Tensor, y_target: Tensor, item_ids: Sequence[str]) -> Tensor:
        assert len(sources) == len(y_target) == len(item_ids)
        tried.append(len(sources))
        if len(sources) > most:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
        return y_target.view(-1, 1, 1, 1) - sources

    return make


def test_a_batch_is_halved_until_it_fits_and_later_ones_begin_there() -> None:
    tried: list[int] = []
    make = WithinMemory(_negative(30, tried))
    assert torch.equal(make(SOURCES, TARGETS, IDS), TARGETS.view(-1, 1, 1, 1) - SOURCES)
    assert tried == [100, 50, 25, 25, 25, 25]
    tried.clear()
    assert len(make(SOURCES[:60], TARGETS[:60], IDS[:60])) == 60
    assert tried == [25, 25, 10]


def test_one_row_that_does_not_fit_raises_what_torch_said() -> None:
    tried: list[int] = []
    with pytest.raises(torch.OutOfMemoryError, match="CUDA out of memory"):
        WithinMemory(_negative(0, tried))(SOURCES[:4], TARGETS[:4], IDS[:4])
    assert tried == [4, 2, 1]


def test_any_other_error_passes_at_once() -> None:
    calls: list[int] = []

    def make(sources: Tensor, y_target: Tensor, item_ids: Sequence[str]) -> Tensor:
        calls.append(len(sources))
        raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")

    with pytest.raises(RuntimeError, match="mat1"):
        WithinMemory(make)(SOURCES, TARGETS, IDS)
    assert calls == [100]


@pytest.mark.parametrize(
    "words",
    ["cuDNN error: CUDNN_STATUS_ALLOC_FAILED", "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate`"],
)
def test_libraries_of_nvidias_say_it_in_other_words(words: str) -> None:
    assert ran_out_of_memory(RuntimeError(words))
    assert not ran_out_of_memory(RuntimeError("CUDA error: an illegal memory access was encountered"))


def test_memory_that_really_runs_out_on_a_cpu_is_found_out() -> None:
    """In a process whose address space ends a GiB above what it has: a batch of 64 takes four, one of 16 does."""
    script = (
        "import resource, torch\n"
        "from advgen_ray.distributed.memory import WithinMemory\n"
        "used = int(open('/proc/self/statm').read().split()[0]) * resource.getpagesize()\n"
        "resource.setrlimit(resource.RLIMIT_AS, (used + 2**30, -1))\n"
        "def make(sources, y_target, item_ids):\n"
        "    return torch.empty(len(sources), 2**24)[:, :1] * 0 + sources\n"
        "made = WithinMemory(make)\n"
        "sources = torch.arange(64.0).view(-1, 1)\n"
        "assert torch.equal(made(sources, torch.zeros(64), ['x'] * 64).nan_to_num(), sources.nan_to_num())\n"
        "print('most', made.most)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] in {"most 8", "most 16"}, done.stdout
    assert done.stdout.startswith("out of memory: 64 at once, now 32\n")


def test_a_shard_of_halved_batches_is_the_same_but_for_rounding(
    score_model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = generate_config(score_model, tmp_path / "ce")
    device = torch.device("cpu")
    whole = CounterfactualRows(config, prepare(config), device)(0)
    rows = CounterfactualRows(config, prepare(config), device)
    generate, tried = rows.generator.make.make, []

    def scarce(sources: Tensor, y_target: Tensor, item_ids: Sequence[str]) -> Tensor:
        tried.append(len(sources))
        if len(sources) > 3:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return generate(sources, y_target, item_ids)

    monkeypatch.setattr(rows, "generator", rows.generator._replace(make=WithinMemory(scarce)))
    halved = rows(0)
    assert max(tried) > 3 >= tried[-1]
    assert halved.drop_columns(["x_ce", "l2", "l1", "linf", "l0"]) == whole.drop_columns(
        ["x_ce", "l2", "l1", "linf", "l0"]
    )
    for one, other in zip(halved["l2"].to_pylist(), whole["l2"].to_pylist(), strict=True):
        assert one == pytest.approx(other, rel=1e-4)
