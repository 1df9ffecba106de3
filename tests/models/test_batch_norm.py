"""Two workers with halves of a batch compute what one worker computes with all of it."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch
import torch.distributed as dist
from torch import Tensor, nn

from advgen_ray.models.batch_norm import GlobalBatchNorm2d, _NormalizeByGlobalMoments
from advgen_ray.models.wide_resnet import WideResNet

SPLITS = [slice(0, 5), slice(5, 8)]  # unequal on purpose


def _inputs() -> tuple[Tensor, Tensor]:
    """Images whose channels have unlike means, one of them large against its deviation, and output weights."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(8, 3, 4, 4, generator=generator) * torch.tensor([1.0, 3.0, 0.5]).view(3, 1, 1)
    x = x + torch.tensor([0.0, -2.0, 200.0]).view(3, 1, 1)
    return x, torch.randn(8, 3, 4, 4, generator=generator) / 8


def _layer(kind: type[nn.BatchNorm2d]) -> nn.BatchNorm2d:
    layer = kind(3)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([1.0, 0.5, 2.0]))
        layer.bias.copy_(torch.tensor([0.0, 1.0, -1.0]))
    return layer


def _step(layer: nn.BatchNorm2d, x: Tensor, output_weights: Tensor) -> dict[str, Tensor]:
    x = x.clone().requires_grad_()
    output = layer(x)
    (output * output_weights).sum().backward()
    assert x.grad is not None
    state = {name: value.clone() for name, value in layer.state_dict().items()}
    return {
        **state,
        "output": output.detach(),
        "x.grad": x.grad,
        "weight.grad": layer.weight.grad,
        "bias.grad": layer.bias.grad,
    }


def _small_wide_resnet() -> WideResNet:
    torch.manual_seed(0)
    return WideResNet((1, 8, 8), 4, (0.3,), (0.4,), depth=10, widen_factor=1, base_channels=4)


def _training_batch() -> tuple[Tensor, Tensor]:
    return torch.rand(8, 1, 8, 8, generator=torch.Generator().manual_seed(1)), torch.arange(8) % 4


def _worker(rank: int, folder: str) -> None:
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{folder}/store", rank=rank, world_size=2)
    layer = _layer(GlobalBatchNorm2d)
    x, output_weights = _inputs()
    results = {"layer": _step(layer, x[SPLITS[rank]], output_weights[SPLITS[rank]])}

    model = _small_wide_resnet()
    images, labels = _training_batch()
    rows = slice(4 * rank, 4 * rank + 4)
    nn.functional.cross_entropy(model(images[rows]), labels[rows]).backward()
    results["model"] = {name: p.grad for name, p in model.named_parameters() if p.grad is not None}
    for gradient in results["model"].values():  # as DDP does; DDP itself takes seconds to import
        dist.all_reduce(gradient)
        gradient /= 2
    results["buffers"] = {name: value.clone() for name, value in model.named_buffers()}

    if rank == 0:  # evaluation takes no collective: one worker may do it alone
        layer.eval()
        layer(x)
    torch.save(results, f"{folder}/{rank}.pt")
    dist.destroy_process_group()


@pytest.fixture(scope="module")
def workers(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, dict[str, Tensor]]]:
    folder: Path = tmp_path_factory.mktemp("workers")
    processes = [subprocess.Popen([sys.executable, __file__, str(rank), str(folder)]) for rank in range(2)]
    try:
        assert [process.wait(timeout=120) for process in processes] == [0, 0]
    finally:
        for process in processes:
            process.kill()
    return [torch.load(folder / f"{rank}.pt", weights_only=True) for rank in range(2)]


def test_two_workers_equal_one(workers: list[dict[str, dict[str, Tensor]]]) -> None:
    one = _step(_layer(nn.BatchNorm2d).double(), *(tensor.double() for tensor in _inputs()))
    first, second = (worker["layer"] for worker in workers)
    both = {name: torch.cat([first[name], second[name]]) for name in ("output", "x.grad")}
    both |= {name: first[name] + second[name] for name in ("weight.grad", "bias.grad")}
    for name, joined in both.items():
        # The last channel lies at 200 +- 0.5, where float32 itself resolves 3e-5 of a deviation.
        tolerance = torch.tensor([1e-6, 1e-6, 1e-4])
        error = (joined.double() - one[name]).abs()
        by_channel = error.amax(dim=(0, 2, 3)) if error.dim() == 4 else error
        assert (by_channel <= tolerance * (1 + one[name].abs().max())).all(), (name, by_channel)
    for worker in (first, second):
        for name in ("running_mean", "running_var"):
            assert torch.allclose(worker[name].double(), one[name], rtol=1e-6, atol=1e-6), name
        assert worker["num_batches_tracked"] == 1


def test_gradients_of_a_network_do_not_depend_on_the_number_of_workers(
    workers: list[dict[str, dict[str, Tensor]]],
) -> None:
    model = _small_wide_resnet()
    images, labels = _training_batch()
    nn.functional.cross_entropy(model(images), labels).backward()
    for name, parameter in model.named_parameters():
        for worker in workers:
            assert torch.allclose(worker["model"][name], parameter.grad, rtol=1e-5, atol=1e-6), name
    for name, buffer in model.named_buffers():
        for worker in workers:
            assert torch.allclose(worker["buffers"][name], buffer, rtol=1e-6, atol=1e-6), name


@pytest.mark.parametrize("training", [True, False])
def test_alone_it_is_batch_norm_bit_for_bit(training: bool) -> None:
    ours, theirs = (_layer(kind).train(training) for kind in (GlobalBatchNorm2d, nn.BatchNorm2d))
    x, output_weights = _inputs()
    mine, reference = _step(ours, x, output_weights), _step(theirs, x, output_weights)
    assert all(torch.equal(mine[name], reference[name]) for name in reference)


def test_joint_normalization_takes_bf16(monkeypatch: pytest.MonkeyPatch) -> None:
    """As mixed precision hands it: activations and their gradients in bf16, statistics and weights in float32."""
    monkeypatch.setattr(dist, "all_reduce", lambda values: None)  # one worker that goes the way of many
    x, output_weights = _inputs()
    x[:, 2] -= 195.0  # bf16 has no digits for a deviation of .5 around 200
    layer, results = _layer(GlobalBatchNorm2d), []
    for dtype in (torch.float32, torch.bfloat16):
        mine = x.to(dtype).requires_grad_()
        variance, mean = torch.var_mean(mine.detach().float(), dim=(0, 2, 3), correction=0)
        count = torch.tensor([128.0])
        output = _NormalizeByGlobalMoments.apply(mine, layer.weight, layer.bias, mean, variance, count, 1e-5)
        gradients = torch.autograd.grad((output * output_weights.to(dtype)).sum(), [mine, layer.weight, layer.bias])
        assert output.dtype == gradients[0].dtype == dtype
        assert gradients[1].dtype == gradients[2].dtype == torch.float32
        results.append([output, *gradients])
    for exact, rounded in zip(*results, strict=True):
        assert (rounded.float() - exact).norm() < 0.03 * exact.norm()


if __name__ == "__main__":  # a worker of the fixture above
    _worker(int(sys.argv[1]), sys.argv[2])
