"""A config that a page shows is one that ``--config`` reads as the same values."""

import re
from pathlib import Path
from typing import Any

import pytest

from advgen_ray import report
from advgen_ray.config.plain_yaml import plain_yaml
from advgen_ray.report.blocks import full_config, full_configs


@pytest.mark.parametrize(
    "value", ["1e-3", "2e5", "1_000", "2024-11-21", "yes", 1e-05, 1e16, None, [], {"eps": ["1e3"]}]
)
def test_what_a_page_shows_is_read_back(value: Any) -> None:
    config = {"output": value, "attack": {"eps": 0.5}}
    shown = full_config("evaluation", config)
    assert (shown.title, [name for name, _ in shown.items]) == ("Full config", ["evaluation"])
    several = full_configs([("first", {}), ("second", config)])
    assert [plain_yaml(text) for _, text in [*shown.items, *several.items]] == [config, {}, config]


def test_no_page_writes_yaml_by_itself() -> None:
    pages = Path(report.__file__).parent.glob("*.py")
    assert [path.name for path in pages if re.search(r"^(import|from) yaml", path.read_text(), re.MULTILINE)] == []
