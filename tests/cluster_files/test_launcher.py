"""The files for `ray up` against Ray's own checks and ours; and every check against the mistake it is there for."""

import copy
from collections.abc import Callable
from typing import Any

import pytest
from ray.autoscaler._private.aws import config as aws

from tests.cluster_files.demands import demands, unmet
from tests.cluster_files.launcher_checks import Config, complaints, is_spot, workers
from tests.cluster_files.repository import CLUSTER, load, secrets

FILES = ["aws.yaml", "gcp.yaml"]


@pytest.mark.parametrize("name", FILES)
def test_ray_and_we_find_nothing_wrong(name: str) -> None:
    assert complaints(load(name)) == []
    assert secrets((CLUSTER / name).read_text()) == []  # comments too


@pytest.mark.parametrize("name", FILES)
def test_nodes_serve_every_recipe(name: str) -> None:
    """Spot nodes all that any recipe asks for; on-demand ones any group of workers, which must stand at one time."""
    config = load(name)
    assert len(demands()) > 60
    for kind in workers(config).values():
        assert unmet(kind["resources"], config["max_workers"]) == []
        if is_spot(config, kind):
            assert unmet(kind["resources"], kind["max_workers"]) == []
    assert unmet({"CPU": 2.0, "GPU": 1.0}, 8)  # such nodes would not do
    assert unmet({"CPU": 8.0, "GPU": 1.0}, 7)


def test_ray_leaves_our_security_groups_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its own code asks no cloud where groups are named, and would make one that is open where one is not."""

    def refuse(*_: Any) -> None:
        raise RuntimeError("a group is made")

    monkeypatch.setattr(aws, "_upsert_security_groups", refuse)
    monkeypatch.setattr(aws, "_set_config_info", lambda **_: None)
    config = load("aws.yaml")
    assert aws._configure_security_group(copy.deepcopy(config)) == config
    del config["available_node_types"]["gpu_spot"]["node_config"]["SecurityGroupIds"]
    with pytest.raises(RuntimeError, match="a group is made"):
        aws._configure_security_group(config)
    assert aws._create_default_ssh_inbound_rules()[0]["IpRanges"] == [{"CidrIp": "0.0.0.0/0"}]


def put(*path: str, value: Any) -> Callable[[Config], None]:
    """A change that sets one key, however deep."""

    def change(config: Config) -> None:
        for key in path[:-1]:
            config = config[key]
        config[path[-1]] = value

    return change


def drop(*path: str) -> Callable[[Config], None]:
    """A change that removes one key."""

    def change(config: Config) -> None:
        for key in path[:-1]:
            config = config[key]
        del config[path[-1]]

    return change


TYPES, SPOT = "available_node_types", "gpu_spot"
MISTAKES: list[tuple[str, Callable[[Config], None], str]] = [
    ("a head type that is not there", put("head_node_type", value="haed"), "ray: "),
    ("an unknown key", put("idle_timeout", value=5), "ray: ValidationError"),
    ("an unknown key of a type", put(TYPES, SPOT, "max_worker", value=5), "ray: ValidationError"),
    ("a word for a number", put(TYPES, SPOT, "max_workers", value="eight"), "ray: ValidationError"),
    ("a sum of minima over the maximum", put(TYPES, SPOT, "min_workers", value=9), "ray: "),
    ("a minimum over its maximum", put(TYPES, "gpu_on_demand", "min_workers", value=5), "outside 5 to 8"),
    ("workers that stay", put(TYPES, SPOT, "min_workers", value=1), "only 0 scales to zero"),
    ("no limit", drop(TYPES, SPOT, "max_workers"), "max_workers None"),
    ("a head with a GPU", put(TYPES, "head", "resources", value={"CPU": 8, "GPU": 1}), "no GPU, got"),
    ("workers of the head's type", put(TYPES, "head", "max_workers", value=2), "head: max_workers"),
    ("GPU workers without a GPU", put(TYPES, SPOT, "resources", value={"CPU": 8}), "no GPU in"),
    ("no spot type", drop(TYPES, SPOT), "expected spot and on-demand"),
    ("no on-demand type", drop(TYPES, "gpu_on_demand"), "expected spot and on-demand"),
    ("on-demand first", put(TYPES, "gpu_on_demand", "priority", value=1), "not after spot"),
    ("no idle timeout", drop("idle_timeout_minutes"), "idle_timeout_minutes"),
    ("idle for a day", put("idle_timeout_minutes", value=1440), "idle_timeout_minutes"),
    ("disks of stopped nodes", drop("provider", "cache_stopped_nodes"), "disks of stopped nodes"),
    ("hundreds of nodes", put("max_workers", value=500), "max_workers: 500"),
    ("a dashboard for everyone", put("head_start_ray_commands", value=["ray start --head --dashboard-host=0.0.0.0"]),
     "head: start command"),
    ("Ray's own start", drop("head_start_ray_commands"), "so Ray takes its own"),
    ("no token asked for", put("worker_start_ray_commands", value=["ray start --address=$RAY_HEAD_IP:6379"]),
     "which asks for a token"),
    ("no token sent", drop("file_mounts", "/home/ubuntu/.ray/auth_token"), "token does not travel"),
    ("a file that is not there", put("file_mounts", "/home/ubuntu/x", value="cluster/x"), "no file cluster/x"),
    ("a file outside home", put("file_mounts", "/etc/x", value="README.md"), "not under /home/ubuntu"),
    ("no constraints", drop("file_mounts", "/home/ubuntu/advgen/constraints.txt"), "constraints.txt does not travel"),
    ("no installation", put("setup_commands", value=["pip install ray"]), "do not install this project"),
    ("a token", put("setup_commands", value=["bash ~/advgen/setup_node.sh", "export RAY_AUTH_TOKEN=" + "0af1" * 8]),
     "secret: "),
    ("a cloud's key", put("initialization_commands", value=["aws configure set x AKIA" + "Q7" * 8]), "secret: AKIA"),
]  # fmt: skip


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize(("change", "words"), [case[1:] for case in MISTAKES], ids=[case[0] for case in MISTAKES])
def test_a_mistake_is_found(name: str, change: Callable[[Config], None], words: str) -> None:
    config = copy.deepcopy(load(name))
    change(config)
    assert any(words in line for line in complaints(config)), complaints(config)


CLOUDS: list[tuple[str, str, Callable[[Config], None], str]] = [
    ("aws.yaml", "spot in name only", drop(TYPES, SPOT, "node_config", "InstanceMarketOptions"), "says otherwise"),
    ("gcp.yaml", "spot in name only", put(TYPES, SPOT, "node_config", "scheduling", value={}), "says otherwise"),
    ("aws.yaml", "no group", drop(TYPES, "head", "node_config", "SecurityGroupIds"), "port 22 open to everyone"),
    ("aws.yaml", "an open port",
     put("provider", "security_group", value={"IpPermissions": [{"IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]}),
     "lets others in"),
    ("aws.yaml", "a field that EC2 has not", put(TYPES, SPOT, "node_config", "InstanceMarketOption", value={}),
     'gpu_spot: Unknown parameter in input: "InstanceMarketOption"'),
    ("aws.yaml", "a list for a name", put(TYPES, "head", "node_config", "InstanceType", value=["m7i"]), "Invalid type"),
    ("gcp.yaml", "a field that GCE has not", put(TYPES, SPOT, "node_config", "machinetype", value="x"), "no field"),
    ("gcp.yaml", "a GPU that moves", drop(TYPES, SPOT, "node_config", "scheduling", "onHostMaintenance"),
     "cannot move"),
    ("gcp.yaml", "the default network",
     put(TYPES, "head", "node_config", "networkInterfaces", value=[{"subnetwork": "regions/r/subnetworks/default"}]),
     "default network"),
    ("gcp.yaml", "Ray's choice of network", drop(TYPES, SPOT, "node_config", "networkInterfaces"), "an own network"),
    ("gcp.yaml", "a firewall tag", put(TYPES, SPOT, "node_config", "tags", value={"items": ["http-server"]}), "tags"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "change", "words"), [(c[0], *c[2:]) for c in CLOUDS], ids=[f"{c[0]}: {c[1]}" for c in CLOUDS]
)
def test_a_mistake_with_one_cloud_is_found(name: str, change: Callable[[Config], None], words: str) -> None:
    config = copy.deepcopy(load(name))
    change(config)
    assert any(words in line for line in complaints(config)), complaints(config)
