"""Namespaces and nodes: wire to model."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

from podfence.manifests import wire
from podfence.manifests.convert.fields import FieldProblems
from podfence.manifests.convert.pods import read_addresses
from podfence.manifests.convert.sharing import Shared
from podfence.model.labels import NAMESPACE_NAME_LABEL, label_set
from podfence.model.net import AddressRange, parse_cidr
from podfence.model.objects import Namespace, Node

_ADDRESS_TYPES = ("InternalIP", "ExternalIP")


def namespace(name: str, labels: dict[str, str | None] | None = None) -> Namespace:
    """Make a namespace; the label with its name is the API server's, whatever was written (rows S21 to S23)."""
    written = {key: value or "" for key, value in (labels or {}).items()}
    return Namespace(name, label_set({**written, NAMESPACE_NAME_LABEL: name}))


def node(read: wire.Node, name: str, shared: Shared, problems: FieldProblems) -> Node:
    """Convert a node; its host name and DNS names are no addresses."""
    listed = (read.status.addresses if read.status is not None else None) or ()
    texts = [item.address for item in listed if item is not None and item.type in _ADDRESS_TYPES]
    labels = read.metadata.labels if read.metadata is not None else None
    addresses = read_addresses(texts, "status.addresses", problems)
    return Node(name, shared.labels(labels), addresses, tuple(_pod_ranges(read.spec or wire.NodeSpec())))


def _pod_ranges(spec: wire.NodeSpec) -> Iterator[AddressRange]:
    """Give the readable blocks; the server lets no other in, and an agent without any knows only its pods."""
    for text in spec.pod_cidrs or (spec.pod_cidr,):
        with suppress(ValueError):
            yield parse_cidr(text or "")
