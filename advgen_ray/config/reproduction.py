"""What of the catalogue is reproduced, how large and how often."""

from typing import ClassVar, Literal

from pydantic import PositiveInt

from advgen_ray.config.base import Config


class ReproduceConfig(Config):
    """Run rows of the catalogue of the five documents, and end in one page of what holds here.

    ``rows`` are ids such as A1; none means all of them. A seed moves every seed of a row's jobs, so that a row has as
    many independent results as there are ``num_seeds``. What is finished under ``output`` is reused, what was killed
    continues, and a row that fails says why while the others go on.
    """

    PLACEMENT: ClassVar[frozenset[str]] = frozenset({"output"})

    rows: tuple[str, ...] = ()
    scale: Literal["small", "paper"] = "small"
    num_seeds: PositiveInt = 1
    output: str = "runs/reproduce"
