"""Whose place an output is: a job of several stages notes what it computes there before it begins."""

from collections.abc import Mapping

from advgen_ray.config import Config
from advgen_ray.storage.descriptions import identity_of, read_description, refuse_another, write_description
from advgen_ray.storage.filesystem import ensure_writable, exists, join


def take_output(config: Config, output: str, file: str, kind: str, inputs: Mapping[str, str] | None = None) -> None:
    """Note in ``output/file`` what is computed there, or find that it is this already.

    ``inputs`` are digests of what the config names without saying what it holds. Raises UserError where another config
    or other inputs of the same ``kind`` are at work there, or the place cannot be written.
    """
    ensure_writable(output)
    given, content = dict(inputs or {}), config.content()
    identity = identity_of(kind, content, given) if given else config.digest()
    mine = {"identity": identity, "kind": kind, "config": content, "inputs": given}
    place = join(output, file)
    if exists(place):
        refuse_another(output, read_description(place), mine)
    else:
        write_description(place, mine)
