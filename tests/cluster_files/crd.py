"""KubeRay's own definition of its resources, where ADVGEN_KUBERAY_CRD names a file of one or more documents."""

import copy
import os
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft7Validator

Schema = dict[str, Any]


def schemas() -> dict[str, Schema]:
    """Strict schemas of version v1 by kind, from the file that the environment names; none without it."""
    file = os.environ.get("ADVGEN_KUBERAY_CRD")
    if not file:
        return {}
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # a megabyte takes the other one half a minute
    return by_kind(list(yaml.load_all(Path(file).read_text(), Loader=loader)))


def by_kind(documents: list[Schema]) -> dict[str, Schema]:
    """The strict schema of each CustomResourceDefinition among some documents."""
    found = {}
    for document in documents:
        if document and document.get("kind") == "CustomResourceDefinition":
            version = next(one for one in document["spec"]["versions"] if one["name"] == "v1")
            found[document["spec"]["names"]["kind"]] = _strict(copy.deepcopy(version["schema"]["openAPIV3Schema"]))
    return found


def errors(schema: Schema, resource: Schema) -> list[str]:
    """What of a resource the schema refuses, each with its place."""
    found = Draft7Validator(schema).iter_errors(resource)
    return [f"{'.'.join(map(str, error.absolute_path))}: {error.message[:200]}" for error in found]


def _strict(schema: Schema) -> Schema:
    """The API server drops a field that it does not know; here that is an error, or a typo would pass."""
    if schema.get("x-kubernetes-int-or-string"):
        return {"type": ["integer", "string"]}
    for name, part in schema.get("properties", {}).items():
        if name != "metadata":
            schema["properties"][name] = _strict(part)
    for key in ("items", "additionalProperties"):
        if isinstance(schema.get(key), dict):
            schema[key] = _strict(schema[key])
    if "properties" in schema and "additionalProperties" not in schema:
        schema["additionalProperties"] = bool(schema.get("x-kubernetes-preserve-unknown-fields"))
    return schema
