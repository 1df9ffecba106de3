"""Detectors of attacks as logits of cleanness by class, so that attacks on one-vs-rest detectors know them as well.

Energy (S003), kernel density with Bayesian uncertainty (Feinman et al. 2017) and LID (Ma et al. 2018) each read some
columns of an image and end in a logistic regression. Here all of it is one differentiable function of the image alone:
dropout masks and LID's minibatch are the same for every image, which leaves an attacker nothing to average over.
"""

from collections.abc import Iterable, Sequence

import numpy as np
import torch
from torch import Tensor, nn

from advgen_ray.attacks.eval_mode import eval_mode
from advgen_ray.detection.features import features, last_hidden
from advgen_ray.detection.kernel_density import KernelDensity
from advgen_ray.detection.lid import lid_among
from advgen_ray.detection.logistic import LogisticDetector, fit_logistic
from advgen_ray.detection.mc_dropout import has_dropout, shared_mask_uncertainty
from advgen_ray.energy.logits import energy_x
from advgen_ray.rng import Stream


class EnergyColumns(nn.Module):
    """E(x), whatever the class: ``[N, C, H, W] -> [N, K, 1]``."""

    def __init__(self, classifier: nn.Module) -> None:
        super().__init__()
        self.classifier = classifier

    def forward(self, x: Tensor) -> Tensor:
        """The columns."""
        logits = self.classifier(x)
        return energy_x(logits)[:, None, None].expand(-1, logits.shape[1], 1)


class DensityColumns(nn.Module):
    """Log density among the training images of each class, and uncertainty under dropout if any: ``[N, K, 1 or 2]``.

    The uncertainty is that under ``num_passes`` masks of ``stream``, the same for all images.
    """

    def __init__(self, classifier: nn.Module, density: KernelDensity, stream: Stream, num_passes: int = 50) -> None:
        super().__init__()
        self.classifier, self.density, self.stream, self.num_passes = classifier, density, stream, num_passes

    def forward(self, x: Tensor) -> Tensor:
        """The columns."""
        _, hidden = last_hidden(self.classifier, x)
        densities = self.density.log_densities(hidden)
        if not has_dropout(self.classifier):
            return densities[:, :, None]
        uncertainty = shared_mask_uncertainty(self.classifier, x, self.stream, self.num_passes)
        return torch.stack([densities, uncertainty[:, None].expand_as(densities)], dim=2)


class LidColumns(nn.Module):
    """LID at each layer among one minibatch of natural features, whatever the class: ``[N, K, len(layers)]``.

    ``reference`` is ``features(classifier, natural_images, layers)``.
    """

    def __init__(
        self,
        classifier: nn.Module,
        layers: Sequence[str],
        reference: Sequence[Tensor],
        num_classes: int,
        num_neighbors: int = 20,
    ) -> None:
        super().__init__()
        self.classifier, self.layers, self.reference = classifier, list(layers), list(reference)
        self.num_classes, self.num_neighbors = num_classes, num_neighbors

    def forward(self, x: Tensor) -> Tensor:
        """The columns."""
        found = features(self.classifier, x, self.layers)
        columns = [
            lid_among(queries, others, self.num_neighbors)
            for queries, others in zip(found, self.reference, strict=True)
        ]
        return torch.stack(columns, dim=1)[:, None].expand(-1, self.num_classes, -1)


class Cleanness(nn.Module):
    """``[N, C, H, W] -> [N, K]``: log odds that an image is natural, should the classifier predict class k.

    Minus the ``detection_score`` of ``fitted`` on ``columns`` (a module, ``-> [N, K, F]``): higher is cleaner, in
    whichever direction the regression found. It stands where ``models.one_vs_rest.OneVsRest`` stands.
    """

    mean: Tensor
    scale: Tensor
    weights: Tensor

    def __init__(self, columns: nn.Module, fitted: LogisticDetector) -> None:
        super().__init__()
        self.columns, self.bias = columns, fitted.bias
        for name in ("mean", "scale", "weights"):
            self.register_buffer(name, torch.from_numpy(np.array(getattr(fitted, name), dtype=np.float64)))

    def forward(self, x: Tensor) -> Tensor:
        """The logits."""
        standard = (self.columns(x).double() - self.mean) / self.scale
        return -(standard @ self.weights + self.bias).to(x.dtype)


def fit_cleanness(
    columns: nn.Module, classifier: nn.Module, natural: Iterable[Tensor], adversarial: Iterable[Tensor]
) -> Cleanness:
    """Fit the regression on batches of natural and attacked images ``[N, C, H, W]``, each in the class it is taken for.

    Raises ValueError as ``fit_logistic`` does.
    """
    negatives, positives = (
        np.concatenate([of_predicted(columns, classifier, x) for x in batches]) for batches in (natural, adversarial)
    )
    return Cleanness(columns, fit_logistic(negatives, positives))


@torch.no_grad()
def of_predicted(columns: nn.Module, classifier: nn.Module, x: Tensor) -> np.ndarray:
    """The columns ``[N, F]`` of the class that the classifier predicts."""
    with eval_mode(columns), eval_mode(classifier):
        predicted = classifier(x).argmax(dim=1)
        found = columns(x)
        return found[torch.arange(len(x), device=x.device), predicted].double().cpu().numpy()
