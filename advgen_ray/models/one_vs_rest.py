"""Detectors of one class each, taken together: a classifier by their logits, alone or beside another classifier."""

from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable


class OneVsRest(nn.Module):
    """``z_H(x)_k = z_{d_k}(x)``, ``[N, C, H, W] -> [N, K]`` (S004 equations 3.27 and 3.31): the generative classifier.

    Its logits are those of any classifier here: what attacks, scores or explains one takes it too. ``offsets`` ``[K]``
    are added to them: of unnormalized densities nobody knows how their constants compare. Raises ValueError for models
    that give more than one logit, when it is called.

    An attack mostly looks at one or two logits of an image. Where only ``x`` wants a gradient, in evaluation mode, the
    detectors are differentiated for those images alone whose logits it comes from: the same gradient, of a tenth of the
    passes backward; of all ten logits at once it costs a pass forward more.
    """

    offsets: Tensor

    def __init__(self, detectors: Sequence[nn.Module], offsets: Sequence[float] | None = None) -> None:
        super().__init__()
        self.detectors = nn.ModuleList(detectors)
        self.register_buffer("offsets", torch.zeros(len(detectors)) if offsets is None else torch.tensor(offsets))

    def forward(self, x: Tensor) -> Tensor:
        """Logits ``[N, K]``."""
        of_inputs_alone = x.requires_grad and torch.is_grad_enabled() and not self.training
        if of_inputs_alone and not any(one.requires_grad for one in self.parameters()):
            logits: Tensor = _Sparse.apply(x, self.detectors)
        else:
            logits = _side_by_side(self.detectors, x)
        return logits + self.offsets


def _side_by_side(detectors: Iterable[nn.Module], x: Tensor) -> Tensor:
    logits = [detector(x) for detector in detectors]
    for k, one in enumerate(logits):
        if one.shape != (len(x), 1):
            raise ValueError(f"detector {k} gives {list(one.shape)} for {len(x)} images, expected one logit each")
    return torch.cat(logits, dim=1)


class _Sparse(torch.autograd.Function):
    """Logits side by side; backward, each detector sees the rows again whose logits of its own have a gradient."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, detectors: nn.ModuleList) -> Tensor:
        ctx.save_for_backward(x)
        ctx.detectors = detectors
        return _side_by_side(detectors, x)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        (x,) = ctx.saved_tensors
        total = torch.zeros_like(x)
        for k, detector in enumerate(ctx.detectors):
            rows = gradient[:, k].nonzero()[:, 0]
            if len(rows):
                with torch.enable_grad():
                    leaf = x[rows].detach().requires_grad_()
                    (own,) = torch.autograd.grad(detector(leaf), leaf, gradient[rows, k : k + 1])
                total.index_add_(0, rows, own)
        return total, None


class WithDetectors(nn.Module):
    """A classifier and the detectors of its classes side by side, ``[N, C, H, W] -> [N, 2 K]``: one forward for both.

    What integrated detection reads (S004 section 3.2.1), and what attacks on it ascend; ``attacks.detector_objectives``
    takes the columns apart again. ``detectors`` are ``OneVsRest``, or any model of one logit a class.
    """

    def __init__(self, classifier: nn.Module, detectors: nn.Module) -> None:
        super().__init__()
        self.classifier, self.detectors = classifier, detectors

    def forward(self, x: Tensor) -> Tensor:
        """The classifier's logits, then the detectors'."""
        return torch.cat([self.classifier(x), self.detectors(x)], dim=1)
