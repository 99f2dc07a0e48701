"""Service → EndpointSlices and Endpoints; Endpoints written by hand for a Service without selector are mirrored.

What they say is decided in ``backends``; here slices are kept as long as they fit, so that a change touches few.
"""

from __future__ import annotations

import ipaddress
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from podfence.lab.controllers import backends
from podfence.lab.controllers.controller import Key, Keys, own_key
from podfence.lab.controllers.ownership import owner_reference
from podfence.lab.controllers.pods import PODS
from podfence.lab.interface import Object, ObjectStore, Resource

SERVICES: Final = Resource("", "services")
ENDPOINTS: Final = Resource("", "endpoints")
SLICES: Final = Resource("discovery.k8s.io", "endpointslices")
SERVICE_LABEL: Final = "kubernetes.io/service-name"
MANAGED_LABEL: Final = "endpointslice.kubernetes.io/managed-by"
_OWN, _MIRROR = "endpointslice-controller.k8s.io", "endpointslicemirroring-controller.k8s.io"
_SKIP_LABEL = "endpointslice.kubernetes.io/skip-mirror"
_HEADLESS_LABEL = "service.kubernetes.io/headless"

_Wanted = tuple[str, tuple[backends.Port, ...], tuple[Object, ...]]
"""Address type, ports and endpoints of one slice."""


class EndpointSliceController:
    """Keeps what stands behind Services."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store
        self._labels: dict[Key, dict[str, str]] = {}

    @property
    def watched(self) -> Mapping[Resource, Keys]:
        """Give what matters: Services, pods that they select, and what is written of them."""
        return {SERVICES: own_key, PODS: self._selecting, SLICES: _service_keys, ENDPOINTS: own_key}

    def reconcile(self, key: Key) -> None:
        """Write the slices and the Endpoints of one Service."""
        service = self._store.get(SERVICES, key.namespace, key.name)
        slices = [one for one in self._store.list(SLICES, key.namespace) if _service_of(one) == key.name]
        if service is None or service["spec"].get("type") == "ExternalName":
            self._write(key, None, [one for one in slices if _manager(one) in {_OWN, _MIRROR}], (), _OWN)
            return
        if service["spec"].get("selector"):
            pods = self._backends(service)
            self._write(key, service, [one for one in slices if _manager(one) == _OWN], _slices(service, pods), _OWN)
            self._write_endpoints(service, pods)
        else:
            endpoints = self._store.get(ENDPOINTS, key.namespace, key.name)
            mirrored = [one for one in slices if _manager(one) == _MIRROR]
            self._write(key, service, mirrored, _mirrored(endpoints) if endpoints is not None else (), _MIRROR)

    def _selecting(self, pod: Object) -> Sequence[Key]:
        """Give the Services that select a pod, now or before its labels changed."""
        (key,) = own_key(pod)
        before = self._labels.get(key)
        if self._store.get(PODS, key.namespace, key.name) is None:
            self._labels.pop(key, None)
        else:
            self._labels[key] = pod["metadata"].get("labels") or {}
        labels = [pod["metadata"].get("labels") or {}, *([before] if before is not None else [])]
        services = self._store.list(SERVICES, key.namespace)
        return [own_key(one)[0] for one in services if any(_selects(one, each) for each in labels)]

    def _backends(self, service: Object) -> list[Object]:
        pods = self._store.list(PODS, service["metadata"]["namespace"])
        return [one for one in pods if _selects(service, one["metadata"].get("labels")) and backends.is_backend(one)]

    def _write(
        self, key: Key, service: Object | None, present: Sequence[Object], wanted: Iterable[_Wanted], manager: str
    ) -> None:
        free: defaultdict[tuple[str, tuple[backends.Port, ...]], list[Object]] = defaultdict(list)
        for one in present:
            free[one["addressType"], _ports(one)].append(one)
        for address_type, ports, endpoints in wanted:
            kept = free[address_type, ports].pop(0) if free[address_type, ports] else None
            if service is not None:
                self._write_one(service, kept, (address_type, ports, endpoints), manager)
        for surplus in (one for ones in free.values() for one in ones):
            self._store.delete(SLICES, key.namespace, surplus["metadata"]["name"])

    def _write_one(self, service: Object, kept: Object | None, wanted: _Wanted, manager: str) -> None:
        address_type, ports, endpoints = wanted
        labels = _labels(service, manager)
        written: Object = {"endpoints": list(endpoints), "ports": [port.written() for port in ports]}
        namespace, name = service["metadata"]["namespace"], service["metadata"]["name"]
        if kept is None:
            metadata = {"generateName": f"{name}-", "namespace": namespace, "labels": labels}
            metadata["ownerReferences"] = [owner_reference(service)]
            value = {"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "addressType": address_type}
            self._store.create(SLICES, namespace, value | {"metadata": metadata} | written)
        elif (kept.get("endpoints") or []) != written["endpoints"] or kept["metadata"].get("labels") != labels:
            metadata = kept["metadata"] | {"labels": labels}
            self._store.update(SLICES, namespace, kept | {"metadata": metadata} | written)

    def _write_endpoints(self, service: Object, pods: Sequence[Object]) -> None:
        metadata = service["metadata"]
        namespace, name = metadata["namespace"], metadata["name"]
        subsets = backends.subsets(service, pods, _families(service)[0])
        known = self._store.get(ENDPOINTS, namespace, name)
        if known is None:
            labels = dict(metadata.get("labels") or {})
            labels |= {_HEADLESS_LABEL: ""} if service["spec"].get("clusterIP") == "None" else {}
            value: Object = {"apiVersion": "v1", "kind": "Endpoints", "subsets": subsets}
            value["metadata"] = {"name": name, "namespace": namespace, "labels": labels}
            value["metadata"]["ownerReferences"] = [owner_reference(service)]
            self._store.create(ENDPOINTS, namespace, value)
        elif (known.get("subsets") or []) != subsets:
            self._store.update(ENDPOINTS, namespace, known | {"subsets": subsets})


def _slices(service: Object, pods: Sequence[Object]) -> Iterable[_Wanted]:
    """Give the slices of a Service; one without pods has an empty one for each family, as a real one has."""
    for family in _families(service):
        grouped: defaultdict[tuple[backends.Port, ...], list[Object]] = defaultdict(list)
        for pod in pods:
            address = backends.address_of_family(pod, family)
            ports = backends.ports_of(service, pod)
            if address is not None and (ports or not service["spec"].get("ports")):
                grouped[ports].append(backends.endpoint(service, pod, address))
        for ports, endpoints in sorted(grouped.items()) or [((), [])]:
            for chunk in list(backends.chunks(endpoints)) or [()]:
                yield family, ports, tuple(chunk)


def _mirrored(endpoints: Object) -> Iterable[_Wanted]:
    if (endpoints["metadata"].get("labels") or {}).get(_SKIP_LABEL) == "true":
        return
    for subset in endpoints.get("subsets") or ():
        ports = tuple(sorted(_port(one) for one in subset.get("ports") or ()))
        for family in ("IPv4", "IPv6"):
            found = [
                _mirror(one, ready=field == "addresses")
                for field in ("addresses", "notReadyAddresses")
                for one in subset.get(field) or ()
                if f"IPv{ipaddress.ip_address(one['ip']).version}" == family
            ]
            for chunk in backends.chunks(found):
                yield family, ports, tuple(chunk)


def _mirror(address: Object, *, ready: bool) -> Object:
    value: Object = {"addresses": [address["ip"]], "conditions": {"ready": ready}}
    return value | {name: address[name] for name in ("hostname", "nodeName", "targetRef") if address.get(name)}


def _families(service: Object) -> Sequence[str]:
    families: Sequence[str] = service["spec"].get("ipFamilies") or ("IPv4",)
    return families


def _labels(service: Object, manager: str) -> dict[str, str]:
    own = {SERVICE_LABEL: service["metadata"]["name"], MANAGED_LABEL: manager}
    if service["spec"].get("clusterIP") == "None":
        own[_HEADLESS_LABEL] = ""
    return {**(service["metadata"].get("labels") or {}), **own}


def _ports(written: Object) -> tuple[backends.Port, ...]:
    return tuple(sorted(_port(one) for one in written.get("ports") or ()))


def _port(written: Object) -> backends.Port:
    name, protocol = written.get("name") or "", written.get("protocol", "TCP")
    return backends.Port(name, protocol, written.get("port", 0), written.get("appProtocol", ""))


def _selects(service: Object, labels: Mapping[str, str] | None) -> bool:
    selector = service["spec"].get("selector") or {}
    return bool(selector) and selector.items() <= (labels or {}).items()


def _service_of(written: Object) -> str:
    return str((written["metadata"].get("labels") or {}).get(SERVICE_LABEL, ""))


def _manager(written: Object) -> str:
    return str((written["metadata"].get("labels") or {}).get(MANAGED_LABEL, ""))


def _service_keys(written: Object) -> Sequence[Key]:
    return (Key(written["metadata"]["namespace"], name),) if (name := _service_of(written)) else ()
