"""YAML as plain values: text, numbers, true, false and null, lists, and mappings whose keys are text."""

import json
from typing import Any

import yaml

from advgen_ray.errors import first_line

_DATE = "tag:yaml.org,2002:timestamp"


class _Loader(yaml.SafeLoader):
    """Without dates: ``output=2024-11-21`` names a folder."""

    yaml_implicit_resolvers = {  # noqa: RUF012 - of the class, as yaml has it
        first: [(tag, pattern) for tag, pattern in known if tag != _DATE]
        for first, known in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


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
