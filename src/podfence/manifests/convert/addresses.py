"""Blocks of addresses: ``ipBlock`` of NetworkPolicy and ``networks`` of the cluster-scoped APIs."""

from __future__ import annotations

import ipaddress
from functools import lru_cache

from podfence.manifests.convert.fields import UnreadableField, items, known_fields, mapping, text
from podfence.model.net import AddressRange, parse_cidr, subtract, union
from podfence.model.policy import AddressPeer

_IP_BLOCK_FIELDS = frozenset({"cidr", "except"})
_MAX_NETWORK_LENGTH = 43


def read_ip_block(value: object, path: str) -> AddressPeer:
    """Read ``ipBlock``: the block without its excepts; legacy spellings mean what old servers take them for.

    Every ``except`` must lie inside the block and be smaller (facts: semantics 1.3). Raises ``UnreadableField``.
    """
    fields = mapping(value, path)
    known_fields(fields, _IP_BLOCK_FIELDS, path)
    cidr = text(fields.get("cidr"), f"{path}.cidr")
    block = _parse(cidr, f"{path}.cidr")
    excepts = items(fields.get("except"), f"{path}.except")
    if not excepts:
        return AddressPeer((block,), cidr)
    written = [text(item, f"{path}.except[{index}]") for index, item in enumerate(excepts)]
    holes = [_hole(item, block, f"{path}.except[{index}]") for index, item in enumerate(written)]
    return AddressPeer(subtract((block,), holes), f"{cidr} except {', '.join(written)}")


def _hole(cidr: str, block: AddressRange, path: str) -> AddressRange:
    hole = _parse(cidr, path)
    inside = block.first <= hole.first and hole.last <= block.last and hole != block
    if not inside:
        raise UnreadableField(path, f"{cidr} is not a smaller block inside the cidr")
    return hole


def _parse(cidr: str, path: str) -> AddressRange:
    try:
        return _known_cidr(cidr)
    except ValueError:
        raise UnreadableField(path, f'"{cidr}" is not a valid CIDR') from None


# The same few blocks stand in policy after policy, and ``ipaddress`` is slow.
_known_cidr = lru_cache(maxsize=1 << 14)(parse_cidr)


def read_networks(value: object, path: str) -> AddressPeer:
    """Read ``networks``: one or more CIDRs without legacy spellings; host bits are cut off (row C20).

    Raises ``UnreadableField``.
    """
    networks = items(value, path)
    if not networks:
        raise UnreadableField(path, "at least one network must be listed")
    written: list[str] = []
    ranges: list[AddressRange] = []
    for index, item in enumerate(networks):
        place = f"{path}[{index}]"
        network = text(item, place)
        ranges.append(_parse(network, place))
        if _is_legacy(network):
            raise UnreadableField(place, f'"{network}" is not a valid CIDR')
        written.append(network)
    return AddressPeer(union(ranges), ", ".join(written))


def _is_legacy(network: str) -> bool:
    """Tell whether a valid CIDR is spelled in a way that custom resources refuse (row C21)."""
    address, _, prefix = network.partition("/")
    octets = address.rpartition(":")[2].split(".") if "." in address else []
    zeros = any(len(part) > 1 and part[0] == "0" for part in (*octets, prefix))
    if zeros or len(network) > _MAX_NETWORK_LENGTH:
        return True
    parsed = ipaddress.ip_address(address)
    return isinstance(parsed, ipaddress.IPv6Address) and parsed.ipv4_mapped is not None
