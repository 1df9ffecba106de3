"""The small convolutional network of Madry et al. (2018) for MNIST, of which S004 makes its detectors (3.2.3)."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from advgen_ray.errors import UserError
from advgen_ray.models.image_classifier import ImageClassifier, linear_head


class TwoConv(ImageClassifier):
    """Convolutions of 5x5 with ``channels``, each halved by max pooling, then ``hidden`` units; no normalization layer.

    A network without batch norm has the same logits in both modes: binary AT compares batches of unlike images.
    Raises UserError for images of fewer than 4 pixels a side.
    """

    def __init__(
        self,
        image_shape: Sequence[int],
        num_classes: int,
        mean: Sequence[float],
        std: Sequence[float],
        channels: Sequence[int] = (32, 64),
        hidden: int = 1024,
    ) -> None:
        super().__init__(image_shape, mean, std)
        height, width = (side // 4 for side in image_shape[1:])
        if not height or not width:
            raise UserError(
                f"two_conv: the images are {image_shape[1]}x{image_shape[2]}, expected 4x4 pixels or more, which it "
                "halves twice; take another model.kind"
            )
        first, second = channels
        self.layers = nn.Sequential(
            nn.Conv2d(image_shape[0], first, 5, padding=2),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(first, second, 5, padding=2),
            nn.ReLU(),
            nn.MaxPool2d(2),
        ).to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # a fifth faster on a CPU
        self.hidden = nn.Sequential(nn.Flatten(), nn.Linear(second * height * width, hidden), nn.ReLU())
        self.head = linear_head(hidden, num_classes)

    def features(self, x: Tensor) -> Tensor:
        """The hidden units, ``[N, hidden, 1, 1]``."""
        return self.hidden(self.layers(x))[:, :, None, None]
