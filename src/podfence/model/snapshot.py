"""A cluster at one moment: everything that decides who may talk to whom."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from podfence.model.net import PRIVATE_IPV4, AddressRange
from podfence.model.objects import EndpointSlice, Namespace, Node, Pod, Service
from podfence.model.policy import Policy


class Snapshot(msgspec.Struct, frozen=True, gc=False):
    """Namespaces, pods, nodes, services and policies, each sorted by namespace and name.

    Only pods that can send or receive are here (not those that have Succeeded or Failed), and every namespace
    that an object names; ``bare_namespaces`` are those that are known by such names alone, so that nothing tells their
    labels. ``pod_ranges`` is where a pod of unknown address may live; empty when no block shall
    match such a pod.
    """

    namespaces: tuple[Namespace, ...] = ()
    pods: tuple[Pod, ...] = ()
    nodes: tuple[Node, ...] = ()
    services: tuple[Service, ...] = ()
    endpoint_slices: tuple[EndpointSlice, ...] = ()
    policies: tuple[Policy, ...] = ()
    pod_ranges: tuple[AddressRange, ...] = PRIVATE_IPV4
    bare_namespaces: frozenset[str] = frozenset()

    def with_policies(self, policies: Iterable[Policy]) -> Snapshot:
        """Copy the snapshot with other policies; everything else is shared."""
        return msgspec.structs.replace(self, policies=tuple(policies))
