"""Gives Services of type LoadBalancer an address of the outside zone, and takes it back."""

from __future__ import annotations

from collections.abc import Mapping

from podfence.lab.controllers.controller import Key, Keys, own_key
from podfence.lab.controllers.endpointslices import SERVICES
from podfence.lab.controllers.events import EventRecorder
from podfence.lab.interface import Object, ObjectStore, Resource
from podfence.lab.load_balancer_pool import LoadBalancerPool

_FAMILIES = ("IPv4", "IPv6")


class LoadBalancerController:
    """Writes ``status.loadBalancer``; the dataplane makes the addresses answer."""

    def __init__(self, store: ObjectStore, pools: Mapping[str, LoadBalancerPool], events: EventRecorder) -> None:
        self._store, self._pools, self._events = store, pools, events

    @property
    def watched(self) -> Mapping[Resource, Keys]:
        """Give what matters: Services."""
        return {SERVICES: own_key}

    def reconcile(self, key: Key) -> None:
        """Give one Service an address in each of its families, or take its addresses back."""
        service, holder = self._store.get(SERVICES, key.namespace, key.name), f"{key.namespace}/{key.name}"
        spec = service["spec"] if service is not None else {}
        families = spec.get("ipFamilies") or ("IPv4",)
        if service is None or spec.get("type") != "LoadBalancer" or spec.get("loadBalancerClass"):
            families = ()
        ingress = []
        for family in _FAMILIES:
            pool = self._pools.get(family)
            if pool is not None and family in families:
                wanted = _known(service, pool) or spec.get("loadBalancerIP")
                ingress.append({"ip": pool.take(holder, wanted), "ipMode": "VIP"})
            elif pool is not None:
                pool.give_back(holder)
        if service is not None:
            self._report(service, ingress)

    def _report(self, service: Object, ingress: list[Object]) -> None:
        status = service.get("status") or {}
        if ((status.get("loadBalancer") or {}).get("ingress") or []) == ingress:
            return
        value = service | {"status": status | {"loadBalancer": {"ingress": ingress} if ingress else {}}}
        self._store.update(SERVICES, service["metadata"]["namespace"], value, "status")
        if ingress:
            self._events.normal(service, "EnsuredLoadBalancer", "Ensured load balancer")


def _known(service: Object | None, pool: LoadBalancerPool) -> str | None:
    """Give the address that a Service already has, so that a restart changes nothing."""
    status = ((service or {}).get("status") or {}).get("loadBalancer") or {}
    return next((one["ip"] for one in status.get("ingress") or () if pool.contains(one.get("ip", ""))), None)
