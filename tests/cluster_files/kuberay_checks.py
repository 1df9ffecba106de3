"""What is wrong with KubeRay's resources: fields that it does not have, and mistakes that it accepts and that cost."""

from collections.abc import Iterator
from typing import Any

import yaml

from tests.cluster_files.repository import IMAGE, RAY, secrets

Resource = dict[str, Any]

# Of ray.io/v1 in KubeRay 1.7; others are refused, or dropped in silence where a client does not ask for validation.
CLUSTER_FIELDS = {
    "rayVersion", "authOptions", "enableInTreeAutoscaling", "autoscalerOptions", "headGroupSpec", "workerGroupSpecs",
    "gcsFaultToleranceOptions", "headServiceAnnotations", "managedBy", "suspend", "upgradeStrategy",
}  # fmt: skip
AUTOSCALER_FIELDS = {
    "version", "idleTimeoutSeconds", "upscalingMode", "env", "envFrom", "image", "imagePullPolicy", "resources",
    "securityContext", "volumeMounts",
}  # fmt: skip
HEAD_FIELDS = {
    "rayStartParams", "template", "serviceType", "headService", "enableIngress", "labels", "resources",
}  # fmt: skip
GROUP_FIELDS = {
    "groupName", "replicas", "minReplicas", "maxReplicas", "idleTimeoutSeconds", "numOfHosts", "priority", "labels",
    "resources", "rayStartParams", "scaleStrategy", "suspend", "template",
}  # fmt: skip
JOB_FIELDS = {
    "entrypoint", "entrypointNumCpus", "entrypointNumGpus", "entrypointResources", "runtimeEnvYAML", "submissionMode",
    "shutdownAfterJobFinishes", "ttlSecondsAfterFinished", "activeDeadlineSeconds", "backoffLimit", "deletionStrategy",
    "rayClusterSpec", "clusterSelector", "submitterPodTemplate", "submitterConfig", "jobId", "metadata", "managedBy",
    "suspend",
}  # fmt: skip
SPOT = "cloud.google.com/gke-spot"


def complaints(resource: Resource) -> list[str]:
    """One line for each mistake of a RayCluster or RayJob; none for a good one."""
    found = [] if resource.get("apiVersion") == "ray.io/v1" else [f"apiVersion: {resource.get('apiVersion')}"]
    spec = resource["spec"]
    if resource["kind"] == "RayJob":
        found += _job(spec)
        spec = spec["rayClusterSpec"]
    found += [line for check in (_cluster, _head, _groups, _pods) for line in check(spec)]
    return found + secrets(yaml.safe_dump(resource))


def container(group: Resource) -> Resource:
    """The one that runs Ray in a group's pods: the first."""
    first: Resource = group["template"]["spec"]["containers"][0]
    return first


def offer(group: Resource) -> dict[str, float]:
    """What Ray gives out of one pod."""
    limits = container(group)["resources"]["limits"]
    cpus = float(group["rayStartParams"].get("num-cpus", limits["cpu"]))
    return {"CPU": cpus, "GPU": float(limits.get("nvidia.com/gpu", 0))}


def is_spot(group: Resource) -> bool:
    """Whether a group's pods go to nodes that the cloud may take away, and to no others."""
    return bool(group["template"]["spec"].get("nodeSelector", {}).get(SPOT) == "true")


def _unknown(place: str, part: Resource, fields: set[str]) -> Iterator[str]:
    for name in sorted(part.keys() - fields):
        yield f"{place}: no field {name}"


def _job(spec: Resource) -> Iterator[str]:
    yield from _unknown("RayJob", spec, JOB_FIELDS)
    if spec.get("shutdownAfterJobFinishes") is not True:
        yield "RayJob: shutdownAfterJobFinishes is not true; the cluster would stay"
    if not 0 < spec.get("activeDeadlineSeconds", 0) <= 7 * 86400:
        yield "RayJob: no activeDeadlineSeconds within a week"
    if not 0 <= spec.get("ttlSecondsAfterFinished", 0) <= 3600:
        yield "RayJob: ttlSecondsAfterFinished keeps the cluster for more than an hour"


def _cluster(spec: Resource) -> Iterator[str]:
    yield from _unknown("cluster", spec, CLUSTER_FIELDS)
    options = spec.get("autoscalerOptions", {})
    yield from _unknown("autoscalerOptions", options, AUTOSCALER_FIELDS)
    if spec.get("rayVersion") != RAY:
        yield f"rayVersion: {spec.get('rayVersion')}, pyproject has {RAY}"
    if spec.get("authOptions") != {"mode": "token"}:
        yield f"authOptions: {spec.get('authOptions')}; whoever reaches the head may run code"
    if spec.get("enableInTreeAutoscaling") is not True or options.get("version") != "v2":
        yield "autoscaler: expected enableInTreeAutoscaling and version v2"
    if not 0 < options.get("idleTimeoutSeconds", 0) <= 1800:
        yield "autoscaler: no idleTimeoutSeconds within half an hour"


def _head(spec: Resource) -> Iterator[str]:
    head = spec["headGroupSpec"]
    yield from _unknown("head", head, HEAD_FIELDS)
    if offer(head)["GPU"] or not offer(head)["CPU"]:
        yield f"head: expected CPUs and no GPU, got {offer(head)}"
    if offer(head)["CPU"] >= float(container(head)["resources"]["limits"]["cpu"]):
        yield "head: every core is Ray's to give, none is left to drivers of jobs"
    if head.get("serviceType", "ClusterIP") != "ClusterIP" or head.get("enableIngress"):
        yield "head: reached from outside the Kubernetes cluster"


def _groups(spec: Resource) -> Iterator[str]:
    groups = spec["workerGroupSpecs"]
    spot = [group for group in groups if is_spot(group)]
    if not spot or len(spot) == len(groups):
        yield f"groups: expected spot and on-demand, got {[group['groupName'] for group in groups]}"
    for group in groups:
        name = group["groupName"]
        yield from _unknown(name, group, GROUP_FIELDS)
        if group.get("replicas") != 0 or group.get("minReplicas") != 0:
            yield f"{name}: replicas and minReplicas must be 0, or it never goes to zero"
        if not 0 < group.get("maxReplicas", 2**31 - 1) <= 32:
            yield f"{name}: maxReplicas {group.get('maxReplicas')} is not within 0 to 32"
        if not 0 < group.get("idleTimeoutSeconds", 0) <= 1800:
            yield f"{name}: no idleTimeoutSeconds within half an hour"
        if offer(group)["GPU"] < 1:
            yield f"{name}: no GPU"
        if ("spot" in name) != is_spot(group):
            yield f"{name}: its name says otherwise than its nodeSelector"
        tolerated = {one["key"] for one in group["template"]["spec"].get("tolerations", [])}
        for key in {"nvidia.com/gpu"} | ({SPOT} if is_spot(group) else set()):
            if key not in tolerated:
                yield f"{name}: its nodes' taint {key} is not tolerated"
        others = [other.get("priority", 0) for other in groups if not is_spot(other)]
        if is_spot(group) and group.get("priority", 0) <= max(others, default=-1):
            yield f"{name}: on-demand is not after spot in priority"
        if not is_spot(group) and SPOT not in yaml.safe_dump(group["template"]["spec"].get("affinity", {})):
            yield f"{name}: nothing keeps it from spot nodes"


def _pods(spec: Resource) -> Iterator[str]:
    for group in (spec["headGroupSpec"], *spec["workerGroupSpecs"]):
        name, pod, runs = group.get("groupName", "head"), group["template"]["spec"], container(group)
        if runs["image"] != IMAGE:
            yield f"{name}: image {runs['image']}, expected {IMAGE}"
        if pod.get("restartPolicy") != "Never":
            yield f"{name}: restartPolicy must be Never under autoscaler v2"
        if pod.get("securityContext", {}).get("runAsNonRoot") is not True or pod.get("hostNetwork"):
            yield f"{name}: root, or the host's network"
        if any("hostPort" in port for port in runs.get("ports", [])):
            yield f"{name}: a port of the host"
        if runs["resources"].get("limits") != runs["resources"].get("requests"):
            yield f"{name}: limits and requests differ; Ray counts limits, Kubernetes places by requests"
        claims = {one["name"] for one in pod.get("volumes", []) if "persistentVolumeClaim" in one}
        if not any(one["mountPath"] == "/shared" and one["name"] in claims for one in runs.get("volumeMounts", [])):
            yield f"{name}: no shared storage at /shared"
