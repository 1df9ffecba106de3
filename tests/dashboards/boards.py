"""The files of dashboards/ as tests read them: panels, their queries, and which metrics these use."""

import json
import re
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from advgen_ray.distributed.metrics import COUNTERS, GAUGES, PREFIX

FOLDER = Path(__file__).parents[2] / "dashboards"
NAMES = ("cluster", "generation", "sweeps", "training")

# Ray's own metrics that panels and alerts may use, and which of them a node without GPUs does not export.
RAY_GPU = {"ray_node_gpus_utilization", "ray_node_gram_used", "ray_node_gram_available"}
RAY_OWN = RAY_GPU | {
    "ray_actors",
    "ray_node_cpu_count",
    "ray_node_cpu_utilization",
    "ray_node_disk_free",
    "ray_node_disk_usage",
    "ray_node_mem_total",
    "ray_node_mem_used",
    "ray_node_network_receive_speed",
    "ray_node_network_send_speed",
    "ray_object_store_memory",
    "ray_resources",
}

# These need a GPU. Without one their query is still asked, and must be accepted and find nothing.
GPU_PANELS = {
    "cluster: GPU memory used",
    "cluster: GPU utilization",
    "cluster: GPUs allotted",
    "generation: GPU utilization",
    "training: GPU utilization",
}


def exported() -> set[str]:
    """Every name as Prometheus sees it."""
    return {f"ray_{PREFIX}{name}" for name in (*GAUGES, *COUNTERS)}


class Query(NamedTuple):
    """One query of a panel, as Prometheus takes it."""

    panel: str  # "training: Loss"
    expr: str


def board(name: str) -> dict[str, Any]:
    """One dashboard."""
    content: dict[str, Any] = json.loads((FOLDER / f"{name}.json").read_text())
    return content


def queries() -> list[Query]:
    """Every query of every panel, with each variable at All."""
    found = []
    for name in NAMES:
        content = board(name)
        every = {variable["name"]: variable.get("allValue", "") for variable in content["templating"]["list"]}
        for panel in content["panels"]:
            for target in panel["targets"]:
                expr = re.sub(r"\$(\w+)", lambda match, every=every: every[match.group(1)], target["expr"])
                found.append(Query(f"{name}: {panel['title']}", expr))
    return found


def alerts() -> list[dict[str, Any]]:
    """Every alerting rule."""
    content = yaml.safe_load((FOLDER / "alerts.yml").read_text())
    return [rule for group in content["groups"] for rule in group["rules"]]


def metrics_of(expr: str) -> set[str]:
    """The metrics that a query reads, its labels' values left out."""
    return set(re.findall(r"\b(?:ray_\w+|up)\b(?!\s*\()", re.sub(r'"[^"]*"', '""', expr)))
