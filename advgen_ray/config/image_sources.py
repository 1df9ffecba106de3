"""Where images come from that are no data of a model's own: samples of p0, outliers, sets to tell from the data."""

from typing import Annotated, Literal, Self

from pydantic import Field, NonNegativeFloat, PositiveInt, model_validator

from advgen_ray.config.base import Config, Place
from advgen_ray.config.parts import DataConfig


class OtherDataConfig(Config):
    """The images of another set, whatever their classes; resized, and made grey or colour, to fit."""

    kind: Literal["data"] = "data"
    data: DataConfig = DataConfig(name="tiny_imagenet")


class ImageFilesConfig(Config):
    """Images without labels: a folder of PNG and JPEG files at any depth, or a Parquet file or folder of such.

    A Parquet file has a column ``image`` of encoded pictures, as bytes or as Hugging Face's struct with ``bytes``. An
    ``.npz`` has ``images``. Another path is another training. All are held in memory, decoded; ``num_images`` takes so
    many of them, chosen once for good.
    """

    kind: Literal["files"] = "files"
    path: Place
    num_images: PositiveInt | None = None  # null takes all


class NoiseConfig(Config):
    """Uniform noise, each pixel for itself; with ``blur`` filtered by a Gaussian of so many pixels and stretched.

    Stretched to [0, 1], image by image: the smooth noise on which Hein et al. (2019) train against overconfidence.
    """

    kind: Literal["noise"] = "noise"
    num_images: PositiveInt = 10_000
    blur: NonNegativeFloat = 0.0


class AlteredConfig(Config):
    """The data's own images made strange, so that there is always something near the data to tell from them.

    ``shuffled``: the pixels of each image in an order of its own. ``quarters``: the four quarters of the image change
    places across the corner. ``blurred``: by a Gaussian of an eighth of the side. ``inverted``: one minus the image.
    ``mixed``: halfway between an image and another, of any class.
    """

    kind: Literal["altered"] = "altered"
    alteration: Literal["shuffled", "quarters", "blurred", "inverted", "mixed"] = "shuffled"


ImageSourceConfig = Annotated[
    OtherDataConfig | ImageFilesConfig | NoiseConfig | AlteredConfig, Field(discriminator="kind")
]


class MixtureConfig(Config):
    """Images of several sources together, each as often as it has images."""

    kind: Literal["mixture"] = "mixture"
    sources: tuple[ImageSourceConfig, ...]

    @model_validator(mode="after")
    def _there_are_sources(self) -> Self:
        if not self.sources:
            raise ValueError("sources is empty: give at least one, such as {kind: noise}")
        return self


OutliersSourceConfig = Annotated[
    OtherDataConfig | ImageFilesConfig | NoiseConfig | AlteredConfig | MixtureConfig, Field(discriminator="kind")
]


def parts_of(source: Config) -> list[Config]:
    """The source, or those that a mixture is made of."""
    return list(source.sources) if isinstance(source, MixtureConfig) else [source]
