"""What is wrong with a file for `ray up`: what Ray itself refuses, and the mistakes that it lets pass and that cost."""

import copy
import re
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import botocore.session
import yaml
from botocore.validate import ParamValidator
from ray.autoscaler._private.util import prepare_config, validate_config

from tests.cluster_files.repository import ROOT, WHEEL, secrets

Config = dict[str, Any]
GCP_FIELDS = {"machineType", "networkInterfaces", "disks", "scheduling", "guestAccelerators", "metadata", "tags"}
GCP_SCHEDULING = {"onHostMaintenance", "provisioningModel", "instanceTerminationAction", "automaticRestart"}
MADE_BY_COMMANDS = {f"dist/{WHEEL}", "~/.ray/auth_token"}  # make wheel, ray get-auth-token --generate


def complaints(config: Config) -> list[str]:
    """One line for each mistake of a launcher file; none for a good one."""
    try:
        prepared = prepare_config(copy.deepcopy(config))
        validate_config(prepared)
    except Exception as error:  # Ray raises whatever its parts raise
        return [f"ray: {type(error).__name__}: {str(error).splitlines()[0]}"]
    checks = (_types, _machines, _cost, _markets, _network, _setup, _start)
    found = [line for check in checks for line in check(config)]
    return found + secrets(yaml.safe_dump(config))


def workers(config: Config) -> Config:
    """The node types that are not the head's."""
    return {name: kind for name, kind in config["available_node_types"].items() if name != config["head_node_type"]}


def is_spot(config: Config, kind: Config) -> bool:
    """Whether the cloud may take nodes of a type away, at a lower price."""
    node = kind["node_config"]
    if config["provider"]["type"] == "aws":
        return bool(node.get("InstanceMarketOptions", {}).get("MarketType") == "spot")
    return bool(node.get("scheduling", {}).get("provisioningModel") == "SPOT")


def _types(config: Config) -> Iterator[str]:
    head = config["available_node_types"][config["head_node_type"]]  # Ray refuses a name that is not there
    if head["resources"].get("GPU") or not head["resources"].get("CPU"):
        yield f"head: expected CPUs and no GPU, got {head['resources']}"
    if head.get("max_workers") != 0:
        yield "head: max_workers must be 0, else workers of its type are started"
    for name, kind in workers(config).items():
        least, most = kind.get("min_workers"), kind.get("max_workers")
        if least != 0:
            yield f"{name}: min_workers {least}; only 0 scales to zero"
        if most is None or not 0 < most <= config["max_workers"] or most < (least or 0):
            yield f"{name}: max_workers {most} outside {least} to {config['max_workers']}"
        if not kind["resources"].get("GPU"):
            yield f"{name}: no GPU in {kind['resources']}"


def _machines(config: Config) -> Iterator[str]:
    """Ray passes node_config on unread: Amazon's client knows its fields; of Google's these are ours."""
    for name, kind in config["available_node_types"].items():
        node, scheduling = kind["node_config"], kind["node_config"].get("scheduling", {})
        if config["provider"]["type"] == "aws":
            report = ParamValidator().validate({**node, "MinCount": 1, "MaxCount": 1}, _ec2_node())
            yield from (f"{name}: {line}" for line in report.generate_report().splitlines())
        else:
            for key in sorted(node.keys() - GCP_FIELDS | scheduling.keys() - GCP_SCHEDULING):
                yield f"{name}: no field {key}"
            if kind["resources"].get("GPU") and scheduling.get("onHostMaintenance") != "TERMINATE":
                yield f"{name}: a node with a GPU cannot move; onHostMaintenance must be TERMINATE"


@cache
def _ec2_node() -> Any:
    """What Amazon takes for a node; reading all that it takes costs a third of a second."""
    model = botocore.session.get_session().get_service_model("ec2")
    return model.operation_model("RunInstances").input_shape


def _cost(config: Config) -> Iterator[str]:
    if not 0 < config.get("idle_timeout_minutes", 0) <= 30:
        yield f"idle_timeout_minutes: {config.get('idle_timeout_minutes')} is not within 0 to 30"
    if config["provider"].get("cache_stopped_nodes") is not False:
        yield "provider.cache_stopped_nodes: not false; disks of stopped nodes cost on"
    if not 0 < config.get("max_workers", 0) <= 32:
        yield f"max_workers: {config.get('max_workers')} is not within 0 to 32"


def _markets(config: Config) -> Iterator[str]:
    kinds = workers(config)
    spot = {name for name, kind in kinds.items() if is_spot(config, kind)}
    if not spot or spot == set(kinds):
        yield f"workers: expected spot and on-demand types, got {sorted(kinds)} of which spot: {sorted(spot)}"
    for name in kinds:
        if ("spot" in name) != (name in spot):
            yield f"{name}: its name says otherwise than its node_config"
    if spot and min(kinds[name].get("priority", 0) for name in spot) <= max(
        (kind.get("priority", 0) for name, kind in kinds.items() if name not in spot), default=-1
    ):
        yield "workers: on-demand is not after spot in priority"


def _network(config: Config) -> Iterator[str]:
    text = yaml.safe_dump({key: config.get(key) for key in ("provider", "available_node_types", "auth")})
    if "0.0.0.0/0" in text or "::/0" in text or "IpPermissions" in text:
        yield "network: a rule that lets others in"
    for name, kind in config["available_node_types"].items():
        node = kind["node_config"]
        if config["provider"]["type"] == "aws" and not node.get("SecurityGroupIds"):
            yield f"{name}: no SecurityGroupIds; Ray would make a group with port 22 open to everyone"
        if config["provider"]["type"] == "gcp":
            if not all("default" not in one["subnetwork"] for one in node.get("networkInterfaces", [])):
                yield f"{name}: the default network has port 22 open to everyone"
            if not node.get("networkInterfaces") or node.get("tags"):
                yield f"{name}: expected networkInterfaces of an own network and no firewall tags"


def _setup(config: Config) -> Iterator[str]:
    mounts = config.get("file_mounts", {})
    home = f"/home/{config['auth']['ssh_user']}"
    for remote, local in mounts.items():
        if not remote.startswith(f"{home}/"):
            yield f"file_mounts: {remote} is not under {home}"
        if local not in MADE_BY_COMMANDS and not (ROOT / local).is_file():
            yield f"file_mounts: no file {local}"
    if mounts.get(f"{home}/.ray/auth_token") != "~/.ray/auth_token":
        yield "file_mounts: the cluster's token does not travel"
    for name in (WHEEL, "constraints.txt", "setup_node.sh"):
        if f"{home}/advgen/{name}" not in mounts:
            yield f"setup: {name} does not travel"
    if "bash ~/advgen/setup_node.sh" not in config.get("setup_commands", []):
        yield "setup: setup_commands do not install this project"


def _start(config: Config) -> Iterator[str]:
    head = " ; ".join(config.get("head_start_ray_commands", []))
    worker = " ; ".join(config.get("worker_start_ray_commands", []))
    wanted: list[tuple[str, str, Callable[[str], bool]]] = [
        ("head", head, lambda text: "--dashboard-host=127.0.0.1" in text),
        ("head", head, lambda text: "--head" in text and "--autoscaling-config=~/ray_bootstrap_config.yaml" in text),
        ("worker", worker, lambda text: "--address=$RAY_HEAD_IP:6379" in text),
    ]
    for name, text, holds in wanted:
        if not holds(text):
            yield f"{name}: start command: {text or 'none, so Ray takes its own'}"
    for command in [*config.get("head_start_ray_commands", []), *config.get("worker_start_ray_commands", [])]:
        if not re.match(r"\. ~/advgen/env && ", command):
            yield f"start command without the node's environment, which asks for a token: {command}"
