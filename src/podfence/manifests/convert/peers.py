"""The peers and subjects of every policy API: plain value to model (facts: semantics 1.3, 3.1, 3.2)."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from podfence.manifests.convert.addresses import read_ip_block, read_networks
from podfence.manifests.convert.fields import (
    UnreadableField,
    items,
    known_fields,
    mapping,
    only_one,
    text,
    wrong_type,
)
from podfence.manifests.convert.selectors import read_selector
from podfence.model.labels import EVERYTHING
from podfence.model.policy import AddressPeer, Direction, DomainPeer, NodePeer, Peer, PodPeer

_PEER_FIELDS = frozenset({"podSelector", "namespaceSelector", "ipBlock"})
_POD_FIELDS = frozenset({"podSelector", "namespaceSelector"})

# The pattern of the custom resource; its odd A-z admits a few signs more than letters (facts: semantics 3.5).
_LABEL = r"[A-z0-9](?:[-A-Za-z0-9_]*[A-Za-z0-9])?"
_DOMAIN_NAME = re.compile(rf"(?:\*\.)?(?:{_LABEL}\.)+{_LABEL}\.?\Z")


def network_policy_peer(value: object, path: str, namespace: str) -> PodPeer | AddressPeer:
    """Read a peer of a NetworkPolicy in ``namespace``; selectors that are ``null`` count as absent.

    Raises ``UnreadableField``, at the peer itself when it is empty or mixes a block with selectors.
    """
    fields = mapping(value, path)
    known_fields(fields, _PEER_FIELDS, path)
    pods, namespaces, block = (fields.get(name) for name in ("podSelector", "namespaceSelector", "ipBlock"))
    if block is not None:
        if pods is not None or namespaces is not None:
            raise UnreadableField(path, "ipBlock may not stand beside a selector")
        return read_ip_block(block, f"{path}.ipBlock")
    if pods is None and namespaces is None:
        raise UnreadableField(path, "a peer must be specified")
    pod_selector = read_selector(pods, f"{path}.podSelector", checked=True)
    if namespaces is None:
        return PodPeer(namespace, None, pod_selector)
    return PodPeer(None, read_selector(namespaces, f"{path}.namespaceSelector", checked=True), pod_selector)


class PeerKinds(msgspec.Struct, frozen=True, gc=False):
    """What a version of the cluster-scoped APIs lets a peer be.

    ``both_selectors``: a ``pods`` peer must have both, otherwise an absent ``namespaceSelector`` is every
    namespace (rows C06, C07). ``egress`` names what a peer may be in egress rules; in ingress rules it is one
    of ``namespaces`` and ``pods``.
    """

    both_selectors: bool
    egress: tuple[str, ...]

    def choices(self, direction: Direction) -> tuple[str, ...]:
        """Name what a peer may be in the rules of a direction."""
        return self.egress if direction is Direction.EGRESS else ("namespaces", "pods")


def cluster_subject(value: object, path: str, kinds: PeerKinds) -> PodPeer:
    """Read the subject of a cluster-scoped policy. Raises ``UnreadableField``."""
    return _pods(*_choose(value, path, ("namespaces", "pods")), kinds)


def cluster_peer(value: object, path: str, kinds: PeerKinds, direction: Direction) -> Peer:
    """Read a peer of a cluster-scoped policy. Raises ``UnreadableField``."""
    choice, chosen, place = _choose(value, path, kinds.choices(direction))
    match choice:
        case "networks":
            return read_networks(chosen, place)
        case "nodes":
            return NodePeer(read_selector(chosen, place, checked=False))
        case "domainNames":
            return DomainPeer(_domain_names(chosen, place))
        case _:
            return _pods(choice, chosen, place, kinds)


def _choose(value: object, path: str, choices: tuple[str, ...]) -> tuple[str, Any, str]:
    if value is None:
        raise wrong_type(value, "a mapping", path)
    fields = mapping(value, path)
    known_fields(fields, choices, path)
    choice = only_one(fields, choices, path)
    return choice, fields[choice], f"{path}.{choice}"


def _pods(choice: str, value: object, path: str, kinds: PeerKinds) -> PodPeer:
    if choice == "namespaces":
        return PodPeer(None, read_selector(value, path, checked=False), EVERYTHING)
    fields = mapping(value, path)
    known_fields(fields, _POD_FIELDS, path)
    for required in ("podSelector", "namespaceSelector") if kinds.both_selectors else ("podSelector",):
        if fields.get(required) is None:
            raise UnreadableField(path, f"{required} must be set")
    return PodPeer(
        None,
        read_selector(fields.get("namespaceSelector"), f"{path}.namespaceSelector", checked=False),
        read_selector(fields["podSelector"], f"{path}.podSelector", checked=False),
    )


def _domain_names(value: object, path: str) -> tuple[str, ...]:
    names = tuple(_domain_name(item, f"{path}[{index}]") for index, item in enumerate(items(value, path)))
    if not names:
        raise UnreadableField(path, "at least one name must be listed")
    return names


def _domain_name(value: object, path: str) -> str:
    name = text(value, path)
    if not _DOMAIN_NAME.match(name):
        raise UnreadableField(path, f'"{name}" is not a domain name of two labels or more')
    return name.removesuffix(".").lower()
