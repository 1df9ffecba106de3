"""What of the catalogue is reproduced, how large and how often."""

from typing import ClassVar, Literal

from pydantic import NonNegativeFloat, PositiveFloat, PositiveInt

from advgen_ray.config.base import Config, Place


class ReproduceConfig(Config):
    """Run rows of the catalogue of the five documents, and end in one page of what holds here.

    ``rows`` are ids such as A1; none means all of them. A seed moves every seed of a row's jobs, so that a row has as
    many independent results as there are ``num_seeds``. What is finished under ``output`` is reused, what was killed
    continues, and a row that fails says why while the others go on.

    What the rows would take is told by ``--dry-run``, for a card that gives so many TFLOP/s at such a price.
    """

    PLACEMENT: ClassVar[frozenset[str]] = frozenset({"output", "readme", "card_teraflops", "price_per_hour"})

    rows: tuple[str, ...] = ()
    scale: Literal["small", "paper"] = "small"
    num_seeds: PositiveInt = 1
    card_teraflops: PositiveFloat = 62.4  # two fifths of what an A100 has in TF32; of none is it measured
    price_per_hour: NonNegativeFloat = 2.0
    readme: str = ""  # a Markdown file; between its marks is a table of results, where these rows are written anew
    output: Place = "runs/reproduce"
