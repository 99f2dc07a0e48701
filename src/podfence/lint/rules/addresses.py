"""Addresses by relation: whose they are, who rewrites them, and rules that name none."""

from __future__ import annotations

from collections.abc import Iterator

from podfence.engine import bitset
from podfence.lint.exposure import classes_of
from podfence.lint.found import Check, Found, rule_number
from podfence.lint.inspection import Inspection, Placed, readable_rules, speaks_of, target_ports
from podfence.lint.manual.addresses import (
    ANY_DESTINATION,
    BLOCK_OVER_PODS,
    METADATA_ADDRESS,
    OWN_PORTS,
    RETURN_TRAFFIC,
    SOURCE_REWRITTEN,
)
from podfence.lint.mend import Add, Drop, Mend
from podfence.lint.names import and_more, is_one, pods_text, port_text
from podfence.model.net import (
    PRIVATE_IPV4,
    AddressRange,
    Protocol,
    covers,
    intersect,
    parse_address,
    parse_cidr,
    subtract,
    union,
)
from podfence.model.objects import Pod, Service
from podfence.model.policy import Action, AddressPeer, Direction, PortRange, Rule

METADATA = parse_address("169.254.169.254")
_LINK_LOCAL = (parse_cidr("169.254.0.0/16"),)
_HTTP = 80
_USUAL = frozenset({53, 80, 443, 6443})
"""Ports that pods often reach elsewhere, whatever they listen on themselves."""

_EPHEMERAL_LAST = 60_999
"""Ephemeral ports of Linux end here at least (net.ipv4.ip_local_port_range)."""

_FIRST_UNPRIVILEGED, _LAST_START = 1024, 49_152
_MANY = 10_000
_CLIENT_STARTS = frozenset({32_768, 49_152})
"""Where the ports of clients begin on Linux and by RFC 6335: nobody else has a use for a range from there."""


def source_rewritten(inspection: Inspection) -> Iterator[Found]:
    """Find blocks for clients whose addresses nodes replace by their own."""
    behind = _rewritten(inspection)
    nodes = [AddressRange(address, address) for node in inspection.snapshot.nodes for address in node.addresses]
    for placed in inspection.rules(Direction.INGRESS) if behind else ():
        blocks = [(i, peer) for i, peer in enumerate(placed.rule.peers or ()) if isinstance(peer, AddressPeer)]
        if placed.rule.action is not Action.ACCEPT or not blocks:
            continue
        ranges = union(piece for _, peer in blocks for piece in peer.ranges)
        if _holds_nodes(ranges, nodes):
            continue
        for number in bitset.members(inspection.subjects(placed.policy) & inspection.known):
            pods = inspection.members[number]
            services = [s for p, n, s in behind.get(number, ()) if speaks_of(placed.rule, p, n, pods)]
            if services:
                yield _rewritten_by(inspection, placed, blocks[0], number, services[0])
                break


def _rewritten(inspection: Inspection) -> dict[int, list[tuple[Protocol, int, Service]]]:
    """List, for each class, the ports on which requests come with a node's address, and through which Service."""
    found: dict[int, list[tuple[Protocol, int, Service]]] = {}
    for service in inspection.snapshot.services:
        if service.type not in ("LoadBalancer", "NodePort") or service.external_traffic_policy != "Cluster":
            continue
        pods = [pod for pod in inspection.behind(service) if not pod.host_network]
        for port in service.ports:
            for (protocol, number), listening in target_ports(port, pods).items():
                for c in dict.fromkeys(c for pod in listening for c in classes_of(inspection, pod)):
                    found.setdefault(c, []).append((protocol, number, service))
    return found


def _holds_nodes(ranges: tuple[AddressRange, ...], nodes: list[AddressRange]) -> bool:
    """Tell whether nodes are let in as well: all of those known, else a whole private range."""
    if nodes:
        return not subtract(nodes, ranges)
    return any(not subtract((piece,), ranges) for piece in PRIVATE_IPV4)


def _rewritten_by(
    inspection: Inspection, placed: Placed, block: tuple[int, AddressPeer], number: int, service: Service
) -> Found:
    index, peer = block
    pods = inspection.pods(1 << number)
    return Found(
        SOURCE_REWRITTEN,
        placed.policy.ref,
        f"{placed.rule.path}.{placed.rule.peers_field}[{index}]",
        f"ipBlock {peer.text} guards {pods_text(pods)} behind Service {service.namespace}/{service.name} "
        f"({service.type}, externalTrafficPolicy: Cluster): a node that passes a request on puts its own address in "
        f"place of the client's.",
        felt="clients inside the block are refused, or some of them, depending on the node that they arrive at.",
        hint="set externalTrafficPolicy: Local; this depends on the plugin and on the load balancer",
    )


def any_destination(inspection: Inspection) -> Iterator[Found]:
    """Find egress rules with ports and without a destination, DNS apart."""
    for placed in inspection.rules(Direction.EGRESS):
        rule = placed.rule
        if rule.peers is not None or rule.ports is None or _is_own_ports(inspection, placed):
            continue
        ports = [port for port in rule.ports if isinstance(port, PortRange) and port.first != 53]
        if ports:
            yield Found(
                ANY_DESTINATION,
                placed.policy.ref,
                rule.path,
                f"{rule_number(placed)} names no destination: it allows {and_more([port_text(p) for p in ports])} to "
                f"every pod, every node and the whole internet.",
            )


def return_traffic(inspection: Inspection) -> Iterator[Found]:
    """Find ranges of ephemeral ports for those who are talked to in the other direction anyway."""
    for placed in inspection.rules():
        other_way = Direction.INGRESS if placed.direction is Direction.EGRESS else Direction.EGRESS
        back = list(readable_rules(placed.policy, other_way))
        ranges = [item for item in placed.rule.ports or () if isinstance(item, PortRange) and _is_ephemeral(item)]
        if not ranges or len(ranges) < len(placed.rule.ports or ()) or not back:
            continue
        if placed.rule.action is Action.ACCEPT and any(_answers(inspection, placed.rule, other) for other in back):
            opened = sum(item.last - item.first + 1 for item in ranges)
            yield Found(
                RETURN_TRAFFIC,
                placed.policy.ref,
                placed.rule.path,
                f"{rule_number(placed)} opens {and_more([port_text(item) for item in ranges])} as if for replies, but "
                f"replies to an allowed connection need no rule: it opens {opened} ports for new connections instead.",
                felt="nothing; far more is open than it looks.",
                mends=(Mend(placed.policy.ref, (Drop(placed.rule.path),), opens=False, closes=True),),
            )


def _is_ephemeral(item: PortRange) -> bool:
    start = _FIRST_UNPRIVILEGED <= item.first <= _LAST_START
    return start and item.last >= _EPHEMERAL_LAST and item.last - item.first >= _MANY


def _answers(inspection: Inspection, rule: Rule, other: Rule) -> bool:
    """Tell whether a rule names those whom another one names in the other direction."""
    if other.ports is None or any(isinstance(item, PortRange) and _is_ephemeral(item) for item in other.ports):
        return False
    if rule.peers is None and all(
        isinstance(item, PortRange) and item.first in _CLIENT_STARTS for item in rule.ports or ()
    ):
        return True
    if rule.peers == other.peers:
        return True
    mine, theirs = inspection.peers(rule), inspection.peers(other)
    return bool(mine) and mine == theirs


def own_ports_in_egress(inspection: Inspection) -> Iterator[Found]:
    """Find egress rules for the ports that the pods listen on themselves."""
    for placed in inspection.rules(Direction.EGRESS):
        if _is_own_ports(inspection, placed):
            pods = inspection.pods(inspection.subjects(placed.policy))
            ports = [port_text(item) for item in placed.rule.ports or () if isinstance(item, PortRange)]
            yield Found(
                OWN_PORTS,
                placed.policy.ref,
                placed.rule.path,
                f"{rule_number(placed)} allows {and_more(ports)} to everybody; these are the ports that "
                f"{pods_text(pods)} listen{'s' if is_one(pods) else ''} on. Egress rules speak of the destination's "
                f"port, and replies need no rule.",
                felt="nothing works better for it, and these ports of everybody else can be reached.",
                hint="ports to be reached on belong under ingress",
                mends=(Mend(placed.policy.ref, (Drop(placed.rule.path),), opens=False, closes=True),),
            )


def _talk_to_each_other(inspection: Inspection, placed: Placed, subjects: list[Pod]) -> bool:
    """Tell whether the policy is about the members of a set, which let each other in."""
    if not any(pod.workload[0] == "StatefulSet" and pod.count > 1 for pod in subjects):
        return False
    ports = [item for item in placed.rule.ports or () if isinstance(item, PortRange)]
    numbers = bitset.members(inspection.subjects(placed.policy) & inspection.known)
    return any(inspection.lets_in(n, n, item.protocol, item.first) for n in numbers for item in ports)


def _is_own_ports(inspection: Inspection, placed: Placed) -> bool:
    rule = placed.rule
    if rule.peers is not None or not rule.ports or placed.policy.ref.namespace is None:
        return False
    wanted = {(p.protocol, p.first) for p in rule.ports if isinstance(p, PortRange) and p.first == p.last}
    if len(wanted) < len(rule.ports) or any(port in _USUAL for _, port in wanted):
        return False
    subjects = inspection.pods(inspection.subjects(placed.policy))
    own = {port for pod in subjects for port in _listening(inspection, pod)}
    if not subjects or not wanted <= own or _used_by_others(inspection, wanted, subjects):
        return False
    return not _talk_to_each_other(inspection, placed, subjects)


def _listening(inspection: Inspection, pod: Pod) -> tuple[tuple[Protocol, int], ...]:
    details = inspection.details(pod)
    return details.ports if details is not None else tuple((p.protocol, p.number) for p in pod.named_ports)


def _used_by_others(inspection: Inspection, ports: set[tuple[Protocol, int]], subjects: list[Pod]) -> bool:
    """Tell whether other pods listen on one of the ports: then the rule may well be meant for them."""
    mine = {(pod.namespace, pod.workload) for pod in subjects}
    others = inspection.ports_of_workloads
    return any(key not in mine and not ports.isdisjoint(listening) for key, listening in others.items())


def metadata_address(inspection: Inspection) -> Iterator[Found]:
    """Find blocks for the internet that hold the metadata address."""
    if inspection.profile is not None and not inspection.profile.cloud:
        return
    for placed in inspection.rules(Direction.EGRESS):
        if placed.rule.action is not Action.ACCEPT or not speaks_of(placed.rule, Protocol.TCP, _HTTP):
            continue
        for index, peer in enumerate(placed.rule.peers or ()):
            if isinstance(peer, AddressPeer) and covers(peer.ranges, METADATA) and subtract(peer.ranges, _LINK_LOCAL):
                classes = _reaching_metadata(inspection, placed)
                if classes:
                    yield _metadata(inspection, placed, index, peer, classes)


def _reaching_metadata(inspection: Inspection, placed: Placed) -> int:
    """Give the subjects of a rule that no other policy keeps from the address."""
    there = inspection.class_of_address(METADATA)
    numbers = bitset.members(inspection.subjects(placed.policy) & inspection.known)
    return bitset.make([n for n in numbers if inspection.leaving(n, Protocol.TCP, _HTTP) >> there & 1])


def _metadata(inspection: Inspection, placed: Placed, index: int, peer: AddressPeer, classes: int) -> Found:
    path = f"{placed.rule.path}.{placed.rule.peers_field}[{index}]"
    mends: tuple[Mend, ...] = ()
    if placed.policy.ref.kind == "NetworkPolicy":
        hole = Add(f"{path}.ipBlock.except", ("169.254.169.254/32",))
        mends = (Mend(placed.policy.ref, (hole,), opens=False, closes=True),)
    return Found(
        METADATA_ADDRESS,
        placed.policy.ref,
        path,
        f"{rule_number(placed)}, block {peer.text}, lets {inspection.text(classes)} reach 169.254.169.254 on TCP 80: "
        f"in a cloud it gives out the credentials of the node to whoever asks.",
        felt="nothing, until a program is made to fetch that address.",
        hint="this depends on the cloud: some hide the address from pods, or ask for a token first",
        mends=mends,
    )


def block_over_pods(inspection: Inspection) -> Iterator[Found]:
    """Find narrow blocks that hold addresses of pods."""
    known = [
        AddressRange(address, address)
        for pod in inspection.snapshot.pods
        for address in pod.addresses
        if not pod.host_network
    ]
    told = inspection.snapshot.pod_ranges
    profile = () if told == PRIVATE_IPV4 else told
    if not known and not profile:
        return
    addresses = union(known)
    for placed in inspection.rules():
        for index, peer in enumerate(placed.rule.peers or ()):
            if not isinstance(peer, AddressPeer) or _is_wide(peer.ranges):
                continue
            held = intersect(peer.ranges, addresses) or intersect(peer.ranges, profile)
            if held:
                yield _over_pods(inspection, placed, index, peer, held)


def _is_wide(ranges: tuple[AddressRange, ...]) -> bool:
    """Tell whether a block is about more than the inside of a cluster."""
    return bool(subtract(ranges, PRIVATE_IPV4)) or any(not subtract((piece,), ranges) for piece in PRIVATE_IPV4)


def _over_pods(
    inspection: Inspection, placed: Placed, index: int, peer: AddressPeer, held: tuple[AddressRange, ...]
) -> Found:
    pods = [pod for pod in inspection.snapshot.pods if any(covers(held, address) for address in pod.addresses)]
    whose = pods_text(pods) if pods else "pods of this kind of cluster"
    return Found(
        BLOCK_OVER_PODS,
        placed.policy.ref,
        f"{placed.rule.path}.{placed.rule.peers_field}[{index}]",
        f"{rule_number(placed)}: ipBlock {peer.text} holds the addresses of {whose}, which change whenever pods start.",
        hint="this depends on the plugin: with some, a block never matches a pod; a podSelector always does",
    )


CHECKS = (
    Check(SOURCE_REWRITTEN, source_rewritten),
    Check(ANY_DESTINATION, any_destination),
    Check(RETURN_TRAFFIC, return_traffic),
    Check(OWN_PORTS, own_ports_in_egress),
    Check(METADATA_ADDRESS, metadata_address, by_profile=True),
    Check(BLOCK_OVER_PODS, block_over_pods, by_profile=True),
)
