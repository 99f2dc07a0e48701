"""What a container's program gets to see as its environment and command line, with all references filled in. Pure.

References: API documentation of ``EnvVar``, ``EnvFromSource`` and ``Container.command``.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Mapping, Sequence

from podfence.lab.interface import Object

Lookup = Callable[[str, str, str], Object | None]
"""Finds a ConfigMap or Secret: by plural, namespace and name."""

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/.podfence/bin"

_REFERENCE = re.compile(r"\$(\$|\(([-._a-zA-Z0-9]+)\))")
_SUBSCRIPT = re.compile(r"metadata\.(labels|annotations)\['(.+)'\]\Z")
_NAME = re.compile(r"[^=\0]+\Z")


class MissingReferenceError(Exception):
    """A ConfigMap, Secret or key of it that is not there, in the kubelet's words."""


def container_environment(
    pod: Object, container: Object, addresses: Sequence[str], host_addresses: Sequence[str], lookup: Lookup
) -> dict[str, str]:
    """Give a container's variables; raises ``MissingReferenceError`` for a reference that leads nowhere."""
    result: dict[str, str] = {}
    namespace = pod["metadata"]["namespace"]
    for source in container.get("envFrom") or []:
        prefix = source.get("prefix") or ""
        result |= {prefix + key: value for key, value in _all_values(source, namespace, lookup).items()}
    facts = _facts(pod, addresses, host_addresses)
    for variable in container.get("env") or []:
        name = variable["name"]
        if "valueFrom" not in variable or not variable["valueFrom"]:
            result[name] = expand(variable.get("value") or "", result)
        elif (value := _value_from(variable["valueFrom"], container, facts, pod, lookup)) is not None:
            result[name] = value
    return {name: value.replace("\0", "") for name, value in result.items() if _NAME.match(name)}


def expand(text: str, environment: Mapping[str, str]) -> str:
    """Replace ``$(NAME)`` by a variable that exists; ``$$`` is a dollar sign, anything else stays."""

    def replacement(match: re.Match[str]) -> str:
        if match[1] == "$":
            return "$"
        return environment.get(match[2], match[0])

    return _REFERENCE.sub(replacement, text)


def _facts(pod: Object, addresses: Sequence[str], host_addresses: Sequence[str]) -> dict[str, str]:
    metadata, spec = pod["metadata"], pod["spec"]
    return {
        "metadata.name": metadata["name"],
        "metadata.namespace": metadata["namespace"],
        "metadata.uid": metadata.get("uid", ""),
        "spec.nodeName": spec.get("nodeName", ""),
        "spec.serviceAccountName": spec.get("serviceAccountName", "default"),
        "status.podIP": addresses[0] if addresses else "",
        "status.podIPs": ",".join(addresses),
        "status.hostIP": host_addresses[0] if host_addresses else "",
        "status.hostIPs": ",".join(host_addresses),
    }


def _value_from(source: Object, container: Object, facts: Mapping[str, str], pod: Object, lookup: Lookup) -> str | None:
    namespace = pod["metadata"]["namespace"]
    if field := source.get("fieldRef"):
        path = field["fieldPath"]
        if match := _SUBSCRIPT.match(path):
            return str((pod["metadata"].get(match[1]) or {}).get(match[2], ""))
        return facts.get(path, "")
    if resource := source.get("resourceFieldRef"):
        kind, _, name = resource["resource"].partition(".")
        return str(((container.get("resources") or {}).get(kind) or {}).get(name, "0"))
    for field_name, plural in (("configMapKeyRef", "configmaps"), ("secretKeyRef", "secrets")):
        if reference := source.get(field_name):
            values = _values(plural, namespace, reference, lookup)
            key = reference["key"]
            if key in values:
                return values[key]
            if not reference.get("optional"):
                raise MissingReferenceError(
                    f"couldn't find key {key} in {_KINDS[plural]} {namespace}/{reference.get('name', '')}"
                )
            return None
    return ""


_KINDS = {"configmaps": "ConfigMap", "secrets": "Secret"}


def _all_values(source: Object, namespace: str, lookup: Lookup) -> dict[str, str]:
    result: dict[str, str] = {}
    for field_name, plural in (("configMapRef", "configmaps"), ("secretRef", "secrets")):
        if reference := source.get(field_name):
            result |= _values(plural, namespace, reference, lookup)
    return result


def _values(plural: str, namespace: str, reference: Object, lookup: Lookup) -> dict[str, str]:
    """Read a ConfigMap or Secret; one that is missing is empty if the reference is optional."""
    name = reference.get("name", "")
    found = lookup(plural, namespace, name)
    if found is None:
        if reference.get("optional"):
            return {}
        raise MissingReferenceError(f'{_KINDS[plural].lower()} "{name}" not found')
    data = found.get("data") or {}
    if plural == "secrets":
        return {key: base64.b64decode(value).decode(errors="replace") for key, value in data.items()}
    return {key: str(value) for key, value in data.items()}
