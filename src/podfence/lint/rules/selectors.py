"""Selectors by relation to the labels that are there."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from itertools import pairwise

from podfence.lint.found import Check, Found, rule_number
from podfence.lint.inspection import Inspection, Placed
from podfence.lint.labels import Nearest, is_opt_in, nearest
from podfence.lint.manual.selectors import (
    AND_OR_DASH,
    HOST_NETWORK_PEER,
    HOST_NETWORK_SUBJECT,
    NAMESPACE_LABEL,
    PEER_MATCHES_NOTHING,
    POLICY_SELECTS_NOTHING,
)
from podfence.lint.mend import Add, Drop, Mend, Put
from podfence.lint.names import and_more, plural, pods_text
from podfence.manifests.manual.rule import Severity
from podfence.manifests.write import selector_object
from podfence.model.labels import NAMESPACE_NAME_LABEL, Labels, Operator, Selector
from podfence.model.labels import selector as make_selector
from podfence.model.objects import Pod
from podfence.model.policy import AddressPeer, PodPeer, Policy


def pod_peers(inspection: Inspection) -> Iterator[tuple[Placed, int, PodPeer]]:
    """List the peers that select pods, with the rule and their place in it."""
    for placed in inspection.rules():
        for index, peer in enumerate(placed.rule.peers or ()):
            if isinstance(peer, PodPeer):
                yield placed, index, peer


def namespace_label(inspection: Inspection) -> Iterator[Found]:
    """Find namespace selectors that match nothing and clearly mean a namespace that is there."""
    for placed, index, peer in pod_peers(inspection):
        selector = peer.namespace_selector
        if selector is None or not selector.requirements or inspection.selected_namespaces(peer):
            continue
        meant = _meant(inspection, selector)
        if meant:
            yield _wrong_label(inspection, placed, index, selector, meant)


def _meant(inspection: Inspection, selector: Selector) -> list[str]:
    """Name the namespaces that a selector's values are like, if all labels of theirs are known."""
    there = sorted(name for name in inspection.namespaces if inspection.knows_labels_of(name))
    values = [value for item in selector.requirements if item.operator is Operator.IN for value in item.values]
    exact = [value for value in values if value in there]
    if exact:
        return exact
    named = [item for item in selector.requirements if item.key == NAMESPACE_NAME_LABEL]
    if not named:
        return []
    return [close for value in values for close in difflib.get_close_matches(value, there, n=1, cutoff=0.75)]


def _wrong_label(inspection: Inspection, placed: Placed, index: int, selector: Selector, meant: list[str]) -> Found:
    path = f"{placed.rule.path}.{placed.rule.peers_field}[{index}].namespaceSelector"
    kind = placed.policy.ref.kind
    labels = dict(inspection.namespaces[meant[0]].labels)
    has = and_more([f"{key}={value}" for key, value in labels.items()], 3)
    instead = make_selector({NAMESPACE_NAME_LABEL: meant[0]})
    mends: tuple[Mend, ...] = ()
    if kind == "NetworkPolicy":
        mends = (Mend(placed.policy.ref, (Put(path, selector_object(instead)),)),)
    whom = "nobody" if len(placed.rule.peers or ()) == 1 else "none of its pods"
    return Found(
        NAMESPACE_LABEL,
        placed.policy.ref,
        path if kind == "NetworkPolicy" else f"{placed.rule.path}.{placed.rule.peers_field}[{index}]",
        f"{rule_number(placed)} selects namespaces with {selector}, and there are 0: namespace {meant[0]} exists "
        f"with the labels {has}. So the rule lets {whom} through.",
        felt=f"connections {'from' if placed.rule.peers_field == 'from' else 'to'} namespace {meant[0]} time out.",
        hint=f"did you mean {NAMESPACE_NAME_LABEL}: {meant[0]}?",
        mends=mends,
    )


def policy_selects_nothing(inspection: Inspection) -> Iterator[Found]:
    """Find policies that select no pod where the input shows those that they could select."""
    for policy in inspection.policies:
        subject = policy.subject
        if not isinstance(subject, PodPeer) or inspection.subjects(policy) & inspection.known:
            continue
        spaces = [name for name in inspection.selected_namespaces(subject) if inspection.pods_in.get(name)]
        if spaces and not hosts_matching(inspection, subject):
            yield _selects_nothing(inspection, policy, subject, spaces)


def _selects_nothing(inspection: Inspection, policy: Policy, subject: PodPeer, spaces: list[str]) -> Found:
    close = nearest(subject.pod_selector, _labels_in(inspection, spaces))
    pods = sum(pod.count for name in spaces for pod in inspection.pods_in[name])
    path = "spec.subject" if policy.ref.namespace is None else "spec.podSelector"
    mends: tuple[Mend, ...] = ()
    if close is not None and policy.ref.namespace is not None:
        mends = (Mend(policy.ref, (Put(path, selector_object(close.selector)),), opens=False, closes=True),)
    sure = close is not None or all(map(inspection.is_complete, spaces))
    return Found(
        POLICY_SELECTS_NOTHING,
        policy.ref,
        path,
        f"The policy selects pods with {subject.pod_selector}, and {_none_of(pods)} in {_spaces_text(spaces)} has "
        f"that: it isolates nobody.",
        felt="nothing at all; connections that it should stop are let through.",
        hint=_did_you_mean(close) or _elsewhere(inspection, subject),
        mends=mends,
        severity=None if sure else Severity.INFO,
    )


def peer_matches_nothing(inspection: Inspection) -> Iterator[Found]:
    """Find peers that match no pod where the input shows all that they could mean, and blocks without addresses."""
    dashes = {(placed.rule.path, placed.policy.ref.identity, inner) for placed, _, inner, _, _ in _dashes(inspection)}
    for placed in inspection.rules():
        for index, peer in enumerate(placed.rule.peers or ()):
            if isinstance(peer, AddressPeer) and not peer.ranges:
                yield _no_address(placed, index, peer)
            elif isinstance(peer, PodPeer) and (placed.rule.path, placed.policy.ref.identity, index) not in dashes:
                yield from _no_pod(inspection, placed, index, peer)


def _no_address(placed: Placed, index: int, peer: AddressPeer) -> Found:
    return Found(
        PEER_MATCHES_NOTHING,
        placed.policy.ref,
        f"{placed.rule.path}.{placed.rule.peers_field}[{index}]",
        f"{rule_number(placed)}: the excepts of block {peer.text} leave no address of it.",
        felt="connections that the block should let through time out.",
    )


def _no_pod(inspection: Inspection, placed: Placed, index: int, peer: PodPeer) -> Iterator[Found]:
    if inspection.frame.classes.select(peer) or hosts_matching(inspection, peer):
        return
    spaces = inspection.selected_namespaces(peer)
    known = [name for name in spaces if inspection.pods_in.get(name)]
    if not known or len(known) < len(spaces):
        return
    named = [other for other in placed.rule.peers or () if other is not peer and isinstance(other, PodPeer)]
    free = (labels for labels in _labels_in(inspection, known) if not _is_named(labels, named))
    close = nearest(peer.pod_selector, free)
    if close is None and not all(map(inspection.is_complete, known)):
        return
    path = f"{placed.rule.path}.{placed.rule.peers_field}[{index}]"
    mends: tuple[Mend, ...] = ()
    if close is not None and placed.policy.ref.kind == "NetworkPolicy":
        mends = (Mend(placed.policy.ref, (Put(f"{path}.podSelector", selector_object(close.selector)),)),)
    pods = sum(pod.count for name in known for pod in inspection.pods_in[name])
    mild = close is None and is_opt_in(peer.pod_selector)
    whom = "from" if placed.rule.peers_field == "from" else "to"
    yield Found(
        PEER_MATCHES_NOTHING,
        placed.policy.ref,
        path,
        f"{rule_number(placed)} names pods with {peer.pod_selector} in {_spaces_text(known)}, and "
        f"{_none_of(pods)} there has that: the peer lets nobody through.",
        felt="" if mild else f"connections {whom} the pods that were meant time out.",
        hint=_did_you_mean(close) or _elsewhere(inspection, peer),
        mends=mends,
        severity=Severity.INFO if mild else None,
    )


def _is_named(labels: Labels, peers: list[PodPeer]) -> bool:
    """Tell whether a peer asks for such labels already, so that another one does not mean them."""
    return any(peer.pod_selector.matches(dict(labels)) for peer in peers)


def _elsewhere(inspection: Inspection, peer: PodPeer) -> str:
    """Say where pods with such labels are, when a peer looks into its own namespace only."""
    if peer.namespace is None or not peer.pod_selector.requirements:
        return ""
    for name, pods in inspection.pods_in.items():
        if name != peer.namespace and any(peer.pod_selector.matches(dict(pod.labels)) for pod in pods):
            return f"namespace {name} has such pods; here only those of {peer.namespace} are looked at"
    return ""


def host_network_peer(inspection: Inspection) -> Iterator[Found]:
    """Find peers whose labels only hostNetwork pods have."""
    for placed, index, peer in pod_peers(inspection):
        pods = hosts_matching(inspection, peer)
        if not pods or inspection.frame.classes.select(peer):
            continue
        blocks = inspection.blocks_of_hosts(pods)
        where = and_more([block["ipBlock"]["cidr"] for block in blocks], 3) or "the nodes' range"
        path = f"{placed.rule.path}.{placed.rule.peers_field}"
        changes = (Put(f"{path}[{index}]", blocks[0]), Add(path, tuple(blocks[1:]))) if blocks else ()
        by_block = bool(changes) and placed.policy.ref.kind == "NetworkPolicy"
        yield Found(
            HOST_NETWORK_PEER,
            placed.policy.ref,
            f"{path}[{index}]",
            f"{rule_number(placed)} selects only pods on the host network, {pods_text(pods)}: their traffic carries "
            f"the address of their node, so the peer matches nothing.",
            felt="connections time out, or work from the same node only.",
            hint=f"depends on the plugin, the API leaves it undefined; name an ipBlock for the nodes ({where}), or "
            f"take the pods off the host network",
            mends=(Mend(placed.policy.ref, changes),) if by_block else (),
        )


def host_network_subject(inspection: Inspection) -> Iterator[Found]:
    """Find policies that select hostNetwork pods by a label of theirs, or nobody else."""
    for policy in inspection.policies:
        subject = policy.subject
        pods = hosts_matching(inspection, subject) if isinstance(subject, PodPeer) else []
        others = inspection.subjects(policy) & inspection.known
        if not isinstance(subject, PodPeer) or not pods or (others and not subject.pod_selector.requirements):
            continue
        yield Found(
            HOST_NETWORK_SUBJECT,
            policy.ref,
            "spec.subject" if policy.ref.namespace is None else "spec.podSelector",
            f"The policy selects pods on the host network, {pods_text(pods)}, which most plugins ignore"
            f"{'' if others else ', and nobody else: it does nothing'}.",
            hint="this depends on the plugin; a node's firewall or a policy for nodes is what guards them",
        )


def hosts_matching(inspection: Inspection, peer: PodPeer) -> list[Pod]:
    """List the hostNetwork pods that have the labels a peer asks for."""
    names = inspection.selected_namespaces(peer)
    return [
        pod
        for name in names
        for labels, pods in inspection.host_pods.get(name, {}).items()
        if peer.pod_selector.matches(dict(labels))
        for pod in pods
    ]


def _labels_in(inspection: Inspection, spaces: list[str]) -> Iterator[Labels]:
    for name in spaces:
        yield from inspection.pods_by_labels[name]


def _none_of(count: int) -> str:
    return "no pod" if count == 1 else f"none of the {count} pods"


def _spaces_text(spaces: list[str]) -> str:
    return f"namespace{'s' if len(spaces) > 1 else ''} {and_more(spaces, 3)}"


def _did_you_mean(close: Nearest | None) -> str:
    return "" if close is None else f"did you mean {close.key}: {close.value}?"


def _dashes(inspection: Inspection) -> Iterator[tuple[Placed, int, int, PodPeer, PodPeer]]:
    """List pairs of peers that look like one: the rule, the places of both, the namespaces' peer and the pods'."""
    for placed in inspection.rules():
        peers = placed.rule.peers or ()
        for first, second in pairwise(range(len(peers))):
            for outer, inner in ((first, second), (second, first)):
                spaces, pods = peers[outer], peers[inner]
                if isinstance(spaces, PodPeer) and isinstance(pods, PodPeer) and _looks_split(inspection, spaces, pods):
                    yield placed, outer, inner, spaces, pods


def _looks_split(inspection: Inspection, spaces: PodPeer, pods: PodPeer) -> bool:
    if spaces.namespace is not None or spaces.pod_selector.requirements or pods.namespace is None:
        return False
    if not pods.pod_selector.requirements or inspection.frame.classes.select(pods):
        return False
    return inspection.is_complete(pods.namespace) and bool(_with_both(inspection, spaces, pods))


def _with_both(inspection: Inspection, spaces: PodPeer, pods: PodPeer) -> list[Pod]:
    """List the pods in the selected namespaces that have the labels as well."""
    return [
        pod
        for name in inspection.selected_namespaces(spaces)
        for pod in inspection.pods_in.get(name, ())
        if pods.pod_selector.matches(dict(pod.labels))
    ]


def and_or_dash(inspection: Inspection) -> Iterator[Found]:
    """Find the dash that makes OR of what was meant as AND."""
    for placed, outer, inner, spaces, pods in _dashes(inspection):
        meant = _with_both(inspection, spaces, pods)
        count = sum(pod.count for pod in meant)
        names = inspection.selected_namespaces(spaces)
        extra = sum(pod.count for name in names for pod in inspection.pods_in.get(name, ())) - count
        path = f"{placed.rule.path}.{placed.rule.peers_field}"
        both = {
            "namespaceSelector": selector_object(spaces.namespace_selector or Selector()),
            "podSelector": selector_object(pods.pod_selector),
        }
        changes = (Put(f"{path}[{min(outer, inner)}]", both), Drop(f"{path}[{max(outer, inner)}]"))
        yield Found(
            AND_OR_DASH,
            placed.policy.ref,
            f"{path}[{inner}]",
            f"{rule_number(placed)} means: any pod in namespaces with {spaces.namespace_selector}, OR any pod with "
            f"{pods.pod_selector} in namespace {pods.namespace}. 0 pods in {pods.namespace} have {pods.pod_selector}, "
            f"{count} in {and_more(names, 3)} {'does' if count == 1 else 'do'}.",
            felt=f"nothing; {plural(extra, 'pod')} more than meant can connect today." if extra else "",
            hint="if AND was meant, take the second dash away",
            mends=(Mend(placed.policy.ref, changes, opens=False, closes=True),),
        )


CHECKS = (
    Check(HOST_NETWORK_PEER, host_network_peer),
    Check(HOST_NETWORK_SUBJECT, host_network_subject),
    Check(NAMESPACE_LABEL, namespace_label, by_profile=True),
    Check(AND_OR_DASH, and_or_dash),
    Check(POLICY_SELECTS_NOTHING, policy_selects_nothing),
    Check(PEER_MATCHES_NOTHING, peer_matches_nothing),
)
