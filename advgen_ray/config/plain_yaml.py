"""YAML as plain values: text, numbers, true, false and null, lists, and mappings whose keys are text."""

import json
import re
from collections.abc import Mapping
from typing import Any

import yaml

from advgen_ray.errors import first_line

_DATE = "tag:yaml.org,2002:timestamp"
_FLOAT = "tag:yaml.org,2002:float"
# 1e-3, which YAML 1.1 reads as text for want of a point.
_EXPONENT = re.compile(r"[-+]?([0-9]+(\.[0-9]*)?|\.[0-9]+)[eE][-+]?[0-9]+$")
_BEGINNINGS = list("-+.0123456789")


class _Loader(yaml.SafeLoader):
    """Without dates, as ``output=2024-11-21`` names a folder; no key twice, of which the first would be forgotten."""

    yaml_implicit_resolvers = {  # noqa: RUF012 - of the class, as yaml has it
        first: [(tag, pattern) for tag, pattern in known if tag != _DATE]
        for first, known in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        node = super().compose_mapping_node(anchor)
        keys: set[str] = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode):
                if key.value in keys:
                    raise yaml.MarkedYAMLError(problem=f"key {key.value!r} is given twice; keep one of them")
                keys.add(key.value)
        return node


class _Dumper(yaml.SafeDumper):
    """Quotes what the loader would read as a number."""


_Loader.add_implicit_resolver(_FLOAT, _EXPONENT, _BEGINNINGS)
_Dumper.add_implicit_resolver(_FLOAT, _EXPONENT, _BEGINNINGS)


def to_plain_yaml(values: Mapping[str, Any]) -> str:
    """What ``plain_yaml`` reads as these values, in their order."""
    return yaml.dump(values, Dumper=_Dumper, sort_keys=False)


def plain_yaml(text: str) -> Any:
    """What a text says; raises ValueError, in one line, where it is no YAML or holds what JSON cannot."""
    try:
        return json.loads(json.dumps(yaml.load(text, _Loader)))
    except yaml.MarkedYAMLError as error:
        raise ValueError(error.problem or error.context or "no YAML") from None
    except RecursionError:
        raise ValueError("nested too deeply") from None
    except Exception as error:  # where a text does not fit its tag, yaml raises what comes of it
        raise ValueError(first_line(error)) from None
