"""The classifiers that can be trained; ``kind`` says which, and a config of another kind has other keys."""

from typing import Annotated, Any, Literal, Self

from pydantic import Discriminator, Field, PositiveInt, Tag, model_validator

from advgen_ray.config.base import Config


class WideResNetConfig(Config):
    """WideResNet-(depth)-(widen_factor); depth is 6n + 4."""

    kind: Literal["wide_resnet"] = "wide_resnet"
    depth: PositiveInt = 40
    widen_factor: PositiveInt = 2
    base_channels: PositiveInt = 16
    dropout: float = Field(0.0, ge=0.0, lt=1.0)

    @model_validator(mode="after")
    def _depth_is_6n_plus_4(self) -> Self:
        if self.depth < 10 or (self.depth - 4) % 6:
            raise ValueError(f"depth must be 6n + 4 (10, 16, 22, 28, 34, 40, ...), got {self.depth}")
        return self


class ResNetConfig(Config):
    """ResNet-(depth); the stem ``imagenet`` quarters the size at once, for images from 64 pixels up."""

    kind: Literal["resnet"] = "resnet"
    depth: Literal[18, 34, 50] = 18
    base_channels: PositiveInt = 64
    stem: Literal["small_images", "imagenet"] = "small_images"


class PreActResNetConfig(Config):
    """PreActResNet-(depth)."""

    kind: Literal["preact_resnet"] = "preact_resnet"
    depth: Literal[18, 34] = 18
    base_channels: PositiveInt = 64


class TwoConvConfig(Config):
    """Two convolutions of 5x5 and ``hidden`` units: Madry's network for MNIST, and that of S004's detectors."""

    kind: Literal["two_conv"] = "two_conv"
    channels: tuple[PositiveInt, PositiveInt] = (32, 64)
    hidden: PositiveInt = 1024


class DiscriminatorConfig(Config):
    """S004 table 2.2, for squares of 8, 16, 32, ... pixels; without normalization layers."""

    kind: Literal["discriminator"] = "discriminator"
    base_channels: PositiveInt = 64
    max_channels: PositiveInt = 512


def _kind(value: Any) -> str:
    return value.get("kind", "wide_resnet") if isinstance(value, dict) else getattr(value, "kind", "")


ClassifierModelConfig = Annotated[
    Annotated[WideResNetConfig, Tag("wide_resnet")]
    | Annotated[ResNetConfig, Tag("resnet")]
    | Annotated[PreActResNetConfig, Tag("preact_resnet")]
    | Annotated[TwoConvConfig, Tag("two_conv")]
    | Annotated[DiscriminatorConfig, Tag("discriminator")],
    Discriminator(
        _kind,
        custom_error_type="kind",
        custom_error_message="kind must be wide_resnet, resnet, preact_resnet, two_conv or discriminator",
    ),
]
"""Given whole where the kind changes: ``--set 'model={kind: resnet, depth: 18}'``; without a kind a WideResNet."""
