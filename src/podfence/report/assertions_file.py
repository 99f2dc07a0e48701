"""A first file of tests: what is true of a cluster today, as ``podfence test`` reads it.

Only what a policy made true is written: who reaches each endpoint that is isolated for ingress, and that nobody
else does.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any

import yaml

from podfence.engine import bitset
from podfence.engine.connectivity import Connectivity
from podfence.engine.endpoints import Endpoint
from podfence.engine.excerpt import Excerpt
from podfence.manifests.assertions import API_VERSION, KIND
from podfence.model.error import PodfenceError
from podfence.model.net import GLOBAL_IPV4, Protocol, subtract
from podfence.model.policy import PortRange
from podfence.report.addresses import blocks
from podfence.report.incoming import ByPorts, incoming

_MOST_BLOCKS = 4
_HEAD = f"""\
# Who may talk to whom, as it was when this file was written. Hold it against manifests with
#   podfence test FILE --against PATH
apiVersion: {API_VERSION}
kind: {KIND}
"""


def assertions_file(connectivity: Connectivity) -> str:
    """Write a test for each isolated endpoint and each set of sources, in order of the endpoints.

    Raises ``PodfenceError`` where no endpoint is isolated: a file without tests could not be read.
    """
    entering = incoming(Excerpt(connectivity)).entering
    tests = [
        test
        for number, endpoint in enumerate(connectivity.endpoints)
        if endpoint.ingress_isolated
        for test in _tests(connectivity, endpoint, entering.get(number, {}))
    ]
    if not tests:
        raise PodfenceError("no test to write: no NetworkPolicy isolates anybody for ingress")
    return _HEAD + yaml.safe_dump({"tests": tests}, sort_keys=False, allow_unicode=True, width=100)


def _tests(connectivity: Connectivity, endpoint: Endpoint, entering: ByPorts) -> Iterator[dict[str, Any]]:
    atoms_of: dict[tuple[int, ...], int] = defaultdict(int)
    for atom, sources in _by_atom(entering).items():
        atoms_of[tuple(sorted(sources))] |= 1 << atom
    for numbers, mask in sorted(atoms_of.items()):
        test = _test(connectivity, endpoint, [connectivity.endpoints[number] for number in numbers], mask)
        if test is not None:
            yield test
    if not entering:
        name = f"nobody outside reaches {endpoint.namespace}/{endpoint.name}"
        yield {"name": name, "from": ["internet"], "to": [endpoint.id], "expect": "deny"}


def _by_atom(entering: ByPorts) -> dict[int, set[int]]:
    found: dict[int, set[int]] = defaultdict(set)
    for mask, sources in entering.items():
        for atom in bitset.members(mask):
            found[atom].update(sources)
    return found


def _test(
    connectivity: Connectivity, endpoint: Endpoint, sources: Iterable[Endpoint], mask: int
) -> dict[str, Any] | None:
    ends = [(text, exact) for source in sources for text, exact in _ends(source)]
    if not ends:
        return None
    ports = connectivity.ports(mask)
    test: dict[str, Any] = {
        "name": f"who reaches {endpoint.namespace}/{endpoint.name}",
        "from": [text for text, _ in ends],
        "to": [endpoint.id],
    }
    if ports is not None:
        test["ports"] = [text for port in ports for text in _port_texts(port)]
        test["name"] += f" on {', '.join(map(str, test['ports']))}"
    return test | {"expect": "allow"} | ({"only": True} if all(exact for _, exact in ends) else {})


def _ends(endpoint: Endpoint) -> Iterator[tuple[str, bool]]:
    """Name a source as a test takes it, and tell whether that is all of it and no more."""
    if endpoint.kind == "Domain":
        return
    if endpoint.kind != "External":
        yield endpoint.id, True
        return
    written = blocks(endpoint.ranges)
    if len(written) <= _MOST_BLOCKS and not any("-" in block for block in written):
        yield from ((block, True) for block in written)
    elif not subtract(GLOBAL_IPV4, endpoint.ranges):
        yield "internet", False


def _port_texts(port: PortRange) -> list[str | int]:
    """Name the ports of a range: its ends, since a test names single ports."""
    if port.protocol is Protocol.OTHER:
        return ["icmp"]
    numbers = dict.fromkeys((port.first, port.last))
    return [number if port.protocol is Protocol.TCP else f"{number}/{port.protocol.value}" for number in numbers]
