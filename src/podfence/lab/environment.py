"""What a container's program gets to see as its environment and command line, with all references filled in. Pure.

References: API documentation of ``EnvVar``, ``EnvFromSource`` and ``Container.command``.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Mapping

from podfence.lab.interface import Object
from podfence.lab.service_environment import service_environment
from podfence.lab.volumes.content import Lookup
from podfence.lab.volumes.fields import Fields

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/.podfence/bin"

_REFERENCE = re.compile(r"\$(\$|\(([-._a-zA-Z0-9]+)\))")
_NAME = re.compile(r"[^=\0]+\Z")


class MissingReferenceError(Exception):
    """A ConfigMap, Secret or key of it that is not there, in the kubelet's words."""


def container_environment(
    fields: Fields, container: Object, lookup: Lookup, services: Iterable[Object] = ()
) -> dict[str, str]:
    """Give a container's variables; raises ``MissingReferenceError`` for a reference that leads nowhere.

    ``services`` are those that the pod is told of; what the container says itself comes before them.
    """
    result: dict[str, str] = {}
    namespace = fields.pod["metadata"]["namespace"]
    for source in container.get("envFrom") or []:
        prefix = source.get("prefix") or ""
        result |= {prefix + key: value for key, value in _all_values(source, namespace, lookup).items()}
    told = service_environment(services)
    for variable in container.get("env") or []:
        name = variable["name"]
        if "valueFrom" not in variable or not variable["valueFrom"]:
            result[name] = expand(variable.get("value") or "", told | result)
        elif (value := _value_from(variable["valueFrom"], container, fields, lookup)) is not None:
            result[name] = value
    return {name: value.replace("\0", "") for name, value in (told | result).items() if _NAME.match(name)}


def expand(text: str, environment: Mapping[str, str]) -> str:
    """Replace ``$(NAME)`` by a variable that exists; ``$$`` is a dollar sign, anything else stays."""

    def replacement(match: re.Match[str]) -> str:
        if match[1] == "$":
            return "$"
        return environment.get(match[2], match[0])

    return _REFERENCE.sub(replacement, text)


def _value_from(source: Object, container: Object, fields: Fields, lookup: Lookup) -> str | None:
    namespace = fields.pod["metadata"]["namespace"]
    if field := source.get("fieldRef"):
        return fields.value(field["fieldPath"])
    if resource := source.get("resourceFieldRef"):
        return fields.resource(resource, container)
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
