"""What varies in a search: ranges and values of settings by their dotted keys, what tables call them, combinations."""

import itertools
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, Self

from pydantic import field_validator, model_validator

from advgen_ray.config.base import Config

Value = float | int | str | dict[str, Any] | None


class ParameterConfig(Config):
    """One setting that varies, by its dotted key: a range, in equal or in multiplied steps, or a list of values.

    A value may be a whole block of keys, or null: ``{key: descent, kind: choice, values: [null, {eps: 0.5}]}``. What
    tables call the values are ``names``, of blocks else their keys and values.
    """

    key: str
    kind: Literal["uniform", "log_uniform", "choice"] = "uniform"
    low: float | None = None
    high: float | None = None
    values: tuple[Value, ...] = ()
    names: tuple[str, ...] = ()

    @field_validator("values")
    @classmethod
    def _plain(cls, values: tuple[Value, ...]) -> tuple[Value, ...]:
        """Blocks as JSON has them, whoever made them: lists, not tuples."""
        return tuple(json.loads(json.dumps(value)) if isinstance(value, dict) else value for value in values)

    @model_validator(mode="after")
    def _range_or_values(self) -> Self:
        if self.kind == "choice":
            if len(self.values) < 2 or self.low is not None or self.high is not None:
                raise ValueError(f"{self.key}: choice takes 2 values or more, and neither low nor high")
        elif self.low is None or self.high is None or self.values or not self.low < self.high:
            raise ValueError(f"{self.key}: {self.kind} takes low < high and no values, got {self.low} and {self.high}")
        elif self.kind == "log_uniform" and self.low <= 0:
            raise ValueError(f"{self.key}: log_uniform needs low > 0, got {self.low}")
        if self.names and len(self.names) != len(self.values):
            raise ValueError(f"{self.key}: {len(self.names)} names for {len(self.values)} values")
        told = [self.told(value) for value in self.values]
        if any(one in told[:place] for place, one in enumerate(told)):
            raise ValueError(f"{self.key}: two values are called alike, {told}; give them names")
        return self

    def told(self, value: Value) -> float | int | str:
        """What tables call a value: its name, else a number or a word as it is, else what is in it."""
        if self.names and value in self.values:
            return self.names[self.values.index(value)]
        return _in_words(value) if value is None or isinstance(value, dict) else value

    def value_of(self, told: float | int | str) -> Value:
        """The value that tables call so."""
        return next((value for value in self.values if self.told(value) == told), told)

    def extremes(self) -> list[Any]:
        """The values between which it varies, or all of a choice."""
        return list(self.values) if self.kind == "choice" else [self.low, self.high]

    def holds(self, value: Value) -> bool:
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


def as_text(value: Value) -> str:
    """As ``--set`` takes it."""
    return json.dumps(value) if value is None or isinstance(value, dict) else str(value)


def _in_words(value: Any) -> str:
    """``{kind: two_conv, channels: [8, 16]}`` -> ``kind two_conv, channels 8 16``; null is ``none``."""
    if isinstance(value, dict):
        return ", ".join(f"{key} {_in_words(inner)}" for key, inner in value.items())
    if isinstance(value, list):
        return " ".join(map(_in_words, value))
    return "none" if value is None else str(value)
