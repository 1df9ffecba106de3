"""Detectors of one class each, taken together: a classifier by their logits, alone or beside another classifier."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn


class OneVsRest(nn.Module):
    """``z_H(x)_k = z_{d_k}(x)``, ``[N, C, H, W] -> [N, K]`` (S004 equations 3.27 and 3.31): the generative classifier.

    Its logits are those of any classifier here: what attacks, scores or explains one takes it too. ``offsets`` ``[K]``
    are added to them: of unnormalized densities nobody knows how their constants compare. Raises ValueError for models
    that give more than one logit, when it is called.
    """

    offsets: Tensor

    def __init__(self, detectors: Sequence[nn.Module], offsets: Sequence[float] | None = None) -> None:
        super().__init__()
        self.detectors = nn.ModuleList(detectors)
        self.register_buffer("offsets", torch.zeros(len(detectors)) if offsets is None else torch.tensor(offsets))

    def forward(self, x: Tensor) -> Tensor:
        """Logits ``[N, K]``."""
        logits = [detector(x) for detector in self.detectors]
        for k, one in enumerate(logits):
            if one.shape != (len(x), 1):
                raise ValueError(f"detector {k} gives {list(one.shape)} for {len(x)} images, expected one logit each")
        return torch.cat(logits, dim=1) + self.offsets


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
