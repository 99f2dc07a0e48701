"""Isolation by relation: directions that do not count, pods cut off from those they serve, pods left open."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from podfence.engine import bitset
from podfence.lint.exposure import Exposure, exposures, of_classes
from podfence.lint.found import Check, Found, rule_number
from podfence.lint.inspection import Inspection, speaks_of
from podfence.lint.manual.isolation import (
    ALLOW_ALL,
    BACKEND_CUT_OFF,
    EMPTY_EGRESS,
    NOT_ISOLATED,
    POLICY_TYPE_MISSING,
    PROBES,
    STARTUP_RACE,
)
from podfence.lint.mend import Add, Mend, Put
from podfence.lint.names import and_more, is_one, pods_text
from podfence.lint.opening import openings
from podfence.manifests.loaded import Identity
from podfence.manifests.manual.rule import Severity
from podfence.model.labels import NAMESPACE_NAME_LABEL
from podfence.model.net import Protocol, parse_address
from podfence.model.objects import Pod
from podfence.model.policy import Direction, PodPeer, Policy, Rule, Tier

_OPPOSITE = re.compile(
    r"(?:^|[-.])(?:deny|denied|block|isolat\w*|restrict\w*|lock\w*|forbid|drop|quarantine)(?:$|[-.])"
)


def allow_all(inspection: Inspection) -> Iterator[Found]:
    """Find rules that allow everything, and say louder where the name or a neighbour means the opposite."""
    for placed in inspection.rules():
        policy, rule = placed.policy, placed.rule
        if policy.tier is not Tier.NETWORK_POLICY or rule.peers is not None or rule.ports is not None:
            continue
        contrary = _contrary(inspection, policy, placed.direction)
        word = "from" if placed.direction is Direction.INGRESS else "to"
        classes = inspection.subjects(policy) & inspection.known
        who = f" for {inspection.text(classes)}" if classes else ""
        outside = "the world outside the cluster included"
        yield Found(
            ALLOW_ALL,
            policy.ref,
            rule.path,
            f"{rule_number(placed)} allows everything {word} everywhere{who}, {outside}{contrary and f'; {contrary}'}.",
            felt="nothing; the policy denies nothing in this direction." if contrary else "",
            severity=Severity.WARNING if contrary else None,
        )


def _contrary(inspection: Inspection, policy: Policy, direction: Direction) -> str:
    name = policy.ref.name
    others = {"ingress", "egress"} - {direction.value}
    about_other = any(word in name for word in others) and direction.value not in name
    if _OPPOSITE.search(name) and "allow" not in name and not about_other:
        return f'the policy is called "{name}"'
    for other in inspection.policies:
        same = other.ref.namespace == policy.ref.namespace and other.subject == policy.subject
        if same and other is not policy and other.rules(direction) == ():
            return f"{other.ref} denies the same pods everything in this direction, in vain"
    return ""


def _documents(inspection: Inspection) -> Iterator[tuple[Policy, Mapping[str, Any], list[str] | None]]:
    """List the NetworkPolicies with their spec as it was written, and their policyTypes."""
    for policy in inspection.policies:
        document = inspection.documents.get(policy.ref.identity, {})
        spec = document.get("spec")
        if policy.ref.kind == "NetworkPolicy" and isinstance(spec, Mapping):
            types = spec.get("policyTypes")
            yield policy, spec, types if isinstance(types, list) and types else None


def policy_type_missing(inspection: Inspection) -> Iterator[Found]:
    """Find rules for a direction that policyTypes leave out."""
    for policy, spec, types in _documents(inspection):
        for direction in Direction:
            name = direction.value.capitalize()
            if types is None or name in types or not spec.get(direction.value):
                continue
            classes = inspection.subjects(policy) & inspection.known
            who = f" of {inspection.text(classes)}" if classes else ""
            yield Found(
                POLICY_TYPE_MISSING,
                policy.ref,
                f"spec.{direction.value}",
                f"The policy has {direction.value} rules, but its policyTypes list only {and_more(types)}: the "
                f"rules are ignored, and {direction.value}{who} is not restricted by it.",
                felt="nothing; connections that should be denied are let through.",
                mends=(Mend(policy.ref, (Add("spec.policyTypes", (name,)),), opens=False, closes=True),),
            )


def empty_egress(inspection: Inspection) -> Iterator[Found]:
    """Find empty lists of egress rules that deny nothing."""
    for policy, spec, types in _documents(inspection):
        if spec.get("egress") == [] and "Egress" not in (types or ()):
            value = [*(types or ["Ingress"]), "Egress"]
            yield Found(
                EMPTY_EGRESS,
                policy.ref,
                "spec.egress",
                "`egress: []` denies nothing here: Egress is not among the policyTypes, and an empty list does not "
                "imply it.",
                felt="nothing; pods leave for everywhere.",
                mends=(Mend(policy.ref, (Put("spec.policyTypes", value),), opens=False, closes=True),),
            )


def backend_cut_off(inspection: Inspection) -> Iterator[Found]:
    """Find pods that serve requests from outside, and are isolated from where these come."""
    found: dict[tuple[Identity, Protocol, int, tuple[int, ...]], tuple[Policy, list[Exposure]]] = {}
    for exposure in exposures(inspection):
        cut = [
            number
            for number in exposure.classes
            if inspection.is_isolated(number, Direction.INGRESS) and not _is_served(inspection, exposure, number)
        ]
        for policy, numbers in inspection.to_blame(cut, Direction.INGRESS):
            key = (policy.ref.identity, exposure.protocol, exposure.port, tuple(numbers))
            found.setdefault(key, (policy, []))[1].append(exposure)
    for (_, _, _, classes), (policy, behind) in found.items():
        yield _cut_off(inspection, behind, policy, classes)


def _is_served(inspection: Inspection, exposure: Exposure, number: int) -> bool:
    """Tell whether requests may come in: from the controllers where they are known, else from anywhere at all."""
    protocol, port = exposure.protocol, exposure.port
    rules = [
        placed.rule
        for placed in inspection.accepts(number, Direction.INGRESS)
        if speaks_of(placed.rule, protocol, port, inspection.members[number])
    ]
    if exposure.controllers:
        known = [pod for source in exposure.controllers for pod in inspection.members[source]]
        return any(inspection.lets_in(source, number, protocol, port) for source in exposure.controllers) or any(
            inspection.may_mean(rule, known) for rule in rules
        )
    return any(not exposure.direct or _from_outside(rule) for rule in rules)


def _from_outside(rule: Rule) -> bool:
    return rule.peers is None or any(not isinstance(peer, PodPeer) for peer in rule.peers)


def _cut_off(inspection: Inspection, behind: list[Exposure], policy: Policy, numbers: tuple[int, ...]) -> Found:
    exposure = behind[0]
    titles = and_more([item.title for item in behind])
    pods = of_classes(inspection, (pod for item in behind for pod in item.pods), numbers)
    rule: dict[str, Any] = {"ports": [{"protocol": exposure.protocol.value, "port": exposure.port}]}
    if exposure.controllers:
        controllers = [pod for number in exposure.controllers for pod in inspection.members[number]]
        spaces = dict.fromkeys(pod.namespace for pod in controllers if not pod.host_network)
        peers = [{"namespaceSelector": {"matchLabels": {NAMESPACE_NAME_LABEL: name}}} for name in spaces]
        peers += inspection.blocks_of_hosts(pod for pod in controllers if pod.host_network)
        rule = {"from": peers, **rule}
    known = exposure.direct or rule.get("from")
    mends = openings(inspection, policy, pods, Direction.INGRESS, rule) if known else ()
    selects_all = isinstance(policy.subject, PodPeer) and not policy.subject.pod_selector.requirements
    empty = ", whose empty podSelector selects every pod of the namespace," if selects_all else ""
    return Found(
        BACKEND_CUT_OFF,
        policy.ref,
        "spec.podSelector",
        f"{pods_text(pods)} stand{'s' if is_one(pods) else ''} behind {titles}, but {policy.ref}{empty} "
        f"isolates {'it' if is_one(pods) else 'them'}, and no rule lets {exposure.clients} in on "
        f"{exposure.protocol.value} {exposure.port}.",
        felt=exposure.felt,
        hint="" if known else _who_is_unknown(exposure),
        mends=mends,
    )


def _who_is_unknown(exposure: Exposure) -> str:
    if exposure.controllers:
        return "the controller is on the host network, and its nodes are not in the input; let their addresses in"
    return "no ingress controller is recognised in the input; let its namespace in on that port"


def probes_and_node(inspection: Inspection) -> Iterator[Found]:
    """Find probes that depend on the exemption of the pod's own node."""
    by_policy: dict[tuple[Identity, bool], _Probed] = {}
    for number in inspection.isolated(Direction.INGRESS):
        for pod in inspection.members[number]:
            ambient = inspection.probes_from(pod)
            wanted = dict.fromkeys(_probed(inspection, pod))
            ports = [port for port in wanted if not _probe_passes(inspection, number, pod, port, ambient)]
            if ports:
                policy = inspection.narrowest(number, Direction.INGRESS, 1 << number)
                group = by_policy.setdefault((policy.ref.identity, bool(ambient)), _Probed(policy))
                group.pods.append(pod)
                group.ports.update(dict.fromkeys(ports))
    for (_, in_mesh), group in by_policy.items():
        yield _probe_finding(inspection, group, ambient=in_mesh)


class _Probed(msgspec.Struct):
    """Pods that a policy cuts off from probes, and the ports that are probed."""

    policy: Policy
    pods: list[Pod] = msgspec.field(default_factory=list)
    ports: dict[int, None] = msgspec.field(default_factory=dict)


def _probed(inspection: Inspection, pod: Pod) -> Iterator[int]:
    details = inspection.details(pod)
    for port in details.probes if details is not None else ():
        if isinstance(port, int):
            yield port
        else:
            yield from (named.number for named in pod.named_ports if named.name == port)


def _probe_passes(inspection: Inspection, number: int, pod: Pod, port: int, ambient: str) -> bool:
    if ambient:
        source = inspection.class_of_address(parse_address(ambient))
        return inspection.lets_in(source, number, Protocol.TCP, port)
    return any(speaks_of(p.rule, Protocol.TCP, port, [pod]) for p in inspection.accepts(number, Direction.INGRESS))


def _probe_finding(inspection: Inspection, group: _Probed, *, ambient: bool) -> Found:
    policy, pods, ports = group.policy, group.pods, list(group.ports)
    where = and_more([f"TCP {port}" for port in ports])
    if not ambient:
        return Found(
            PROBES,
            policy.ref,
            "spec.podSelector",
            f"The kubelet probes {pods_text(pods)} on {where}, where no rule lets anybody in: that works because a "
            f"pod's own node is always allowed.",
            hint="this depends on the plugin; a few have not always kept to it",
        )
    source = inspection.probes_from(pods[0])
    rule = {
        "from": [{"ipBlock": {"cidr": f"{source}/32"}}],
        "ports": [{"protocol": "TCP", "port": port} for port in ports],
    }
    return Found(
        PROBES,
        policy.ref,
        "spec.podSelector",
        f"The kubelet probes {pods_text(pods)} on {where}. In the ambient mesh probes come from {source}, which is "
        f"not the node's address, and no rule lets it in.",
        felt="pods never become ready, or are restarted over and over.",
        hint="this depends on the plugin",
        mends=openings(inspection, policy, pods, Direction.INGRESS, rule),
    )


def not_isolated(inspection: Inspection) -> Iterator[Found]:
    """Find pods that no policy isolates in namespaces where policies isolate others."""
    isolated = inspection.reach.program.isolated
    closed = isolated[Direction.INGRESS] | isolated[Direction.EGRESS]
    left: dict[str, list[Pod]] = defaultdict(list)
    for number in bitset.members(inspection.known & ~closed):
        if number < inspection.frame.classes.pods:
            for pod in inspection.members[number]:
                left[pod.namespace].append(pod)
    judged = {policy.ref.namespace for policy in inspection.policies if inspection.subjects(policy) & inspection.known}
    for name, pods in sorted(left.items()):
        pods.sort(key=lambda pod: pod.name)
        ref = next((ref for pod in pods if (ref := inspection.ref_of(pod)) is not None), None)
        if name in judged and ref is not None:
            yield Found(
                NOT_ISOLATED,
                ref,
                "",
                f"No policy isolates {pods_text(pods)} in namespace {name}: "
                f"everybody may connect to {'it' if is_one(pods) else 'them'}, from outside the cluster too.",
            )


def startup_race(inspection: Inspection) -> Iterator[Found]:
    """Find Jobs that are isolated for egress and may leave for something."""
    for (namespace, kind, name), numbers in inspection.class_of.items():
        details = inspection.surroundings.details.get((namespace, kind, name))
        if kind not in ("Job", "CronJob") or details is None:
            continue
        if any(
            number < inspection.frame.classes.pods
            and inspection.is_isolated(number, Direction.EGRESS)
            and any(inspection.accepts(number, Direction.EGRESS))
            for number in numbers
        ):
            yield Found(
                STARTUP_RACE,
                details.ref,
                details.path,
                f"The pods of {kind} {namespace}/{name} are isolated for egress and connect as they start; some "
                f"plugins let a new pod's rules take effect a moment later.",
                felt="the first connection of some runs fails.",
                hint="this depends on the plugin; retry, or wait in an init container",
            )


CHECKS = (
    Check(ALLOW_ALL, allow_all),
    Check(POLICY_TYPE_MISSING, policy_type_missing),
    Check(EMPTY_EGRESS, empty_egress),
    Check(BACKEND_CUT_OFF, backend_cut_off),
    Check(PROBES, probes_and_node, by_profile=True),
    Check(NOT_ISOLATED, not_isolated),
    Check(STARTUP_RACE, startup_race),
)
