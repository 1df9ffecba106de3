"""Batch normalization over the global batch, so that gradients do not depend on the number of workers."""

from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.autograd import Function
from torch.autograd.function import FunctionCtx, once_differentiable
from torch.nn import functional

_NOT_CHANNELS = (0, 2, 3)


class GlobalBatchNorm2d(nn.BatchNorm2d):
    """``nn.BatchNorm2d`` whose training statistics span the batches of all workers, on CPU and GPU.

    In training mode inside an initialized process group of more than one worker, every worker must call it with
    at least one image (numbers may differ); outputs, gradients and running statistics then equal those of one
    worker with the joined batch. Everywhere else it is ``nn.BatchNorm2d``. ``nn.SyncBatchNorm`` does this on GPUs
    only. One collective forward, one backward; first derivatives only.
    """

    running_mean: Tensor
    running_var: Tensor
    num_batches_tracked: Tensor

    def __init__(self, num_features: int, eps: float = 1e-5, momentum: float = 0.1) -> None:
        super().__init__(num_features, eps, momentum)

    def forward(self, x: Tensor) -> Tensor:
        """Normalize ``[N, C, H, W]`` by channel."""
        if not (self.training and dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1):
            return super().forward(x)
        self._check_input_dim(x)
        mean, variance, count = _global_moments(x)
        assert self.momentum is not None, "the constructor sets it"
        with torch.no_grad():
            self.num_batches_tracked.add_(1)
            self.running_mean.lerp_(mean, self.momentum)
            self.running_var.lerp_(variance * (count / (count - 1)), self.momentum)
        return _NormalizeByGlobalMoments.apply(x, self.weight, self.bias, mean, variance, count, self.eps)


@torch.no_grad()
def _global_moments(x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Mean and biased variance ``[C]`` over all workers, and how many values a channel has in all.

    Each worker's mean and variance are merged (Chan et al. 1983); sums of squares would lose digits wherever a
    channel's mean is large against its deviation.
    """
    variance, mean = torch.var_mean(x.float(), dim=_NOT_CHANNELS, correction=0)
    local_count = mean.new_full((1,), x.numel() / x.shape[1])
    local = torch.cat([mean, variance, local_count])
    gathered = local.new_empty(dist.get_world_size() * len(local))
    dist.all_gather_into_tensor(gathered, local)
    by_worker = gathered.double().view(-1, len(local))
    means, variances, counts = by_worker.split([len(mean), len(mean), 1], dim=1)
    count = counts.sum()
    global_mean = (counts * means).sum(dim=0) / count
    global_variance = (counts * (variances + (means - global_mean).square())).sum(dim=0) / count
    return global_mean.float(), global_variance.float(), count.float()


class _NormalizeByGlobalMoments(Function):
    """Normalization whose backward knows that the moments depend on every worker's inputs."""

    @staticmethod
    def forward(
        ctx: FunctionCtx,
        x: Tensor,
        weight: Tensor,
        bias: Tensor,
        mean: Tensor,
        variance: Tensor,
        count: Tensor,
        eps: float,
    ) -> Tensor:
        ctx.save_for_backward(x, weight, mean, torch.rsqrt(variance + eps), count)
        return functional.batch_norm(x, mean, variance, weight, bias, training=False, eps=eps)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        (grad_output,) = gradients
        x, weight, mean, inverse_std, count = ctx.saved_tensors
        x_hat = (x - _by_channel(mean)) * _by_channel(inverse_std)
        grad_bias = grad_output.sum(dim=_NOT_CHANNELS, dtype=torch.float32)
        grad_weight = (grad_output * x_hat).sum(dim=_NOT_CHANNELS, dtype=torch.float32)
        # Weight and bias keep this worker's share, which DDP averages as it does for every other parameter.
        totals = torch.stack([grad_bias, grad_weight])
        dist.all_reduce(totals)
        mean_gradient, mean_product = totals / count
        centered = grad_output - _by_channel(mean_gradient) - x_hat * _by_channel(mean_product)
        grad_x = (centered * _by_channel(weight * inverse_std)).to(x.dtype)
        return grad_x, grad_weight, grad_bias, None, None, None, None


def _by_channel(values: Tensor) -> Tensor:
    return values[:, None, None]
