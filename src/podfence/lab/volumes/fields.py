"""What a pod may be told of itself, as variables or as files: the downward API. Pure.

Rules: ``pkg/fieldpath`` and ``pkg/api/v1/resource`` of Kubernetes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Final

import msgspec

from podfence.lab.interface import Object
from podfence.manifests.validation.quantity import parse_quantity

_SUBSCRIPT: Final = re.compile(r"metadata\.(labels|annotations)\['(.+)'\]\Z")
_MAPS: Final = {"metadata.labels": "labels", "metadata.annotations": "annotations"}


class Fields(msgspec.Struct, frozen=True):
    """A pod, its addresses, those of its node, and what the node has of each resource."""

    pod: Object
    addresses: Sequence[str] = ()
    host_addresses: Sequence[str] = ()
    capacity: Mapping[str, str] = {}

    def value(self, path: str) -> str:
        """Give what a ``fieldRef`` names; nothing for a field that is not there."""
        metadata = self.pod["metadata"]
        if match := _SUBSCRIPT.match(path):
            return str((metadata.get(match[1]) or {}).get(match[2], ""))
        if path in _MAPS:
            return _lines(metadata.get(_MAPS[path]) or {})
        spec = self.pod["spec"]
        found: dict[str, str] = {
            "metadata.name": metadata["name"],
            "metadata.namespace": metadata["namespace"],
            "metadata.uid": metadata.get("uid", ""),
            "spec.nodeName": spec.get("nodeName", ""),
            "spec.serviceAccountName": spec.get("serviceAccountName", "default"),
            "status.podIP": next(iter(self.addresses), ""),
            "status.podIPs": ",".join(self.addresses),
            "status.hostIP": next(iter(self.host_addresses), ""),
            "status.hostIPs": ",".join(self.host_addresses),
        }
        return found.get(path, "")

    def resource(self, reference: Object, container: Object | None = None) -> str:
        """Give what a ``resourceFieldRef`` names, in units of its divisor and rounded up.

        A limit that is not set is all that the node has, a request that is not set is the limit or nothing.
        """
        name = reference.get("containerName")
        if name:
            everyone = [*self.pod["spec"]["containers"], *(self.pod["spec"].get("initContainers") or ())]
            container = next((one for one in everyone if one["name"] == name), container)
        kind, _, resource = reference["resource"].partition(".")
        resources = (container or {}).get("resources") or {}
        limit = (resources.get("limits") or {}).get(resource)
        if kind == "limits":
            amount = limit or self.capacity.get(resource, "0")
        else:
            amount = (resources.get("requests") or {}).get(resource) or limit or "0"
        divisor = parse_quantity(str(reference.get("divisor") or "1")).value or Fraction(1)
        units = parse_quantity(str(amount)).value / divisor
        return str(-(-units.numerator // units.denominator))


def _lines(values: Mapping[str, str]) -> str:
    return "\n".join(f"{key}={msgspec.json.encode(value).decode()}" for key, value in sorted(values.items()))
