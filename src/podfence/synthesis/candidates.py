"""Every small change that might let one denied side of a connection through.

For a side that isolation denied: one more port or peer in a rule that nearly matched, one more rule in a policy
that isolates, or a policy of its own for exactly these pods. For a side that a Baseline Deny denied: an Accept
before it, in the same object or in one just above. Whether a change does what it should, and what else it does,
is for ``proof`` to find out.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from podfence.engine.decide import peer_matches, port_matches
from podfence.engine.directory import Directory
from podfence.engine.judge import Domain, Outside, Party
from podfence.manifests.loaded import Identity
from podfence.manifests.write import selector_object
from podfence.model.net import PORT_PROTOCOLS
from podfence.model.objects import Node, Pod
from podfence.model.policy import AddressPeer, Direction, NodePeer, Peer, PodPeer, Policy, Rule, Tier, Unreadable
from podfence.model.snapshot import Snapshot
from podfence.model.verdict import DecidedIn, End, Flow, SideVerdict, Verdict
from podfence.synthesis.edit import Draft, Edit, field_at
from podfence.synthesis.peers import (
    Ports,
    UnnameableError,
    cluster_policy_peers,
    cluster_policy_ports,
    network_policy_peers,
    network_policy_ports,
    pods_of,
    subject_selectors,
)
from podfence.synthesis.telling import joined

_NOT_IN_NAMES = re.compile(r"[^a-z0-9]+")
_LONGEST_NAME = 60
_MOST_OF_A_SORT = 4
"""How many changes of one sort are tried: in a cluster with hundreds of rules the first few are as good as any."""


class Denied(msgspec.Struct, frozen=True):
    """Denied sides with one cause: their pods, the other ends, the ports, and what was judged.

    ``side`` is the first of them; ``isolated_by`` are the policies that isolate all of the subjects.
    """

    direction: Direction
    side: SideVerdict
    subjects: tuple[Pod, ...]
    others: tuple[Party, ...]
    ports: Ports
    verdicts: tuple[Verdict, ...]
    isolated_by: tuple[Policy, ...]

    @property
    def peers_field(self) -> str:
        """How both APIs call the list of peers in rules of this direction."""
        return "from" if self.direction is Direction.INGRESS else "to"

    @property
    def path(self) -> str:
        """The list of rules of this direction."""
        return f"spec.{self.direction.value}"


class Workshop(msgspec.Struct, frozen=True):
    """What edits are made of: the objects by name, and the documents that can be changed, by identity."""

    directory: Directory
    near: Snapshot
    documents: Mapping[Identity, Mapping[str, Any]]
    draft: Draft

    def document(self, policy: Policy) -> Mapping[str, Any] | None:
        """Give the document of a policy as the draft has it, ``None`` when it cannot be changed.

        One whose name the server makes up is another policy each time: ``kubectl apply`` refuses it.
        """
        found = self.draft.documents.get(policy.ref.identity) or self.documents.get(policy.ref.identity)
        return None if found is None or is_generated(found) else found


def candidates(workshop: Workshop, denied: Denied) -> list[tuple[Edit, ...]]:
    """List the changes that might mend a denied side. Raises ``UnnameableError`` when that is why there are none."""
    editable = [policy for policy in denied.isolated_by if _editable(workshop, policy)]
    sorts: dict[DecidedIn, tuple[Callable[[], Iterator[tuple[Edit, ...]]], ...]] = {
        DecidedIn.NETWORK_POLICY: (
            lambda: _limited(_more_ports(workshop, denied, editable)),
            lambda: _limited(_more_peers(workshop, denied, editable)),
            lambda: _limited(_more_rules(workshop, denied, editable)),
            lambda: iter([_new_policies(workshop, denied)]),
        ),
        DecidedIn.BASELINE: (lambda: _for_baseline(workshop, denied),),
    }
    found: list[tuple[Edit, ...]] = []
    why: UnnameableError | None = None
    for sort in sorts.get(denied.side.tier, ()):
        try:
            found.extend(edits for edits in sort() if edits)
        except UnnameableError as reason:
            why = reason
    if not found and why is not None:
        raise why
    if not found and denied.side.policy is not None and not _editable(workshop, denied.side.policy):
        raise UnnameableError(_why_not_editable(workshop, denied.side.policy))
    return found


def is_generated(document: Mapping[str, Any]) -> bool:
    """Tell whether the server makes up the name of an object."""
    metadata = document.get("metadata")
    return isinstance(metadata, Mapping) and not metadata.get("name") and bool(metadata.get("generateName"))


def _why_not_editable(workshop: Workshop, policy: Policy) -> str:
    name = policy.ref.name
    if is_generated(workshop.documents.get(policy.ref.identity, {})):
        return (
            f"{name} denies it and cannot be changed: it has generateName, which kubectl apply refuses; give it a name"
        )
    return f"{name} denies it and cannot be changed: the API server refuses it as it stands, mend it first"


def _limited(edits: Iterable[Edit]) -> Iterator[tuple[Edit, ...]]:
    for edit, _ in zip(edits, range(_MOST_OF_A_SORT), strict=False):
        yield (edit,)


def _editable(workshop: Workshop, policy: Policy) -> bool:
    return workshop.document(policy) is not None and not isinstance(policy.subject, Unreadable)


def _rules(policies: Iterable[Policy], denied: Denied) -> Iterator[tuple[Policy, Rule]]:
    for policy in policies:
        for rule in policy.rules(denied.direction) or ():
            yield policy, rule


def _more_ports(workshop: Workshop, denied: Denied, policies: Sequence[Policy]) -> Iterator[Edit]:
    """Add the ports to rules whose peers match already."""
    if any(protocol not in PORT_PROTOCOLS for protocol, _ in denied.ports):
        return
    for policy, rule in _rules(policies, denied):
        if rule.ports is None or not _peers_match(workshop.near, rule, denied):
            continue
        path = f"{rule.path}.{rule.ports_field}"
        there = field_at(workshop.document(policy) or {}, path)
        if not isinstance(there, list):
            continue
        say_tcp = any(isinstance(item, dict) and "protocol" in item for item in there)
        items = network_policy_ports(denied.ports, say_tcp=say_tcp)
        yield Edit(policy.ref.identity, policy.ref, path, len(there), tuple(items or ()))


def _more_peers(workshop: Workshop, denied: Denied, policies: Sequence[Policy]) -> Iterator[Edit]:
    """Add the other ends to rules whose ports match already."""
    for policy, rule in _rules(policies, denied):
        if rule.peers is None or not _ports_match(rule, denied):
            continue
        path = f"{rule.path}.{rule.peers_field}"
        there = field_at(workshop.document(policy) or {}, path)
        if not isinstance(there, list):
            continue
        items = network_policy_peers(workshop.directory, denied.others, policy.ref.namespace or "")
        yield Edit(policy.ref.identity, policy.ref, path, len(there), tuple(items))


def _more_rules(workshop: Workshop, denied: Denied, policies: Sequence[Policy]) -> Iterator[Edit]:
    """Add a rule to policies that isolate the subjects, first those that select the fewest labels by chance."""
    for policy in sorted(policies, key=_breadth):
        there = field_at(workshop.document(policy) or {}, denied.path)
        if there is not None and not isinstance(there, list):
            continue
        rule = _rule(workshop.directory, denied, policy.ref.namespace or "")
        fresh = there is None
        yield Edit(policy.ref.identity, policy.ref, denied.path, len(there or ()), (rule,), fresh=fresh)


def _breadth(policy: Policy) -> int:
    return -len(policy.subject.pod_selector.requirements) if isinstance(policy.subject, PodPeer) else 0


def _new_policies(workshop: Workshop, denied: Denied) -> tuple[Edit, ...]:
    """Make policies of their own for the subjects, within what a policy isolates already, so that nothing closes."""
    edits: list[Edit] = []
    taken = {policy.ref.identity for policy in workshop.near.policies}
    for namespace, selectors in subject_selectors(workshop.directory, denied.subjects).items():
        for selector in selectors:
            name = _new_name(denied, "NetworkPolicy", namespace, taken)
            document = {
                "apiVersion": "networking.k8s.io/v1",
                "kind": "NetworkPolicy",
                "metadata": {"name": name, "namespace": namespace},
                "spec": {
                    "podSelector": _isolated(selector, denied.isolated_by),
                    "policyTypes": [denied.direction.value.capitalize()],
                    denied.direction.value: [_rule(workshop.directory, denied, namespace)],
                },
            }
            identity = ("NetworkPolicy", namespace, name)
            taken.add(identity)
            edits.append(Edit(identity, None, "", 0, (document,)))
    return tuple(edits)


def _isolated(selector: dict[str, Any], isolated_by: Iterable[Policy]) -> dict[str, Any]:
    """Narrow a selector to pods that one of some policies isolates, those that nobody has yet included."""
    subjects = [policy.subject.pod_selector for policy in isolated_by if isinstance(policy.subject, PodPeer)]
    narrowed = [joined(selector, selector_object(subject)) for subject in subjects]
    return selector if selector in narrowed else next(iter(narrowed), selector)


def _rule(directory: Directory, denied: Denied, namespace: str) -> dict[str, Any]:
    rule: dict[str, Any] = {denied.peers_field: network_policy_peers(directory, denied.others, namespace)}
    ports = network_policy_ports(denied.ports)
    return rule if ports is None else {**rule, "ports": ports}


def _for_baseline(workshop: Workshop, denied: Denied) -> Iterator[tuple[Edit, ...]]:
    policy, rule = denied.side.policy, denied.side.rule
    if policy is None or rule is None:
        return
    accept = _accept(workshop.directory, denied, policy.ref.kind)
    document = workshop.document(policy)
    there = field_at(document or {}, denied.path)
    position = rule.path.rpartition("[")[2].removesuffix("]")
    if _editable(workshop, policy) and isinstance(there, list) and position.isdigit():
        yield (Edit(policy.ref.identity, policy.ref, denied.path, int(position), (accept,), ordered=True),)
    if policy.ref.kind == "ClusterNetworkPolicy" and policy.priority > 0:
        yield _new_baseline(workshop, denied, policy, accept)


def _accept(directory: Directory, denied: Denied, kind: str) -> dict[str, Any]:
    new_api = kind == "ClusterNetworkPolicy"
    ports = cluster_policy_ports(denied.ports, kind)
    return {
        "action": "Accept" if new_api else "Allow",
        denied.peers_field: cluster_policy_peers(directory, denied.others, denied.direction),
        **({} if ports is None else {"protocols" if new_api else "ports": ports}),
    }


def _new_baseline(workshop: Workshop, denied: Denied, policy: Policy, accept: dict[str, Any]) -> tuple[Edit, ...]:
    """Make Baseline policies for the subjects alone, with a priority just above the one that denies."""
    used = {item.priority for item in workshop.near.policies if item.tier is Tier.BASELINE}
    priority = next((number for number in range(policy.priority - 1, -1, -1) if number not in used), None)
    if priority is None:
        return ()
    edits: list[Edit] = []
    taken = {item.ref.identity for item in workshop.near.policies}
    for namespace, selectors in subject_selectors(workshop.directory, denied.subjects).items():
        for selector in selectors:
            name = _new_name(denied, "ClusterNetworkPolicy", None, taken)
            document = {
                "apiVersion": "policy.networking.k8s.io/v1alpha2",
                "kind": "ClusterNetworkPolicy",
                "metadata": {"name": name},
                "spec": {
                    "tier": "Baseline",
                    "priority": priority,
                    "subject": pods_of(namespace, selector),
                    denied.direction.value: [accept],
                },
            }
            identity = ("ClusterNetworkPolicy", None, name)
            taken.add(identity)
            edits.append(Edit(identity, None, "", 0, (document,)))
    return tuple(edits)


def _new_name(denied: Denied, kind: str, namespace: str | None, taken: set[Identity]) -> str:
    subject, other = _short_name(denied.subjects[0]), _short_name(denied.others[0])
    link = "from" if denied.direction is Direction.INGRESS else "to"
    stem = _NOT_IN_NAMES.sub("-", f"{subject}-{link}-{other}".lower()).strip("-")[:_LONGEST_NAME].strip("-")
    name, number = stem, 1
    while (kind, namespace, name) in taken:
        number += 1
        name = f"{stem}-{number}"
    return name


def _short_name(party: Party) -> str:
    match party:
        case Pod():
            return party.workload[1] or party.name
        case Node(name=name) | Domain(name=name):
            return name
        case Outside():
            return "outside"


def _peers_match(near: Snapshot, rule: Rule, denied: Denied) -> bool:
    """Tell whether a rule's peers mean the other end of every connection that was denied."""
    return all(
        rule.peers is None or any(peer_matches(near, peer, _other(verdict.flow, denied)) for peer in _usable(rule))
        for verdict in denied.verdicts
    )


def _usable(rule: Rule) -> Iterator[Peer]:
    for peer in rule.peers or ():
        if isinstance(peer, PodPeer | AddressPeer | NodePeer):
            yield peer


def _other(flow: Flow, denied: Denied) -> End:
    return flow.source if denied.direction is Direction.INGRESS else flow.destination


def _ports_match(rule: Rule, denied: Denied) -> bool:
    if rule.ports is None:
        return True
    return all(any(port_matches(port, verdict.flow) for port in rule.ports) for verdict in denied.verdicts)
