"""The page on which a set of counterfactuals is looked at one by one: which set, whose opinions, and where it lies."""

from typing import ClassVar

from advgen_ray.config.base import Config, Place
from advgen_ray.config.parts import DataConfig


class ExploreCounterfactualsConfig(Config):
    """A page of every source with all its CEs, distances, difference images, and what each classifier says of them."""

    PLACEMENT: ClassVar[frozenset[str]] = frozenset({"output", "sources"})  # a set knows its sources by digest

    data: DataConfig = DataConfig()
    counterfactuals: Place = "runs/counterfactuals"
    sources: str = ""  # the set of counterfactuals that it was made of, where it was not made of a split
    energies: str = ""  # what classifiers say of the CEs and of their sources; empty: pictures and distances alone
    judge: str = "judge"  # the classifier among them that decides which CE is valid; empty: the first of them
    report: str = ""  # a page beside this one, linked to
    output: Place = "runs/explorer"
