"""Defaults of pods: containers, probes, volumes, resources (k8s.io/kubernetes pkg/apis/core/v1/defaults.go)."""

from __future__ import annotations

import re
from collections.abc import Mapping

from podfence.manifests.validation.defaults.setting import Default, Object, fill, filling

_MODE = 0o644
_NAME = re.compile("[a-z0-9]+((\\.|_|__|-+)[a-z0-9]+)*")
_VOLUME_NAME = {"name"}


def default_pod(pod: Object) -> None:
    """Fill in what only a pod gets, and no template: requests from limits, host ports, service links."""
    spec = dict(pod.get("spec") or {})
    for kind in ("containers", "initContainers"):
        if spec.get(kind):
            spec[kind] = [_with_requests(container) for container in spec[kind]]
            if spec.get("hostNetwork"):
                spec[kind] = [_with_host_ports(container) for container in spec[kind]]
    fill(spec, enableServiceLinks=True)
    pod["spec"] = spec


def _with_requests(container: Object) -> Object:
    resources = container.get("resources") or {}
    if not resources.get("limits"):
        return container
    requests = {**resources["limits"], **(resources.get("requests") or {})}
    return {**container, "resources": {**resources, "requests": requests}}


def _with_host_ports(container: Object) -> Object:
    if not container.get("ports"):
        return container
    ports = [
        {**port, "hostPort": port["containerPort"]} if port.get("containerPort") and not port.get("hostPort") else port
        for port in container["ports"]
    ]
    return {**container, "ports": ports}


def default_pod_spec(spec: Object) -> None:
    """Fill in what every spec of a pod has; the service account has an old name, which is kept equal."""
    fill(
        spec,
        dnsPolicy="ClusterFirst",
        restartPolicy="Always",
        securityContext={},
        terminationGracePeriodSeconds=30,
        schedulerName="default-scheduler",
    )
    account = spec.get("serviceAccountName") or spec.get("serviceAccount")
    if account:
        spec["serviceAccountName"] = spec["serviceAccount"] = account


def default_pod_status(status: Object) -> None:
    """Keep the one address and the list of addresses in step."""
    if status.get("podIP") and not status.get("podIPs"):
        status["podIPs"] = [{"ip": status["podIP"]}]
    elif status.get("podIPs") and not status.get("podIP"):
        status["podIP"] = status["podIPs"][0].get("ip", "")


def default_container(container: Object) -> None:
    """Fill in how a container is pulled and how it reports its end."""
    fill(
        container,
        imagePullPolicy=pull_policy(container.get("image", "")),
        terminationMessagePath="/dev/termination-log",
        terminationMessagePolicy="File",
    )


def pull_policy(image: str) -> str:
    """Tell when an image is pulled: always when its tag is ``latest`` or left out and it has no digest."""
    name, _, digest = image.partition("@")
    last, colon, tag = name.rpartition("/")[2].partition(":")
    # A reference that cannot be read has no tag at all.
    if not _NAME.fullmatch(last) or (colon and not tag):
        return "IfNotPresent"
    return "Always" if tag == "latest" or (not tag and not digest) else "IfNotPresent"


def default_volume(volume: Object) -> None:
    """Make a volume without a source an empty directory."""
    if not volume.keys() - _VOLUME_NAME:
        volume["emptyDir"] = {}
    image = volume.get("image")
    if image is not None and "pullPolicy" not in image:
        volume["image"] = {**image, "pullPolicy": pull_policy(image.get("reference", ""))}


DEFAULTS: Mapping[str, Default] = {
    "core.v1.Pod": default_pod,
    "core.v1.PodSpec": default_pod_spec,
    "core.v1.PodStatus": default_pod_status,
    "core.v1.Container": default_container,
    "core.v1.EphemeralContainer": default_container,
    "core.v1.Volume": default_volume,
    "core.v1.Probe": filling(timeoutSeconds=1, periodSeconds=10, successThreshold=1, failureThreshold=3),
    "core.v1.HTTPGetAction": filling(path="/", scheme="HTTP"),
    "core.v1.ObjectFieldSelector": filling(apiVersion="v1"),
    "core.v1.SecretVolumeSource": filling(defaultMode=_MODE),
    "core.v1.ConfigMapVolumeSource": filling(defaultMode=_MODE),
    "core.v1.DownwardAPIVolumeSource": filling(defaultMode=_MODE),
    "core.v1.ProjectedVolumeSource": filling(defaultMode=_MODE),
    "core.v1.ServiceAccountTokenProjection": filling(expirationSeconds=3600),
    "core.v1.HostPathVolumeSource": filling(type=""),
    "core.v1.PersistentVolumeClaimSpec": filling(volumeMode="Filesystem"),
}
