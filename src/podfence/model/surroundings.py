"""What stands around the policies without deciding a connection: who will try to connect, and on which port.

Monitors, webhooks, routes, role bindings and the details of pods tell what a policy is expected to let through.
The engine never looks at them; ``lint`` holds them against what the engine says.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from podfence.model.labels import Labels, Selector
from podfence.model.net import Protocol
from podfence.model.objects import ObjectRef

WorkloadKey = tuple[str, str, str]
"""Namespace, kind and name of a workload."""


class PodDetails(msgspec.Struct, frozen=True, gc=False):
    """What lint wants to know of the pods of a workload: ``path`` is their template's, empty for a Pod object.

    ``ports`` are all that containers declare, named or not, ``probes`` the ports that the kubelet asks, by number
    or name. ``service_account`` is empty when its token is not mounted. ``annotations`` are those of
    ``prometheus.io/``. ``nameservers`` are texts of ``dnsConfig``.
    """

    ref: ObjectRef
    path: str
    ports: tuple[tuple[Protocol, int], ...] = ()
    probes: tuple[int | str, ...] = ()
    service_account: str = "default"
    annotations: Labels = ()
    dns_policy: str = "ClusterFirst"
    nameservers: tuple[str, ...] = ()
    images: tuple[str, ...] = ()


class Backend(msgspec.Struct, frozen=True, gc=False):
    """A Service that an Ingress or a route sends requests to; ``port`` is the Service's, by number or name."""

    ref: ObjectRef
    path: str
    namespace: str
    service: str
    port: int | str | None = None


class Monitor(msgspec.Struct, frozen=True, gc=False):
    """A ServiceMonitor or PodMonitor: what it selects, and which ports it scrapes.

    ``namespaces`` are those that it looks into, ``None`` for all. A port is the Service's name for it
    (ServiceMonitor), the container's (PodMonitor), or a number of the pod.
    """

    ref: ObjectRef
    path: str
    namespaces: tuple[str, ...] | None
    selector: Selector
    ports: tuple[int | str, ...]
    of_services: bool


class Called(msgspec.Struct, frozen=True, gc=False):
    """A Service that the API server calls: behind a webhook, or an aggregated API.

    ``name`` is the webhook's or the API's, ``blocks`` tells that requests fail when it does not answer.
    """

    ref: ObjectRef
    path: str
    name: str
    namespace: str
    service: str
    port: int
    blocks: bool = True


class Binding(msgspec.Struct, frozen=True, gc=False):
    """A RoleBinding or ClusterRoleBinding: the role, and the service accounts (namespace, name) that have it."""

    ref: ObjectRef
    role: str
    accounts: tuple[tuple[str, str], ...]


class ServiceLabels(msgspec.Struct, frozen=True, gc=False):
    """The labels of a Service, by which a ServiceMonitor finds it, and where it stands."""

    ref: ObjectRef
    labels: Labels = ()


class Surroundings(msgspec.Struct, frozen=True, gc=False):
    """Everything around the policies of one input.

    ``declared`` are the Namespaces that stand in the input as objects, so that their labels are known.
    ``made_elsewhere`` are the namespaces with custom resources, of which a controller may make pods that the input
    does not show.
    """

    details: Mapping[WorkloadKey, PodDetails] = {}
    services: Mapping[tuple[str, str], ServiceLabels] = {}
    backends: tuple[Backend, ...] = ()
    monitors: tuple[Monitor, ...] = ()
    called: tuple[Called, ...] = ()
    bindings: tuple[Binding, ...] = ()
    declared: frozenset[str] = frozenset()
    made_elsewhere: frozenset[str] = frozenset()


NOWHERE = Surroundings()
