"""Pods and the templates of pods (k8s.io/kubernetes pkg/apis/core/validation, pkg/api/pod)."""

from __future__ import annotations

import re
from collections.abc import Iterator

from podfence.manifests.validation.cause import Cause, quoted
from podfence.manifests.validation.metadata import validate_annotations
from podfence.manifests.validation.names import dns_label_complaints
from podfence.manifests.validation.rules.addresses import legacy_address
from podfence.manifests.validation.rules.causes import (
    Object,
    dns_label,
    dns_subdomain,
    forbidden,
    invalid,
    label_map,
    one_of,
    one_of_if_given,
    qualified_name,
    required,
)
from podfence.manifests.validation.rules.containers import validate_containers, validate_images
from podfence.manifests.validation.rules.interface import Rules
from podfence.manifests.validation.rules.pod_warnings import pod_warnings
from podfence.manifests.validation.rules.scheduling import validate_scheduling
from podfence.manifests.validation.rules.security import validate_pod_security
from podfence.manifests.validation.rules.volumes import validate_volumes

_RESTART = ("Always", "OnFailure", "Never")
_DNS = ("ClusterFirstWithHostNet", "ClusterFirst", "Default", "None")
_MOST_SECONDS = (1 << 31) - 1
_UNDERSCORED = r"_?[a-z0-9]([-_a-z0-9]*[a-z0-9])?(\._?[a-z0-9]([-_a-z0-9]*[a-z0-9])?)*"


def validate_pod(pod: Object) -> Iterator[Cause]:
    """Judge a new pod."""
    yield from _validate_any_pod(pod)
    spec = pod.get("spec") or {}
    if spec.get("ephemeralContainers"):
        yield forbidden("spec.ephemeralContainers", "cannot be set on create")
    if spec.get("nodeName") and spec.get("schedulingGates"):
        yield forbidden("spec.nodeName", "cannot be set until all schedulingGates have been cleared")


def _validate_any_pod(pod: Object) -> Iterator[Cause]:
    spec = pod.get("spec") or {}
    metadata = pod.get("metadata") or {}
    yield from validate_pod_spec(spec, "spec", pod_name=metadata.get("name", ""), is_pod=True)
    if not spec.get("serviceAccountName"):
        for at, volume in enumerate(spec.get("volumes") or ()):
            for number, source in enumerate((volume.get("projected") or {}).get("sources") or ()):
                if "serviceAccountToken" in source:
                    path = f"spec.volumes[{at}].projected.sources[{number}].serviceAccountToken"
                    yield forbidden(path, "must not be specified when serviceAccountName is not set")
    for kind in ("containers", "initContainers", "ephemeralContainers"):
        yield from validate_images(spec.get(kind) or (), f"spec.{kind}")


_MAY_CHANGE = (
    "pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,"
    "`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),"
    "`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)"
)


def validate_pod_update(new: Object, old: Object) -> Iterator[Cause]:
    """Judge a changed pod, of which hardly anything may change.

    The server adds the difference of its own structs to the message about the rest; that is left out here.
    """
    spec, before = new.get("spec") or {}, old.get("spec") or {}
    yield from _validate_any_pod(new)
    yield from validate_pod_spec(spec, "spec", is_pod=True)
    for kind in ("containers", "initContainers"):
        yield from validate_images(spec.get(kind) or (), f"spec.{kind}")
    for toleration in before.get("tolerations") or ():
        if toleration not in (spec.get("tolerations") or ()):
            detail = "existing toleration can not be modified except its tolerationSeconds"
            yield forbidden("spec.tolerations", detail)
    if _unchangeable(spec) != _unchangeable(before):
        yield forbidden("spec", _MAY_CHANGE)


def validate_ephemeral_containers(new: Object, old: Object) -> Iterator[Cause]:
    """Judge a pod whose ephemeral containers were set through their subresource: they can only be added."""
    yield from _validate_any_pod(new)
    kept = {each.get("name"): each for each in new["spec"].get("ephemeralContainers") or ()}
    for before in (old.get("spec") or {}).get("ephemeralContainers") or ():
        name = before.get("name", "")
        if kept.get(name) != before:
            what = "changed" if name in kept else "removed"
            # The line end is the server's own.
            detail = f"existing ephemeral containers {quoted(name)} may not be {what}\n"
            yield forbidden("spec.ephemeralContainers", detail)


def _unchangeable(spec: Object) -> Object:
    kept = {
        name: entry
        for name, entry in spec.items()
        if name not in {"activeDeadlineSeconds", "tolerations", "terminationGracePeriodSeconds"}
    }
    for kind in ("containers", "initContainers"):
        if spec.get(kind):
            kept[kind] = [
                {name: entry for name, entry in container.items() if name != "image"} for container in spec[kind]
            ]
    return kept


def validate_template(template: Object, field: str) -> Iterator[Cause]:
    """Judge the template of pods in a workload: labels, annotations and spec."""
    metadata = template.get("metadata") or {}
    yield from label_map(f"{field}.labels", metadata.get("labels"))
    yield from validate_annotations(metadata.get("annotations") or {}, f"{field}.annotations")
    spec = template.get("spec") or {}
    yield from validate_pod_spec(spec, f"{field}.spec")
    if spec.get("ephemeralContainers"):
        yield forbidden(f"{field}.spec.ephemeralContainers", "ephemeral containers not allowed in pod template")


def validate_pod_spec(spec: Object, field: str, *, pod_name: str = "", is_pod: bool = False) -> Iterator[Cause]:
    """Judge the spec of a pod; ``is_pod`` is false for templates, of which a little less is asked."""
    causes, volumes = validate_volumes(spec, f"{field}.volumes", pod_name)
    yield from causes
    yield from validate_containers(spec, field, volumes)
    yield from _host_network(spec, field, is_pod=is_pod)
    yield from one_of(f"{field}.restartPolicy", spec.get("restartPolicy", ""), _RESTART)
    yield from one_of(f"{field}.dnsPolicy", spec.get("dnsPolicy", ""), _DNS)
    yield from validate_pod_security(spec, f"{field}.securityContext")
    yield from validate_scheduling(spec, field)
    yield from _dns(spec, f"{field}.dnsConfig")
    yield from _host_users(spec, field)
    yield from _names(spec, field)
    for at, gate in enumerate(spec.get("readinessGates") or ()):
        yield from qualified_name(f"{field}.readinessGates[{at}].conditionType", gate.get("conditionType", ""))
    for at, alias in enumerate(spec.get("hostAliases") or ()):
        yield from legacy_address(f"{field}.hostAliases[{at}].ip", alias.get("ip", ""))
        for number, hostname in enumerate(alias.get("hostnames") or ()):
            yield from dns_subdomain(f"{field}.hostAliases[{at}].hostnames[{number}]", hostname)
    yield from _times_and_system(spec, field)


def _times_and_system(spec: Object, field: str) -> Iterator[Cause]:
    seconds = spec.get("activeDeadlineSeconds")
    if seconds is not None and not 1 <= seconds <= _MOST_SECONDS:
        detail = f"must be between 1 and {_MOST_SECONDS}, inclusive"
        yield invalid(f"{field}.activeDeadlineSeconds", seconds, detail)
    yield from one_of_if_given(
        f"{field}.preemptionPolicy", spec.get("preemptionPolicy"), ("Never", "PreemptLowerPriority")
    )
    system = spec.get("os")
    if system is not None:
        if not system.get("name"):
            yield required(f"{field}.os.name")
        else:
            yield from one_of(f"{field}.os", system["name"], ("linux", "windows"))


def _host_network(spec: Object, field: str, *, is_pod: bool) -> Iterator[Cause]:
    if not spec.get("hostNetwork"):
        return
    for at, container in enumerate(spec.get("containers") or ()):
        for number, port in enumerate(container.get("ports") or ()):
            host = port.get("hostPort", 0)
            if (is_pod or host) and host != port.get("containerPort", 0):
                path = f"{field}.containers[{at}].ports[{number}].hostPort"
                yield invalid(path, host, "must match `containerPort` when `hostNetwork` is true")


def _host_users(spec: Object, field: str) -> Iterator[Cause]:
    if spec.get("hostUsers") is not False:
        return
    for name, shown in (("hostNetwork", "hostNetwork"), ("hostPID", "HostPID"), ("hostIPC", "HostIPC")):
        if spec.get(name):
            yield forbidden(f"{field}.{shown}", "when `hostUsers` is false")


def _names(spec: Object, field: str) -> Iterator[Cause]:
    for name in ("serviceAccountName", "nodeName", "priorityClassName", "runtimeClassName"):
        if spec.get(name):
            yield from dns_subdomain(f"{field}.{name}", spec[name])
    for name in ("hostname", "subdomain"):
        if spec.get(name):
            yield from dns_label(f"{field}.{name}", spec[name])


def _dns(spec: Object, field: str) -> Iterator[Cause]:
    config = spec.get("dnsConfig")
    if spec.get("dnsPolicy") == "None":
        if config is None:
            yield required(field, "must provide `dnsConfig` when `dnsPolicy` is None")
            return
        if not config.get("nameservers"):
            detail = "must provide at least one DNS nameserver when `dnsPolicy` is None"
            yield required(f"{field}.nameservers", detail)
            return
    if config is not None:
        yield from _dns_config(config, field)


def _dns_config(config: Object, field: str) -> Iterator[Cause]:
    servers, searches = config.get("nameservers") or [], config.get("searches") or []
    if len(servers) > 3:
        yield invalid(f"{field}.nameservers", servers, "must not have more than 3 nameservers")
    for at, server in enumerate(servers):
        yield from legacy_address(f"{field}.nameservers[{at}]", server)
    if len(searches) > 32:
        yield invalid(f"{field}.searches", searches, "must not have more than 32 search paths")
    if len(" ".join(searches)) > 2048:
        detail = "must not have more than 2048 characters (including spaces) in the search list"
        yield invalid(f"{field}.searches", searches, detail)
    for at, search in enumerate(searches):
        if search != ".":
            yield from _search(search.removesuffix("."), f"{field}.searches[{at}]")
    for at, option in enumerate(config.get("options") or ()):
        if not option.get("name"):
            yield required(f"{field}.options[{at}]", "must not be empty")


def _search(search: str, field: str) -> Iterator[Cause]:
    if len(search) > 253:
        yield invalid(field, search, "must be no more than 253 characters")
    if not re.fullmatch(_UNDERSCORED, search):
        detail = (
            "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '_', '-' or '.', "
            f"and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation "
            f"is '{_UNDERSCORED}')"
        )
        yield invalid(field, search, detail)


def warn_of_pod(pod: Object) -> Iterator[str]:
    """Warn of a pod's name that is no host name, and of what its spec has."""
    name = (pod.get("metadata") or {}).get("name", "")
    found = dns_label_complaints(name)
    if found and name:
        reason = f"a DNS label is recommended: [{' '.join(found)}]"
        yield ("metadata.name: this is used in the Pod's hostname, which can result in surprising behavior; " + reason)
    yield from pod_warnings(pod.get("spec") or {}, "spec")


def warn_of_template(template: Object, field: str) -> Iterator[str]:
    """Warn of what a template's spec has."""
    yield from pod_warnings(template.get("spec") or {}, f"{field}.spec")


def _pod_template(value: Object) -> Iterator[Cause]:
    return validate_template(value.get("template") or {}, "template")


RULES = {
    "v1/Pod": Rules(
        validate_pod,
        validate_pod_update,
        warn_of_pod,
        metadata_as_new=True,
        parts={"ephemeralcontainers": validate_ephemeral_containers},
    ),
    "v1/PodTemplate": Rules(
        _pod_template, warnings=lambda value: warn_of_template(value.get("template") or {}, "template")
    ),
}
