"""The dashboards as Grafana reads them: queries over metrics that exist, panels that do not overlap, all described."""

import itertools
import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard

from advgen_ray.distributed.metrics import COUNTERS, GAUGES, PREFIX, TAGS
from tests.dashboards.boards import FOLDER, GPU_PANELS, NAMES, RAY_GPU, RAY_OWN, board, exported, metrics_of, queries

COLUMNS = 24
NOT_IN_THE_SDK = r"templating\.list\.\d+\.definition"  # the query as Grafana's editor shows it
LABELS_OF_SCRAPES = {"instance", "job", "GpuIndex", "Name", "State", "Source", "Location"}


def test_these_are_all() -> None:
    assert {path.stem for path in FOLDER.glob("*.json")} == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_panels_lie_in_the_grid_and_none_on_another(name: str) -> None:
    taken: set[tuple[int, int]] = set()
    for panel in board(name)["panels"]:
        place = panel["gridPos"]
        cells = set(
            itertools.product(range(place["x"], place["x"] + place["w"]), range(place["y"], place["y"] + place["h"]))
        )
        assert cells
        assert place["x"] + place["w"] <= COLUMNS
        assert not cells & taken, panel["title"]
        taken |= cells
    heights = {y for _, y in taken}
    assert heights == set(range(max(heights) + 1)), "no empty row"


@pytest.mark.parametrize("name", NAMES)
def test_each_is_whole(name: str) -> None:
    content = board(name)
    assert content["uid"] == f"advgen-{name}"
    assert content["schemaVersion"] >= 39
    variables = [variable["name"] for variable in content["templating"]["list"]]
    assert variables[0] == "datasource"
    panels = content["panels"]
    for field in ("id", "title"):
        assert len({panel[field] for panel in panels}) == len(panels)
    for panel in panels:
        assert panel["description"].endswith(".")
        assert panel["fieldConfig"]["defaults"]["unit"]
        assert panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
        assert [target["refId"] for target in panel["targets"]] == list("ABCDEF")[: len(panel["targets"])]
        for target in panel["targets"]:
            assert target["legendFormat"]
            assert set(re.findall(r"\$(\w+)", target["expr"])) <= set(variables)
    assert len({board(one)["uid"] for one in NAMES}) == len(NAMES)
    assert "://" not in json.dumps(content), "no address of anybody's"


@pytest.mark.parametrize("name", NAMES)
def test_grafana_s_own_model_knows_every_field(name: str) -> None:
    """Read and written by its SDK a board is what it was, panels and queries by the plugins of their types too."""
    register_default_plugins()
    content = board(name)
    again = json.loads(JSONEncoder(sort_keys=True).encode(Dashboard.from_json(content)))
    lost = [place for place in _differences(content, again) if not re.fullmatch(NOT_IN_THE_SDK, place)]
    assert not lost
    content["panels"][0]["fieldConfig"]["defaults"]["colour"] = {"mode": "fixed"}
    again = json.loads(JSONEncoder(sort_keys=True).encode(Dashboard.from_json(content)))
    assert "panels.0.fieldConfig.defaults.colour" in set(_differences(content, again))


def _differences(asked: Any, found: Any, place: str = "") -> Iterator[str]:
    """Where two values of JSON differ, as dotted places; what only ``found`` has is no difference."""
    if isinstance(asked, list) and isinstance(found, list) and len(asked) == len(found):
        asked, found = dict(enumerate(asked)), dict(enumerate(found))
    if not isinstance(asked, dict) or not isinstance(found, dict):
        if asked != found:
            yield place
        return
    for key, value in asked.items():
        yield from _differences(value, found.get(key), f"{place}.{key}".lstrip("."))


def test_queries_read_what_is_exported_by_labels_that_it_has() -> None:
    described = {f"ray_{PREFIX}{key}": metric.tags for key, metric in (GAUGES | COUNTERS).items()}
    for query in queries():
        used = metrics_of(query.expr)
        assert used, query
        assert used <= exported() | RAY_OWN, query
        labels = set(re.findall(r"(\w+)\s*(?:=~|!=|!~|=)\s*\"", query.expr))
        labels |= {one for group in re.findall(r"(?:by|on) \(([^)]*)\)", query.expr) for one in group.split(", ")}
        has = LABELS_OF_SCRAPES | {label for metric in used & described.keys() for label in (*TAGS, *described[metric])}
        assert labels <= has, query


def test_every_metric_of_ours_is_on_some_panel() -> None:
    shown = {metric for query in queries() for metric in metrics_of(query.expr)}
    assert exported() <= shown


def test_panels_that_need_a_gpu_are_the_listed_ones() -> None:
    needing = {query.panel for query in queries() if metrics_of(query.expr) & RAY_GPU or 'Name="GPU"' in query.expr}
    assert needing == GPU_PANELS


def test_names_say_what_they_count() -> None:
    assert all(name.endswith("_total") for name in COUNTERS)
    assert not any(name.endswith("_total") for name in GAUGES)


def test_grafana_finds_both_the_data_and_the_boards() -> None:
    places = ("datasources/prometheus.yml", "dashboards/advgen.yml")
    data, boards = (yaml.safe_load((FOLDER / "provisioning" / place).read_text()) for place in places)
    assert [one["type"] for one in data["datasources"]] == ["prometheus"]
    assert data["datasources"][0]["isDefault"] is True
    assert [one["options"]["path"] for one in boards["providers"]] == ["${ADVGEN_DASHBOARDS}"]
    guide = (FOLDER / "README.md").read_text()
    assert all(f"{name}=" in guide for name in ("ADVGEN_DASHBOARDS", "ADVGEN_PROMETHEUS_URL", "GF_PATHS_PROVISIONING"))
