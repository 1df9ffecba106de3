"""The networks of others, written anew with the names that their published weights carry."""

from collections.abc import Sequence

import torch
import torchvision
from torch import Tensor, nn
from torch.nn import functional


class _Wide(nn.Module):
    def __init__(self, channels_in: int, channels_out: int, stride: int) -> None:
        super().__init__()
        self.bn1, self.bn2 = nn.BatchNorm2d(channels_in), nn.BatchNorm2d(channels_out)
        self.conv1 = nn.Conv2d(channels_in, channels_out, 3, stride, 1, bias=False)
        self.conv2 = nn.Conv2d(channels_out, channels_out, 3, 1, 1, bias=False)
        self.convShortcut = None
        if channels_in != channels_out:
            self.convShortcut = nn.Conv2d(channels_in, channels_out, 1, stride, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        hidden = torch.relu(self.bn1(x))
        out = self.conv2(torch.relu(self.bn2(self.conv1(hidden))))
        return out + (x if self.convShortcut is None else self.convShortcut(hidden))


class RobustBenchWideResNet(nn.Module):
    """``conv1``, ``block1.layer.0.bn1``, ..., ``bn1``, ``fc``; statistics in ``mu`` and ``sigma``; an unused block."""

    def __init__(self, num_blocks: int = 2, widen_factor: int = 2, width: int = 4, num_classes: int = 5) -> None:
        super().__init__()
        widths = [width, *(width * widen_factor * 2**stage for stage in range(3))]
        self.conv1 = nn.Conv2d(3, width, 3, 1, 1, bias=False)
        for stage in range(3):
            layers = [_Wide(widths[stage], widths[stage + 1], 1 if stage == 0 else 2)]
            layers += [_Wide(widths[stage + 1], widths[stage + 1], 1) for _ in range(num_blocks - 1)]
            block = nn.Module()
            block.layer = nn.Sequential(*layers)
            setattr(self, f"block{stage + 1}", block)
        self.sub_block1 = _Wide(width, widths[1], 1)
        self.bn1 = nn.BatchNorm2d(widths[-1])
        self.fc = nn.Linear(widths[-1], num_classes)
        self.register_buffer("mu", torch.tensor([0.49, 0.48, 0.45]).view(1, 3, 1, 1))
        self.register_buffer("sigma", torch.tensor([0.25, 0.24, 0.26]).view(1, 3, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv1((x - self.mu) / self.sigma)
        for block in (self.block1, self.block2, self.block3):
            x = block.layer(x)
        return self.fc(functional.avg_pool2d(torch.relu(self.bn1(x)), x.shape[-1]).flatten(1))


class _PreAct(nn.Module):
    def __init__(self, channels_in: int, channels_out: int, stride: int, activated: bool) -> None:
        super().__init__()
        self.activated = activated
        self.bn1, self.bn2 = nn.BatchNorm2d(channels_in), nn.BatchNorm2d(channels_out)
        self.conv1 = nn.Conv2d(channels_in, channels_out, 3, stride, 1, bias=False)
        self.conv2 = nn.Conv2d(channels_out, channels_out, 3, 1, 1, bias=False)
        if stride != 1 or channels_in != channels_out:
            self.shortcut = nn.Sequential(nn.Conv2d(channels_in, channels_out, 1, stride, bias=False))

    def forward(self, x: Tensor) -> Tensor:
        hidden = torch.relu(self.bn1(x))
        out = self.conv2(torch.relu(self.bn2(self.conv1(hidden))))
        return out + (self.shortcut(hidden if self.activated else x) if hasattr(self, "shortcut") else x)


class RobustBenchPreActResNet(nn.Module):
    """``conv1``, ``layer1.0.bn1``, ..., ``linear``; with PreActBlockV2 and a last ``bn``, or with neither."""

    def __init__(self, second_version: bool, blocks: Sequence[int] = (2, 2, 2, 2), width: int = 4) -> None:
        super().__init__()
        self.conv1, channels = nn.Conv2d(3, width, 3, 1, 1, bias=False), width
        for stage, num_blocks in enumerate(blocks):
            layers = []
            for position in range(num_blocks):
                stride = 2 if stage and position == 0 else 1
                layers.append(_PreAct(channels, width * 2**stage, stride, second_version))
                channels = width * 2**stage
            setattr(self, f"layer{stage + 1}", nn.Sequential(*layers))
        if second_version:
            self.bn = nn.BatchNorm2d(channels)
        self.linear = nn.Linear(channels, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.layer4(self.layer3(self.layer2(self.layer1(self.conv1(x)))))
        x = torch.relu(self.bn(x)) if hasattr(self, "bn") else x
        return self.linear(x.mean(dim=(2, 3)))


def small_image_resnet(depth: int) -> nn.Module:
    """Torchvision's network with a 3x3 stem and no pooling, as it is used on CIFAR-10."""
    model = getattr(torchvision.models, f"resnet{depth}")(num_classes=5)
    model.conv1, model.maxpool = nn.Conv2d(3, 64, 3, 1, 1, bias=False), nn.Identity()
    return model


def lively(model: nn.Module) -> nn.Module:
    """The network with activations that do not fade, and statistics and shifts that are not those of initialisation."""
    torch.manual_seed(1)
    for module in model.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            nn.init.kaiming_normal_(module.weight, mode="fan_out")
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.2)
            module.running_var.uniform_(0.5, 1.5)
            nn.init.normal_(module.bias, 0, 0.2)
    return model.eval()
