"""KubeRay's resources against our checks and, where its definition is given, against that; and each check's mistake."""

import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from advgen_ray import recipes
from advgen_ray.config import resolve
from advgen_ray.config.programs import JOBS
from tests.cluster_files import crd
from tests.cluster_files.demands import of, unmet
from tests.cluster_files.kuberay_checks import SPOT, Resource, complaints, container, offer
from tests.cluster_files.repository import CLUSTER, load, secrets

CLUSTER_FILE, JOB_FILE = "kuberay/cluster.yaml", "kuberay/job.yaml"


@pytest.mark.parametrize("name", [CLUSTER_FILE, JOB_FILE])
def test_nothing_is_wrong(name: str) -> None:
    assert complaints(load(name)) == []
    assert secrets((CLUSTER / name).read_text()) == []


def test_a_job_brings_the_same_cluster() -> None:
    assert load(JOB_FILE)["spec"]["rayClusterSpec"] == load(CLUSTER_FILE)["spec"]


def test_groups_serve_every_recipe() -> None:
    groups = {group["groupName"]: group for group in load(CLUSTER_FILE)["spec"]["workerGroupSpecs"]}
    assert unmet(offer(groups["gpu-spot"]), groups["gpu-spot"]["maxReplicas"]) == []
    assert unmet(offer(groups["gpu-on-demand"]), 8) == []  # its pods are the same, only fewer
    assert all(unmet({**offer(group), "GPU": 0.0}, 8) for group in groups.values())


def test_the_volume_is_the_one_that_pods_mount() -> None:
    volume = load("kuberay/storage.yaml")
    assert volume["spec"]["accessModes"] == ["ReadWriteMany"]
    spec = load(CLUSTER_FILE)["spec"]
    for group in (spec["headGroupSpec"], *spec["workerGroupSpecs"]):
        claims = [one["persistentVolumeClaim"]["claimName"] for one in group["template"]["spec"]["volumes"]]
        assert claims == [volume["metadata"]["name"]]


def test_the_entrypoint_is_a_job_that_asks_for_gpus_and_keeps_its_results() -> None:
    """By number: on a cluster that starts with none, "one where there is any" is none."""
    python, script, *words = shlex.split(load(JOB_FILE)["spec"]["entrypoint"])
    job = script.removeprefix("/opt/advgen/jobs/").removesuffix(".py")
    assert python == "python"
    assert (CLUSTER.parent / "jobs" / f"{job}.py").is_file()
    assert "COPY jobs /opt/advgen/jobs" in (CLUSTER / "Dockerfile").read_text().splitlines()
    pairs = list(zip(words[::2], words[1::2], strict=True))
    assert {option for option, _ in pairs} == {"--recipe", "--set"}
    recipe = next(value for option, value in pairs if option == "--recipe")
    config = resolve(recipes.find(recipe, JOBS[job]), None, [value for option, value in pairs if option == "--set"])
    assert config.workers.gpus_per_worker == 1
    assert config.output.startswith("/shared/")
    assert config.data.root.startswith("/shared/")
    (records,) = yaml.safe_load(load(JOB_FILE)["spec"]["runtimeEnvYAML"])["env_vars"].items()
    assert records == ("ADVGEN_RECORDS", str(Path(config.output).parent)), "a pod's own folder goes with the cluster"
    assert all(demand.count <= 4 for demand in of(recipe, config))  # on-demand nodes alone would do


Change = Callable[[Resource], None]


def put(*path: str | int, value: Any) -> Change:
    """A change that sets one key of a RayCluster's spec, however deep."""

    def change(spec: Resource) -> None:
        for key in path[:-1]:
            spec = spec[key]
        spec[path[-1]] = value

    return change


def in_spot(*path: str | int, value: Any) -> Change:
    """The same within the first group, that of spot nodes."""
    return put("workerGroupSpecs", 0, *path, value=value)


POD = ("template", "spec")
RUNS = (*POD, "containers", 0)
MISTAKES: list[tuple[str, Change, str]] = [
    ("no group of spot nodes", lambda spec: spec["workerGroupSpecs"].pop(0), "expected spot and on-demand"),
    ("no group of others", lambda spec: spec["workerGroupSpecs"].pop(1), "expected spot and on-demand"),
    ("spot in name only", in_spot(*POD, "nodeSelector", value={}), "its name says otherwise"),
    ("a taint", in_spot(*POD, "tolerations", value=[{"key": "nvidia.com/gpu"}]), f"taint {SPOT}"),
    ("on-demand anywhere", put("workerGroupSpecs", 1, *POD, "affinity", value={}), "keeps it from spot"),
    ("on-demand first", put("workerGroupSpecs", 1, "priority", value=2), "not after spot"),
    ("idleTimeout", in_spot("idleTimeout", value=60), "no field idleTimeout"),
    ("a typo in the cluster", put("rayversion", value="2"), "no field rayversion"),
    ("a typo in the autoscaler", put("autoscalerOptions", "idleTimeout", value=1), "no field idleTimeout"),
    ("a typo in the head", put("headGroupSpec", "rayStartParam", value={}), "no field rayStartParam"),
    ("another Ray", put("rayVersion", value="2.41.0"), "rayVersion"),
    ("no token", put("authOptions", value={"mode": "disabled"}), "may run code"),
    ("autoscaler v1", put("autoscalerOptions", "version", value="v1"), "version v2"),
    ("no autoscaler", put("enableInTreeAutoscaling", value=False), "enableInTreeAutoscaling"),
    ("idle for ever", put("autoscalerOptions", "idleTimeoutSeconds", value=0), "autoscaler: no idleTimeoutSeconds"),
    ("a group idle for a day", in_spot("idleTimeoutSeconds", value=86400), "gpu-spot: no idleTimeoutSeconds"),
    ("a pod that stays", in_spot("minReplicas", value=1), "never goes to zero"),
    ("no limit", lambda spec: spec["workerGroupSpecs"][0].pop("maxReplicas"), "maxReplicas None"),
    ("a head with a GPU", put("headGroupSpec", *RUNS, "resources", "limits", "nvidia.com/gpu", value=1), "no GPU, got"),
    ("a head with no core left", put("headGroupSpec", "rayStartParams", "num-cpus", value="6"), "none is left"),
    ("an open head", put("headGroupSpec", "serviceType", value="LoadBalancer"), "from outside"),
    ("an ingress", put("headGroupSpec", "enableIngress", value=True), "from outside"),
    ("a port of the host", put("headGroupSpec", *RUNS, "ports", value=[{"hostPort": 8265}]), "port of the host"),
    ("no GPU", in_spot(*RUNS, "resources", value={"limits": {"cpu": "7"}, "requests": {"cpu": "7"}}), "no GPU"),
    ("requests below limits", in_spot(*RUNS, "resources", "requests", value={"cpu": "1"}), "limits and requests"),
    ("another image", in_spot(*RUNS, "image", value="rayproject/ray:latest"), "image rayproject"),
    ("a pod used twice", in_spot(*POD, "restartPolicy", value="Always"), "must be Never"),
    ("root", in_spot(*POD, "securityContext", value={}), "gpu-spot: root"),
    ("no shared storage", in_spot(*RUNS, "volumeMounts", value=[]), "no shared storage"),
    ("a secret", in_spot(*RUNS, "env", value=[{"name": "AWS_ACCESS_KEY_ID", "value": "AKIA" + "Q7" * 8}]), "secret"),
]  # fmt: skip


@pytest.mark.parametrize("name", [CLUSTER_FILE, JOB_FILE])
@pytest.mark.parametrize(("change", "words"), [case[1:] for case in MISTAKES], ids=[case[0] for case in MISTAKES])
def test_a_mistake_is_found(name: str, change: Change, words: str) -> None:
    resource = _unshared(load(name))
    change(resource["spec"].get("rayClusterSpec", resource["spec"]))
    assert any(words in line for line in complaints(resource)), complaints(resource)


def _unshared(part: Any) -> Any:
    """A copy without YAML's aliases, which are one object: a change of one would reach all."""
    if isinstance(part, dict):
        return {key: _unshared(value) for key, value in part.items()}
    return [_unshared(value) for value in part] if isinstance(part, list) else part


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("shutdownAfterJobFinishes", False, "would stay"),
        ("activeDeadlineSeconds", 0, "activeDeadlineSeconds"),
        ("ttlSecondsAfterFinished", 86400, "more than an hour"),
        ("entrypointNumCPUs", 1, "no field entrypointNumCPUs"),
    ],
)
def test_a_mistake_of_a_job_is_found(field: str, value: Any, words: str) -> None:
    resource = load(JOB_FILE)
    resource["spec"][field] = value
    assert any(words in line for line in complaints(resource))


@pytest.mark.parametrize("name", [CLUSTER_FILE, JOB_FILE])
def test_kuberays_definition_accepts_it(name: str) -> None:
    resource, schemas = load(name), crd.schemas()
    if resource["kind"] not in schemas:
        pytest.skip(f"ADVGEN_KUBERAY_CRD names no definition of {resource['kind']}")
    assert crd.errors(schemas[resource["kind"]], resource) == []
    container(resource["spec"].get("rayClusterSpec", resource["spec"])["headGroupSpec"])["imag"] = "typo"
    assert crd.errors(schemas[resource["kind"]], resource)


def test_a_definition_finds_typos_and_wrong_types() -> None:
    """The strictness that we add to a definition, on a small one of the same form."""
    quantity = {"anyOf": [{"type": "integer"}, {"type": "string"}], "x-kubernetes-int-or-string": True}
    limits = {"type": "object", "additionalProperties": quantity}
    spec = {"type": "object", "properties": {"replicas": {"type": "integer"}, "limits": limits}}
    kind = {"type": "object", "properties": {"spec": spec, "metadata": {"type": "object"}}}
    versions = [{"name": "v1alpha1"}, {"name": "v1", "schema": {"openAPIV3Schema": kind}}]
    document = {"kind": "CustomResourceDefinition", "spec": {"names": {"kind": "RayX"}, "versions": versions}}
    schema = crd.by_kind([{"kind": "Other"}, document])["RayX"]
    good = {"metadata": {"name": "x"}, "spec": {"replicas": 1, "limits": {"cpu": "7", "gpu": 1}}}
    assert crd.errors(schema, good) == []
    assert crd.errors(schema, {"spec": {"replica": 1}})
    assert crd.errors(schema, {"spec": {"replicas": "one"}})
    assert crd.errors(schema, {"spec": {"limits": {"cpu": [7]}}})
