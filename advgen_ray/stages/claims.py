"""Whose place an output is: a job of several stages notes what it computes there before it begins."""

from advgen_ray.config import Config
from advgen_ray.storage.descriptions import read_description, refuse_another, write_description
from advgen_ray.storage.filesystem import ensure_writable, exists, join


def claim(config: Config, output: str, file: str, kind: str) -> None:
    """Note in ``output/file`` what is computed there, or find that it is this already.

    Raises UserError where another config of the same ``kind`` works there, or the place cannot be written.
    """
    ensure_writable(output)
    mine = {"identity": config.digest(), "kind": kind, "config": config.content(), "inputs": {}}
    place = join(output, file)
    if exists(place):
        refuse_another(output, read_description(place), mine)
    else:
        write_description(place, mine)
