"""How a config is made: from a recipe or a file, with dotted overrides; every mistake is one clear line."""

import difflib
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, ClassVar, Self, TypeVar, get_args

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from advgen_ray.config.plain_yaml import plain_yaml, to_plain_yaml
from advgen_ray.credentials import holds_credentials
from advgen_ray.errors import UserError, first_line

Seed = Annotated[int, Field(ge=0, lt=2**32)]
"""What every library that draws takes, and every column of rows that name it."""


def _not_empty(place: str) -> str:
    """``output=$UNSET`` would be the root of the file system."""
    if not place.strip():
        raise ValueError("empty, expected a path or s3://BUCKET/NAME; is a shell variable not set?")
    return place


Place = Annotated[str, AfterValidator(_not_empty)]
"""Where something lies that a job reads or makes."""


class Config(BaseModel):
    """A frozen, validated description; unknown keys and wrong types are errors.

    Fields named in ``PLACEMENT`` say where and with how many machines a job runs, not what it computes: they
    stay out of the digest, so the same work may continue on another cluster.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
    PLACEMENT: ClassVar[frozenset[str]] = frozenset()

    @model_validator(mode="after")
    def _holds_no_credentials(self) -> Self:
        """A config is printed, stored with results and sent to MLflow."""
        mistake = _credentials({name: getattr(self, name) for name in type(self).model_fields})
        if mistake:
            raise ValueError(mistake)
        return self

    @classmethod
    def parse(cls, values: dict[str, Any]) -> Self:
        """Build from plain values; raises UserError naming the value, what was expected and the nearest key."""
        mistake = _credentials(values)  # before a message repeats a value
        if mistake:
            raise UserError(mistake)
        try:
            return cls.model_validate_json(json.dumps(values), strict=True)
        except ValidationError as error:
            raise UserError(_first_mistake(error, cls)) from None

    def changed(self, **changes: Any) -> Self:
        """A copy with changes, validated again, as ``model_copy`` alone would not; raises UserError."""
        try:
            return type(self)(**(dict(self) | changes))
        except ValidationError as error:
            raise UserError(_first_mistake(error, type(self))) from None

    def override(self, assignments: list[str]) -> Self:
        """A copy with dotted ``key=value`` assignments applied; values are YAML."""
        values = self.model_dump(mode="json")
        for assignment in assignments:
            key, equals, text = assignment.partition("=")
            if not equals:
                raise UserError(f"--set {assignment!r}: expected key=value, for example seed=1")
            *parents, leaf = key.strip().split(".")
            target = values
            for depth, parent in enumerate(parents, start=1):
                inner = target.get(parent)
                if not isinstance(inner, dict):
                    raise UserError(f"--set {key}: {_no_mapping('.'.join(parents[:depth]), parent, target)}")
                target = inner
            target[leaf] = _plain_value(key, text)
        return type(self).parse(self.followed(values))

    def followed(self, values: dict[str, Any]) -> dict[str, Any]:
        """Changed plain values of this config, with what follows from the changes; nothing, unless a class says so."""
        return values

    def to_yaml(self) -> str:
        """The whole config as YAML, defaults included."""
        return to_plain_yaml(self.model_dump(mode="json"))

    def digest(self) -> str:
        """Sixteen hex digits of what is computed (placement left out): equal digests mean equal results."""
        return hashlib.sha256(json.dumps(self.content(), sort_keys=True).encode()).hexdigest()[:16]

    def content(self) -> dict[str, Any]:
        """What is computed, as plain values: every field but those that say where it runs."""
        content = {}
        for name in type(self).model_fields:
            if name not in self.PLACEMENT:
                value = getattr(self, name)
                content[name] = value.content() if isinstance(value, Config) else _json(value)
        return content


ConfigT = TypeVar("ConfigT", bound=Config)


def resolve(base: ConfigT, file: str | None, assignments: list[str]) -> ConfigT:
    """The config a command line asks for: a recipe, then the file's keys over it, then the assignments."""
    if file is not None:
        values = base.followed(_deep_update(base, _read_yaml(file)))
        base = type(base).parse(values)
    return base.override(assignments)


def _read_yaml(file: str) -> dict[str, Any]:
    try:
        values = plain_yaml(Path(file).read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"--config {file}: {error.strerror}; give the path of a YAML file") from None
    except ValueError as error:
        raise UserError(f"--config {file}: not YAML: {first_line(error)}") from None
    if not isinstance(values, dict):
        raise UserError(f"--config {file}: expected a mapping of keys, got {type(values).__name__}")
    return values


def _deep_update(base: Config, changes: dict[str, Any]) -> dict[str, Any]:
    merged = base.model_dump(mode="json")
    for key, value in changes.items():
        inner = getattr(base, key, None)
        if isinstance(inner, Config) and isinstance(value, dict) and _same_kind(inner, value):
            value = _deep_update(inner, value)
        merged[key] = value
    return merged


def _same_kind(config: Config, changes: dict[str, Any]) -> bool:
    """Whether the changes are to a config of this class: another ``kind`` of model is given whole."""
    kind = type(config).model_fields.get("kind")
    return "kind" not in changes or kind is None or changes["kind"] in get_args(kind.annotation)


def _plain_value(key: str, text: str) -> Any:
    if not text.strip():
        return ""  # for YAML it would be null: to name nothing is `judge=`, to have none `max_steps=null`
    try:
        return plain_yaml(text)
    except ValueError as error:
        said = "it is not shown, as it may hold a password" if holds_credentials(text) else first_line(error)
        raise UserError(f"--set {key}: not YAML: {said}; text with marks of YAML's in it needs quotes") from None


def _credentials(values: dict[str, Any]) -> str | None:
    """What is wrong with plain values that hold an address with credentials, without saying it; None if none does."""
    for place, text in _texts(values):
        if holds_credentials(text):
            return (
                f"{place}: an address with a user name or password; credentials belong in the environment "
                "(AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, say), not into a config"
            )
    return None


def _texts(value: Any, place: str = "") -> Iterator[tuple[str, str]]:
    """Every string below a value with its dotted key; configs inside were looked at when they were made."""
    if isinstance(value, str):
        yield place, value
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from _texts(inner, f"{place}.{key}" if place else str(key))
    elif isinstance(value, (list, tuple)):
        for inner in value:
            yield from _texts(inner, place)


def _json(value: Any) -> Any:
    if isinstance(value, Config):
        return value.content()
    if isinstance(value, (list, tuple)):
        return [_json(item) for item in value]
    return value


def _unknown(key: str, known: Any) -> str:
    near = difflib.get_close_matches(key, list(known), n=1, cutoff=0.5)
    hint = f"did you mean {near[0]!r}?" if near else f"expected one of {', '.join(known)}"
    return f"unknown key {key!r}; {hint}"


def _no_mapping(path: str, key: str, known: dict[str, Any]) -> str:
    """What is wrong with a dotted key that goes on where the config has no mapping."""
    if key not in known:
        return _unknown(key, known)
    value = known[key]
    what = "null" if value is None else "a list" if isinstance(value, list) else "a single value"
    return f"{path} is {what} here; give it whole: --set '{path}={'{KEY: VALUE, ...}' if value is None else '...'}'"


def _first_mistake(error: ValidationError, config_type: type[Config]) -> str:
    """The first error as one line: where, what was wrong, what was given."""
    details = error.errors(include_url=False)
    same = [
        d for d in details if d["loc"][:1] == details[0]["loc"][:1]
    ]  # of one that takes this or that, what fits best
    first = next((d for d in details if d["type"] == "extra_forbidden"), max(same, key=lambda d: len(d["loc"])))
    location, keys = _resolved(config_type, first["loc"])
    where = ".".join(location)
    if first["type"] == "extra_forbidden":
        return f"{where}: {_unknown(location[-1], keys)}"
    if first["type"] == "value_error":
        message = str(first["ctx"]["error"])
        return f"{where}: {message}" if where else message
    if first["type"] == "missing":
        return f"{where}: missing; give it with --set {where}=..."
    return f"{where}: {first['msg'][0].lower()}{first['msg'][1:]}, got {first['input']!r}"


def _resolved(config_type: type[Config], location: tuple[int | str, ...]) -> tuple[list[str], list[str]]:
    """The dotted keys of a location without the tags of unions, and the keys that its last level has."""
    parts: list[str] = []
    choices: dict[str, type[Config]] = {}
    for part in map(str, location):
        if part.startswith(("literal[", "tuple[")):  # of a field that takes this or that
            continue
        if part in choices:
            config_type, choices = choices[part], {}
            continue
        parts.append(part)
        field = config_type.model_fields.get(part)
        found = [t for t in _members(field.annotation if field else None) if issubclass(t, Config)]
        choices = {get_args(t.model_fields["kind"].annotation)[0]: t for t in found} if len(found) > 1 else {}
        if len(found) == 1:
            config_type = found[0]
    return parts, list(config_type.model_fields)


def _members(annotation: Any) -> list[type]:
    """The classes that an annotation names, in a union or alone."""
    if isinstance(annotation, type):
        return [annotation]
    return [found for inner in get_args(annotation) for found in _members(inner)]
