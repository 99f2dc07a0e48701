"""DNS by relation: what isolated pods may ask, and what answers in this cluster."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import msgspec

from podfence.engine import bitset
from podfence.engine.decide import decide
from podfence.lint.found import Check, Found
from podfence.lint.inspection import Inspection, speaks_of
from podfence.lint.manual.dns import DNS_FORGOTTEN, DNS_NODE_LOCAL, DNS_ONLY_UDP, DNS_PORT, DNS_SERVICE_ADDRESS
from podfence.lint.mend import Mend
from podfence.lint.names import and_more, is_one, pods_text
from podfence.lint.opening import openings
from podfence.manifests.loaded import Identity
from podfence.manifests.manual.rule import Rule, Severity
from podfence.model.labels import NAMESPACE_NAME_LABEL
from podfence.model.net import PRIVATE_IPV4, Protocol, covers, family_of, format_address, parse_address, subtract
from podfence.model.objects import Pod
from podfence.model.policy import Action, AddressPeer, Direction, DomainPeer, Peer, PodPeer, Policy, Unreadable
from podfence.model.policy import Rule as PolicyRule
from podfence.model.verdict import End, Flow

_BOTH = (Protocol.UDP, Protocol.TCP)
_DNS_PORTS = (53, 5353)
_DNS_NAMESPACES = ("kube-system", "openshift-dns")


class _Case(msgspec.Struct, frozen=True):
    """What is wrong for some pods: the rule, its severity, and what is missing in ports."""

    rule: Rule
    severity: Severity
    protocols: tuple[Protocol, ...] = _BOTH
    own: tuple[int, ...] = ()
    """The resolvers that the pods bring along, where they do."""


class _Group(msgspec.Struct, frozen=True):
    """Pods with one thing wrong, their classes, and the policy to mend."""

    case: _Case
    policy: Policy
    numbers: list[int]
    pods: list[Pod]


def _groups(inspection: Inspection) -> list[_Group]:
    """Sort every egress-isolated pod of the input by what is wrong with its DNS, and by the policy to blame."""
    found: dict[tuple[_Case, Identity], _Group] = {}
    for number in _judged(inspection):
        alike: dict[tuple[int, ...] | None, list[Pod]] = defaultdict(list)
        for pod in inspection.members[number]:
            alike[_own_resolvers(inspection, pod)].append(pod)
        for own, pods in alike.items():
            case = _case(inspection, number, own)
            if case is not None:
                policy = _to_blame(inspection, number)
                group = found.setdefault((case, policy.ref.identity), _Group(case, policy, [], []))
                group.numbers.append(number)
                group.pods.extend(pods)
    return list(found.values())


def _judged(inspection: Inspection) -> list[int]:
    """List the classes that are isolated for egress, and those to which a cluster-scoped policy denies something."""
    isolated = set(inspection.isolated(Direction.EGRESS))
    denied = [
        number
        for number in bitset.members(inspection.known)
        if number < inspection.frame.classes.pods and _denying(inspection, number) is not None
    ]
    return sorted(isolated.union(denied))


def _denying(inspection: Inspection, number: int) -> Policy | None:
    for policy in inspection.selecting[Direction.EGRESS][number]:
        if any(rule.action is Action.DENY for rule in policy.egress or ()):
            return policy
    return None


def _case(inspection: Inspection, number: int, own: tuple[int, ...] | None) -> _Case | None:
    """Tell what is wrong with the DNS of a class whose pods ask ``own`` resolvers, ``None`` for the cluster's.

    ``None`` when nothing is wrong, or nobody can tell.
    """
    if own is not None:
        return _own_case(inspection, number, own)
    if inspection.dns.certain:
        return _known_case(inspection, number)
    isolated = inspection.is_isolated(number, Direction.EGRESS)
    if not isolated or any(_may_be_dns(placed.rule) for placed in inspection.accepts(number, Direction.EGRESS)):
        return None
    return _forgotten(inspection, number)


def _known_case(inspection: Inspection, number: int) -> _Case | None:
    dns = inspection.dns
    servers, resolvers = _answering(inspection)
    to_pods = tuple(
        protocol
        for protocol in _BOTH
        if inspection.leaving(number, protocol, dns.port) & servers
        or _asks_the_service(inspection, number, protocol)
        or _may_ask(inspection, number, protocol)
    )
    to_resolvers = tuple(p for p in _BOTH if inspection.leaving(number, p, 53) & resolvers)
    if resolvers and Protocol.UDP not in to_resolvers:
        return _Case(DNS_NODE_LOCAL, Severity.WARNING) if to_pods else _forgotten(inspection, number)
    reached = to_resolvers if resolvers else to_pods
    if reached:
        missing = tuple(p for p in _BOTH if p not in reached)
        severity = Severity.ERROR if Protocol.UDP in missing else Severity.WARNING
        return _Case(DNS_ONLY_UDP, severity, missing) if missing else None
    if any(inspection.leaving(number, p, 53) & servers for p in _BOTH):
        return _Case(DNS_PORT, Severity.ERROR)
    if _names_service_address(inspection, number):
        return _Case(DNS_SERVICE_ADDRESS, Severity.ERROR)
    return _forgotten(inspection, number)


def _asks_the_service(inspection: Inspection, number: int, protocol: Protocol) -> bool:
    """Tell whether a class reaches the DNS pods in the families of the Service: others nobody is told to ask in."""
    dns, families = inspection.dns, {family_of(address) for address in inspection.dns.service_addresses}
    flows = [
        Flow(End(pod=pod, address=own), End(pod=server, address=its), protocol, dns.port)
        for pod in inspection.members[number][:1]
        for own in pod.addresses
        for server in dns.pods
        for its in server.addresses
        if family_of(own) is family_of(its) and family_of(own) in families
    ]
    return bool(flows) and all(decide(inspection.snapshot, flow).allowed for flow in flows)


def _may_ask(inspection: Inspection, number: int, protocol: Protocol) -> bool:
    """Tell whether a class may reach the DNS pods by what the input does not tell."""
    dns = inspection.dns
    return any(
        inspection.may_mean(placed.rule, dns.pods)
        for placed in inspection.accepts(number, Direction.EGRESS)
        if speaks_of(placed.rule, protocol, dns.port, dns.pods)
    )


def _forgotten(inspection: Inspection, number: int) -> _Case:
    """Say that DNS is forgotten: mildly for pods that may not leave, or only to private addresses."""
    rules = [placed.rule for placed in inspection.accepts(number, Direction.EGRESS)]
    open_else = not inspection.is_isolated(number, Direction.EGRESS) and _leaves(inspection, number)
    by_name = any(rule.peers is None or any(map(_is_called_by_name, rule.peers)) for rule in rules)
    return _Case(DNS_FORGOTTEN, Severity.ERROR if by_name or open_else else Severity.INFO)


def _leaves(inspection: Inspection, number: int) -> bool:
    """Tell whether pods may leave for anybody but their own class, in a family of addresses that they have."""
    areas = inspection.frame.classes.areas
    ipv4, ipv6 = areas[number]
    return any(
        other != number and ((ipv4 and areas[other][0]) or (ipv6 and areas[other][1]))
        for _, classes in inspection.reach.leaving(number)
        for other in bitset.members(classes)
    )


def _is_called_by_name(peer: Peer) -> bool:
    """Tell whether people reach a peer by a name: all but private addresses, such as the API server's."""
    match peer:
        case PodPeer() | DomainPeer():
            return True
        case AddressPeer():
            return bool(subtract(peer.ranges, PRIVATE_IPV4))
        case _:
            return False


def _answering(inspection: Inspection) -> tuple[int, int]:
    """Give the classes of the pods that answer DNS, and of the addresses that do."""
    known: tuple[int, int] | None = inspection.kept.get("dns-answering")
    if known is None:
        servers = {(pod.namespace, pod.name, pod.workload) for pod in inspection.dns.pods}
        pairs = zip(inspection.snapshot.pods, inspection.frame.classes.of_pod, strict=True)
        numbers = {number for pod, number in pairs if (pod.namespace, pod.name, pod.workload) in servers}
        resolvers = [inspection.class_of_address(address) for address in inspection.dns.resolvers]
        known = inspection.kept["dns-answering"] = (bitset.make(numbers), bitset.make(resolvers))
    return known


def _own_resolvers(inspection: Inspection, pod: Pod) -> tuple[int, ...] | None:
    """Give the resolvers that a pod brings along, none for those of its node; ``None`` for the cluster's."""
    details = inspection.details(pod)
    if details is None or details.dns_policy not in {"None", "Default"}:
        return None
    if details.dns_policy == "Default":
        return ()
    found = []
    for text in details.nameservers:
        try:
            found.append(parse_address(text))
        except ValueError:
            continue
    return tuple(found)


def _own_case(inspection: Inspection, number: int, resolvers: tuple[int, ...]) -> _Case | None:
    classes = [inspection.class_of_address(address) for address in resolvers]
    if not classes or any(inspection.leaving(number, p, 53) >> c & 1 for p in _BOTH for c in classes):
        return None
    return msgspec.structs.replace(_forgotten(inspection, number), own=resolvers)


def _may_be_dns(rule: PolicyRule) -> bool:
    """Tell whether a rule may let pods reach DNS, in a cluster of which nothing is known."""
    if not any(speaks_of(rule, protocol, port) for protocol in _BOTH for port in _DNS_PORTS) and not any(
        getattr(item, "name", "").startswith("dns") for item in rule.ports or ()
    ):
        return False
    return rule.peers is None or any(map(_may_hold_dns, rule.peers))


def _may_hold_dns(peer: Peer) -> bool:
    match peer:
        case PodPeer(namespace=str(namespace)):
            return namespace in _DNS_NAMESPACES
        case PodPeer(namespace_selector=selector):
            named = [item for item in (selector.requirements if selector else ()) if item.key == NAMESPACE_NAME_LABEL]
            return any(all(item.matches({NAMESPACE_NAME_LABEL: name}) for item in named) for name in _DNS_NAMESPACES)
        case DomainPeer() | Unreadable():
            return False
        case _:
            return True


def _names_service_address(inspection: Inspection, number: int) -> bool:
    addresses = inspection.dns.service_addresses
    return any(
        isinstance(peer, AddressPeer) and any(covers(peer.ranges, address) for address in addresses)
        for placed in inspection.accepts(number, Direction.EGRESS)
        if any(speaks_of(placed.rule, protocol, 53) for protocol in _BOTH)
        for peer in placed.rule.peers or ()
    )


def _to_blame(inspection: Inspection, number: int) -> Policy:
    """Choose the policy to mend: one that lets these pods leave for something, else the first that isolates them."""
    isolating = inspection.isolating(number, Direction.EGRESS)
    denying = _denying(inspection, number)
    if not isolating and denying is not None:
        return denying
    speaking = [policy for policy in isolating if policy.egress and _speaks_of_dns(policy)]
    return next(iter(speaking or [policy for policy in isolating if policy.egress] or isolating))


def _speaks_of_dns(policy: Policy) -> bool:
    return any(_may_be_dns(rule) for rule in policy.egress or ())


def dns(inspection: Inspection, wanted: Rule) -> Iterator[Found]:
    """Find pods that are cut off from DNS in one of the ways."""
    groups: list[_Group] | None = inspection.kept.get("dns")
    if groups is None:
        groups = inspection.kept["dns"] = _groups(inspection)
    for group in groups:
        case, policy = group.case, group.policy
        if case.rule is wanted:
            yield Found(
                case.rule,
                policy.ref,
                "spec.egress" if policy.egress else "spec",
                _message(inspection, group),
                felt=_felt(case),
                hint=_hint(inspection, case),
                mends=_mends(inspection, case, policy, group.pods),
                severity=case.severity,
            )


_FELT = {
    "PF101": "every hostname lookup times out, usually reported as a failed connection, not as a DNS error.",
    "PF102": "most lookups work; those with long answers fail or take seconds.",
    "PF103": "every hostname lookup times out, though the rule for DNS looks right.",
    "PF104": "every hostname lookup times out, though the rule for DNS looks right.",
    "PF105": "every hostname lookup times out, though the rule names the resolver of /etc/resolv.conf.",
}


def _felt(case: _Case) -> str:
    if case.severity is Severity.INFO:
        return ""
    without_udp = case.rule is DNS_ONLY_UDP and Protocol.UDP in case.protocols
    return "every hostname lookup times out." if without_udp else _FELT[case.rule.id]


_MISSING = {
    True: "UDP, which is what programs ask over first",
    False: "TCP: an answer that does not fit into UDP is asked for over TCP",
}


def _message(inspection: Inspection, group: _Group) -> str:
    case, policy, numbers = group.case, group.policy, group.numbers
    who = pods_text(sorted(group.pods, key=lambda pod: (pod.namespace, pod.name)))
    isolated = _isolated_by(inspection, policy, numbers)
    dns = inspection.dns
    answers = f"{dns.servers.namespace}/{dns.servers.service}"
    verb = "is" if is_one(group.pods) else "are"
    match case.rule.id:
        case "PF102":
            return f"{who} may ask DNS, but not over {_MISSING[Protocol.UDP in case.protocols]}."
        case "PF103":
            address = and_more([format_address(item) for item in dns.resolvers])
            return (
                f"{who} {verb} allowed to reach the pods of {answers}, but pods here ask {address}, which is no pod: "
                f"no podSelector matches it."
            )
        case "PF104":
            return (
                f"{who} may reach the pods of {answers} on port 53, but these listen on {dns.port}: "
                f"policies see the port after the Service has translated it."
            )
        case "PF105":
            address = and_more([format_address(item) for item in dns.service_addresses])
            return (
                f"{who} may reach {address}, the address of Service {answers}, but not the pods behind it: "
                f"policies see addresses after the Service has translated them."
            )
    addresses = case.own or (() if dns.pods else dns.resolvers)
    where = and_more([format_address(item) for item in addresses]) if addresses else answers
    if case.severity is Severity.INFO:
        leaves = any(any(inspection.accepts(number, Direction.EGRESS)) for number in numbers)
        only = "may leave only to private addresses" if leaves else "may not leave at all"
        return f"{who} {only} ({isolated}), DNS included; fine if no name is ever looked up."
    how = "isolated for egress" if policy.ref.namespace is not None else "denied egress"
    return (
        f"{who} {verb} {how} by {isolated}, and nothing allows DNS "
        f"(UDP and TCP {53 if addresses else dns.port} to {where})."
    )


def _isolated_by(inspection: Inspection, policy: Policy, numbers: list[int]) -> str:
    names = {str(item.ref): None for number in numbers for item in inspection.isolating(number, Direction.EGRESS)}
    return and_more(list({str(policy.ref): None, **names}), 3)


def _hint(inspection: Inspection, case: _Case) -> str:
    if case.rule is DNS_SERVICE_ADDRESS:
        return "this depends on the plugin: a few also look at the address before translation"
    if case.rule is DNS_FORGOTTEN and not inspection.dns.certain and not case.own:
        return "which pods answer DNS is not in the input; kube-system, k8s-app=kube-dns is what most clusters have"
    return ""


def _mends(inspection: Inspection, case: _Case, policy: Policy, pods: list[Pod]) -> tuple[Mend, ...]:
    if case.severity is Severity.INFO or policy.ref.namespace is None:
        return ()
    dns = inspection.dns
    to: list[dict[str, Any]] = []
    port = dns.port
    resolvers = case.own or dns.resolvers
    if dns.pods and case.rule is not DNS_NODE_LOCAL and not case.own:
        space = {"namespaceSelector": {"matchLabels": {NAMESPACE_NAME_LABEL: dns.servers.namespace}}}
        to.append({**space, "podSelector": {"matchLabels": dict(dns.servers.labels)}})
    if resolvers and (not to or case.rule is DNS_FORGOTTEN):
        port = port if to else 53
        to.extend({"ipBlock": {"cidr": _host(address)}} for address in resolvers)
    ports = [{"protocol": protocol.value, "port": port} for protocol in case.protocols]
    return openings(inspection, policy, pods, Direction.EGRESS, {"to": to, "ports": ports})


def _host(address: int) -> str:
    text = format_address(address)
    return f"{text}/{128 if ':' in text else 32}"


def _check(rule: Rule) -> Check:
    return Check(rule, lambda inspection: dns(inspection, rule), by_profile=True)


CHECKS = tuple(map(_check, (DNS_FORGOTTEN, DNS_ONLY_UDP, DNS_NODE_LOCAL, DNS_PORT, DNS_SERVICE_ADDRESS)))
