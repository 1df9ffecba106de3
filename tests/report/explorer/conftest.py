"""An explorer of invented counterfactuals, made once, and visits to it."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from advgen_ray.config import ExploreCounterfactualsConfig
from advgen_ray.stages.explorer import write_page
from advgen_ray.stages.explorer_inputs import read_explored
from tests.explorer_visit import Visit
from tests.invented_counterfactuals import invent


@pytest.fixture(scope="session")
def explored(tmp_path_factory: pytest.TempPathFactory) -> ExploreCounterfactualsConfig:
    """The explorer of 40 sources with twenty CEs each, made."""
    config = invent(tmp_path_factory.mktemp("explored"), num_sources=40, image_shape=(3, 40, 25))
    write_page(config, read_explored(config))
    return config


@pytest.fixture
def visit(browser: Any, explored: ExploreCounterfactualsConfig) -> Iterator[Callable[..., Visit]]:
    """Opens the explorer with some filters at some width."""
    visits: list[Visit] = []

    def go(hash_: str = "", width: int = 1280) -> Visit:
        visits.append(Visit(browser, Path(explored.output, "explorer.html").as_uri(), hash_, width))
        return visits[-1]

    yield go
    for one in visits:
        one.end()
