"""The Inception network that FIDs are published by: torchvision's, with TensorFlow's pooling of 2015-12-05."""

from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

SIDE, NUM_CLASSES = 299, 1008


class FIDInception(nn.Module):
    """Maps images ``[N, C, H, W]`` in [0, 1], of 1 or 3 channels, to features ``[N, 2048]`` and logits ``[N, 1008]``.

    The layers of pytorch-fid's port, so that its weights (``pt_inception-2015-12-05``) give its features: averages over
    3x3 leave the border's padding out, the last block takes a maximum in place of one. Images are resized to 299
    pixels, bilinear without antialiasing, and scaled to [-1, 1]. Logits are without the bias, as the Inception Score's.
    """

    def __init__(self) -> None:
        super().__init__()
        from torchvision.models import inception_v3  # takes more than a second, in every actor that makes no use of it

        self.network = inception_v3(weights=None, num_classes=NUM_CLASSES, aux_logits=False, init_weights=False)
        blocks: dict[str, Any] = dict(self.network.named_children())
        for name in ("Mixed_5b", "Mixed_5c", "Mixed_5d"):
            blocks[name]._forward = partial(_block_a, blocks[name])
        for name in ("Mixed_6b", "Mixed_6c", "Mixed_6d", "Mixed_6e"):
            blocks[name]._forward = partial(_block_c, blocks[name])
        for name, pool in (("Mixed_7b", _mean), ("Mixed_7c", _maximum)):
            blocks[name]._forward = partial(_block_e, blocks[name], pool)
        head = ("AuxLogits", "avgpool", "dropout", "fc")
        self.blocks = [block for name, block in blocks.items() if name not in head]

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Features and logits; raises ValueError for another number of channels."""
        if x.dim() != 4 or x.shape[1] not in (1, 3):
            raise ValueError(f"expected images [N, 1 or 3, H, W], got {list(x.shape)}")
        x = functional.interpolate(x.expand(-1, 3, -1, -1), size=(SIDE, SIDE), mode="bilinear", align_corners=False)
        x = 2 * x - 1
        for block in self.blocks:
            x = block(x)
        features = x.mean(dim=(2, 3))
        return features, features @ self.network.fc.weight.T


def _mean(x: Tensor) -> Tensor:
    return functional.avg_pool2d(x, kernel_size=3, stride=1, padding=1, count_include_pad=False)


def _maximum(x: Tensor) -> Tensor:
    return functional.max_pool2d(x, kernel_size=3, stride=1, padding=1)


def _block_a(block: Any, x: Tensor) -> list[Tensor]:
    return [
        block.branch1x1(x),
        block.branch5x5_2(block.branch5x5_1(x)),
        block.branch3x3dbl_3(block.branch3x3dbl_2(block.branch3x3dbl_1(x))),
        block.branch_pool(_mean(x)),
    ]


def _block_c(block: Any, x: Tensor) -> list[Tensor]:
    doubled = block.branch7x7dbl_1(x)
    for layer in (block.branch7x7dbl_2, block.branch7x7dbl_3, block.branch7x7dbl_4, block.branch7x7dbl_5):
        doubled = layer(doubled)
    return [
        block.branch1x1(x),
        block.branch7x7_3(block.branch7x7_2(block.branch7x7_1(x))),
        doubled,
        block.branch_pool(_mean(x)),
    ]


def _block_e(block: Any, pool: Any, x: Tensor) -> list[Tensor]:
    narrow = block.branch3x3_1(x)
    doubled = block.branch3x3dbl_2(block.branch3x3dbl_1(x))
    return [
        block.branch1x1(x),
        torch.cat([block.branch3x3_2a(narrow), block.branch3x3_2b(narrow)], dim=1),
        torch.cat([block.branch3x3dbl_3a(doubled), block.branch3x3dbl_3b(doubled)], dim=1),
        block.branch_pool(pool(x)),
    ]
