"""Possible pods and nodes in words: by the labels and ports that would make them, since they have no names."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, Protocol

from podfence.engine.endpoints import Endpoint
from podfence.engine.label_sets import OTHER
from podfence.engine.possible import POSSIBLE_NODE, Possible
from podfence.model.labels import NAMESPACE_NAME_LABEL, Labels
from podfence.model.objects import Namespace, Pod

NOT_IN_INPUT: Final = " (not in the input)"


class HasEnds(Protocol):
    """Something with two ends."""

    @property
    def source(self) -> Endpoint:
        """Give the end that connects."""

    @property
    def destination(self) -> Endpoint:
        """Give the end that is connected to."""


def possible_text(endpoint: Endpoint, possible: Possible) -> str:
    """Describe a possible end: ``a pod with app=web in shop``."""
    where = "" if endpoint.kind == POSSIBLE_NODE else f" in {_namespace_text(endpoint, possible)}"
    return f"a {possible_name(endpoint, possible)}{where}"


def possible_name(endpoint: Endpoint, possible: Possible) -> str:
    """Name a possible end where its namespace goes without saying: ``pod with app=web``."""
    if endpoint.kind == POSSIBLE_NODE:
        return f"node {_labels_text(endpoint.labels)}"
    pod = possible_pod(endpoint, possible)
    ports = [f"{port.name} ({port.protocol.value} {port.number})" for port in pod.named_ports]
    return f"pod {_labels_text(endpoint.labels)}" + (f" and port {' and '.join(ports)}" if ports else "")


def possible_noun(found: Iterable[HasEnds]) -> str:
    """Name what some connections lack in the input: pods, nodes, or both."""
    kinds = {end.kind for entry in found for end in (entry.source, entry.destination) if end.is_possible}
    nouns = [
        noun for noun, is_meant in (("pods", kinds - {POSSIBLE_NODE}), ("nodes", POSSIBLE_NODE in kinds)) if is_meant
    ]
    return " and ".join(nouns)


def possible_pod(endpoint: Endpoint, possible: Possible) -> Pod:
    """Find the pod of a possible end."""
    return next(pod for pod in possible.pods if (pod.namespace, pod.name) == (endpoint.namespace, endpoint.name))


def possible_namespace(endpoint: Endpoint, possible: Possible) -> Namespace | None:
    """Find the namespace of a possible end, ``None`` where the input has it."""
    return next((item for item in possible.namespaces if item.name == endpoint.namespace), None)


def _namespace_text(endpoint: Endpoint, possible: Possible) -> str:
    namespace = possible_namespace(endpoint, possible)
    if namespace is None:
        return endpoint.namespace or ""
    name = dict(namespace.labels)[NAMESPACE_NAME_LABEL]
    rest = tuple(item for item in namespace.labels if item[0] != NAMESPACE_NAME_LABEL)
    if name == OTHER:
        return f"a namespace {_labels_text(rest)}" if rest else "another namespace"
    return f"a namespace {name} {_labels_text(rest)}" if rest else name


def _labels_text(labels: Labels) -> str:
    if not labels:
        return "without labels"
    return "with " + ", ".join(f"{key}={value}" if value else key for key, value in labels)
