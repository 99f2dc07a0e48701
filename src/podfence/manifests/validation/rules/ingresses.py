"""Ingresses and their classes (pkg/apis/networking)."""

from __future__ import annotations

import re
from collections.abc import Iterator

from podfence.manifests.validation.cause import Cause
from podfence.manifests.validation.names import dns_subdomain_complaints, port_name_complaints
from podfence.manifests.validation.rules.addresses import parse_address
from podfence.manifests.validation.rules.causes import (
    Object,
    complaints,
    dns_label,
    dns_subdomain,
    domain_prefixed_path,
    forbidden,
    invalid,
    not_supported,
    one_of_if_given,
    port_number,
    required,
    too_long,
)
from podfence.manifests.validation.rules.interface import Rules

_PATH_TYPES = ("Exact", "ImplementationSpecific", "Prefix")
_NEVER_IN_PATHS = ("//", "/./", "/../", "%2f", "%2F")
_NEVER_AT_ENDS = ("/..", "/.")
_WILDCARD = r"\*\.[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*"
_CLASS_ANNOTATION = "kubernetes.io/ingress.class"
_LONGEST_CONTROLLER = 250


def validate_ingress(ingress: Object) -> Iterator[Cause]:
    """Judge a new Ingress."""
    annotation = ((ingress.get("metadata") or {}).get("annotations") or {}).get(_CLASS_ANNOTATION)
    spec = ingress.get("spec") or {}
    name = spec.get("ingressClassName")
    if annotation is not None and name is not None and annotation != name:
        detail = "must match `ingressClassName` when both are specified"
        yield invalid(f"annotations.{_CLASS_ANNOTATION}", annotation, detail)
    yield from _spec(spec)


def _spec(spec: Object) -> Iterator[Cause]:
    rules = spec.get("rules") or ()
    if not rules and "defaultBackend" not in spec:
        yield invalid("spec", spec.get("rules"), "either `defaultBackend` or `rules` must be specified")
    if "defaultBackend" in spec:
        yield from _backend(spec["defaultBackend"], "spec.defaultBackend")
    for at, rule in enumerate(rules):
        yield from _rule(rule, f"spec.rules[{at}]")
    for at, entry in enumerate(spec.get("tls") or ()):
        for number, host in enumerate(entry.get("hosts") or ()):
            yield from _host(host, f"spec.tls[{at}].hosts[{number}]")
        if entry.get("secretName"):
            yield from dns_subdomain(f"spec.tls[{at}].secretName", entry["secretName"])
    if "ingressClassName" in spec:
        yield from dns_subdomain("spec.ingressClassName", spec["ingressClassName"])


def _rule(rule: Object, field: str) -> Iterator[Cause]:
    host = rule.get("host", "")
    if host:
        if parse_address(host) is not None:
            yield invalid(f"{field}.host", host, "must be a DNS name, not an IP address")
        yield from _host(host, f"{field}.host")
    if "http" not in rule:
        return
    paths = rule["http"].get("paths") or ()
    if not paths:
        yield required(f"{field}.http.paths")
    for at, path in enumerate(paths):
        yield from _path(path, f"{field}.http.paths[{at}]")


def _host(host: str, field: str) -> Iterator[Cause]:
    if "*" not in host:
        yield from dns_subdomain(field, host)
    elif len(host) > 253 or not re.fullmatch(_WILDCARD, host):
        detail = (
            "a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS subdomain, which must consist "
            "of lower case alphanumeric characters, '-' or '.' and end with an alphanumeric character "
            f"(e.g. '*.example.com', regex used for validation is '{_WILDCARD}')"
        )
        yield invalid(field, host, detail)


def _path(path: Object, field: str) -> Iterator[Cause]:
    kind, text = path.get("pathType"), path.get("path", "")
    if kind is None:
        yield required(f"{field}.pathType", "pathType must be specified")
        return
    if kind not in _PATH_TYPES:
        yield not_supported(f"{field}.pathType", kind, _PATH_TYPES)
    elif kind == "ImplementationSpecific":
        if text and not text.startswith("/"):
            yield invalid(f"{field}.path", text, "must be an absolute path")
    else:
        yield from _plain_path(text, f"{field}.path")
    yield from _backend(path.get("backend") or {}, f"{field}.backend")


def _plain_path(text: str, field: str) -> Iterator[Cause]:
    if not text.startswith("/"):
        yield invalid(field, text, "must be an absolute path")
    for part in _NEVER_IN_PATHS:
        if part in text:
            yield invalid(field, text, f"must not contain '{part}'")
    for end in _NEVER_AT_ENDS:
        if text.endswith(end):
            yield invalid(field, text, f"cannot end with '{end}'")


def _backend(backend: Object, field: str) -> Iterator[Cause]:
    resource, service = backend.get("resource"), backend.get("service")
    if resource is not None and service is not None:
        yield invalid(field, "", "cannot set both resource and service backends")
    elif resource is not None:
        for name in ("kind", "name"):
            if not resource.get(name):
                yield required(f"{field}.resource.{name}")
    elif service is None:
        yield invalid(field, "", "resource or service backend is required")
    else:
        yield from _service(service, field)


def _service(service: Object, field: str) -> Iterator[Cause]:
    if not service.get("name"):
        yield required(f"{field}.service.name")
    else:
        yield from dns_label(f"{field}.service.name", service["name"])
    port = service.get("port") or {}
    name, number = port.get("name", ""), port.get("number", 0)
    if name and number:
        yield invalid(field, "", "cannot set both port name & port number")
    elif name:
        yield from complaints(f"{field}.service.port.name", name, port_name_complaints)
    elif number:
        yield from port_number(f"{field}.service.port.number", number)
    else:
        yield required(field, "port name or number is required")


def _warn_of_ingress(ingress: Object) -> Iterator[str]:
    if _CLASS_ANNOTATION in ((ingress.get("metadata") or {}).get("annotations") or {}):
        yield f"annotation \"{_CLASS_ANNOTATION}\" is deprecated, please use 'spec.ingressClassName' instead"


def validate_class(ingress_class: Object) -> Iterator[Cause]:
    """Judge an IngressClass."""
    spec = ingress_class.get("spec") or {}
    controller = spec.get("controller", "")
    if len(controller) > _LONGEST_CONTROLLER:
        yield too_long("spec.controller", _LONGEST_CONTROLLER)
    yield from domain_prefixed_path("spec.controller", controller)
    if "parameters" in spec:
        yield from _parameters(spec["parameters"], "spec.parameters")


def _parameters(parameters: Object, field: str) -> Iterator[Cause]:
    if parameters.get("apiGroup"):
        yield from complaints(f"{field}.apiGroup", parameters["apiGroup"], dns_subdomain_complaints)
    for name in ("kind", "name"):
        if not parameters.get(name):
            yield required(f"{field}.{name}")
    scope, namespace = parameters.get("scope"), parameters.get("namespace")
    yield from one_of_if_given(f"{field}.scope", scope, ("Cluster", "Namespace"))
    if scope == "Namespace" and not namespace:
        yield required(f"{field}.namespace", "`parameters.scope` is set to 'Namespace'")
    elif scope == "Cluster" and namespace is not None:
        yield forbidden(f"{field}.namespace", "`parameters.scope` is set to 'Cluster'")


def _update_class(new: Object, old: Object) -> Iterator[Cause]:
    controller = (new.get("spec") or {}).get("controller")
    if controller != (old.get("spec") or {}).get("controller"):
        yield invalid("spec.controller", controller, "field is immutable")
    yield from validate_class(new)


RULES = {
    "networking.k8s.io/v1/Ingress": Rules(validate_ingress, warnings=_warn_of_ingress, metadata_as_new=True),
    "networking.k8s.io/v1/IngressClass": Rules(validate_class, _update_class),
}
