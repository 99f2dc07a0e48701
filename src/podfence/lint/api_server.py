"""Where the API server listens: as an EndpointSlice of the input says, else as the profile does."""

from __future__ import annotations

import msgspec

from podfence.lint.inspection import Inspection
from podfence.model.net import AddressRange, format_address

SERVICE_PORT = 443


class ApiServer(msgspec.Struct, frozen=True):
    """The addresses of the API server and the ports behind its Service; ``ranges`` where only these are known."""

    addresses: tuple[int, ...] = ()
    ports: tuple[int, ...] = ()
    ranges: tuple[AddressRange, ...] = ()

    @property
    def text(self) -> str:
        """Write the first address and port as people do."""
        where = format_address(self.addresses[0]) if self.addresses else ""
        ports = "/".join(map(str, self.ports))
        return f"{where}:{ports}" if where else f"port {ports}"


def api_server(inspection: Inspection) -> ApiServer:
    """Find the API server; nothing is known where neither the input nor a profile tells."""
    known: ApiServer | None = inspection.kept.get("api-server")
    if known is None:
        known = inspection.kept["api-server"] = _find(inspection)
    return known


def _find(inspection: Inspection) -> ApiServer:
    slices = [
        item
        for item in inspection.snapshot.endpoint_slices
        if (item.namespace, item.service) == ("default", "kubernetes") and item.addresses
    ]
    if slices:
        addresses = tuple(dict.fromkeys(address for item in slices for address in item.addresses))
        ports = tuple(dict.fromkeys(port.port for item in slices for port in item.ports)) or (SERVICE_PORT,)
        return ApiServer(addresses, ports)
    profile = inspection.profile
    if profile is None:
        return ApiServer()
    return ApiServer(ports=profile.api_ports, ranges=profile.api_ranges)
