"""What varies in a search: ranges and lists of values, and every combination of the lists."""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, Self

from pydantic import model_validator

from advgen_ray.config.base import Config


class ParameterConfig(Config):
    """One setting that varies, by its dotted key: a range, in equal or in multiplied steps, or a list of values."""

    key: str
    kind: Literal["uniform", "log_uniform", "choice"] = "uniform"
    low: float | None = None
    high: float | None = None
    values: tuple[float | int | str, ...] = ()

    @model_validator(mode="after")
    def _range_or_values(self) -> Self:
        if self.kind == "choice":
            if len(self.values) < 2 or self.low is not None or self.high is not None:
                raise ValueError(f"{self.key}: choice takes 2 values or more, and neither low nor high")
        elif self.low is None or self.high is None or self.values or not self.low < self.high:
            raise ValueError(f"{self.key}: {self.kind} takes low < high and no values, got {self.low} and {self.high}")
        elif self.kind == "log_uniform" and self.low <= 0:
            raise ValueError(f"{self.key}: log_uniform needs low > 0, got {self.low}")
        return self

    def extremes(self) -> list[Any]:
        """The values between which it varies, or all of a choice."""
        return list(self.values) if self.kind == "choice" else [self.low, self.high]

    def holds(self, value: float | int | str) -> bool:
        """Whether it may become this value."""
        if self.kind == "choice":
            return value in self.values
        return (
            isinstance(value, (int, float))
            and self.low is not None
            and self.high is not None
            and self.low <= value <= self.high
        )


Space = tuple[ParameterConfig, ...]


def combinations(space: Space) -> Iterator[dict[str, Any]]:
    """Every combination of the values of its choices, the last key's changing first."""
    return (
        dict(zip([one.key for one in space], values, strict=True))
        for values in itertools.product(*(one.values for one in space))
    )


def holds(space: Space, settings: Mapping[str, Any], base: Mapping[str, Any]) -> bool:
    """Whether a trial drawn from ``space`` may have these settings, what does not vary being the base's."""
    varied = {one.key: one for one in space}
    return all(varied[key].holds(value) if key in varied else value == base[key] for key, value in settings.items())


def different(settings: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Each once."""
    return [one for at, one in enumerate(settings) if one not in settings[:at]]
