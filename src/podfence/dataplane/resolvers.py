"""Whose answers tell the addresses of names, and the rules that hold such answers until the kernel knows them.

Only an answer of a resolver that the cluster itself runs, or that a person named, counts: a pod may ask anybody on
port 53, and whoever it asks could make any address the address of any name. It counts only where the node's own routes
lead to the resolver, for a pod can write any address into what it sends. A resolver on the network of nodes counts on
its own node alone: elsewhere the address of a node stands for whoever is behind its ports.

An answer is logged whole and dropped; the agent learns it and sends the same on to the pod. So no program can connect
before the kernel lets it, and no kernel needs more than what logs drops anyway (a queue is a module that many do not
have). The agent says every few seconds that it is there; when it does not, answers pass and open nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from podfence.dataplane.clauses import WORD
from podfence.dataplane.members import ASKING, ATTENDED, FAMILIES, RESOLVERS, RESOLVERS_HERE
from podfence.dataplane.naming import sealed
from podfence.dataplane.objects import Chain, Element
from podfence.dataplane.settings import Settings
from podfence.model.net import NODE_LOCAL_DNS, family_of, format_address
from podfence.model.objects import Node, Pod

ANSWERS: Final = {"prerouting": "answers-in", "output": "answers-out"}
"""The chains through which all replies go, by the hook."""
DNS_PORT: Final = 53

PRIORITY: Final = "7:53"
"""The packet priority (a class of traffic control that nobody has) by which the agent's own packets are known."""
PRIORITY_NUMBER: Final = 0x0007_0053

ATTENDED_S: Final = 12
"""So long answers are held for an agent that says nothing more."""

_COMMENT = "what resolvers answer to pods that may reach hosts by name; the agent passes it on"

_PODS: Final = (("k8s-app", "kube-dns"), ("k8s-app", "coredns"), ("k8s-app", "node-local-dns"))
_NAMESPACE: Final = "kube-system"
_OPENSHIFT_NAMESPACE: Final = "openshift-dns"
_OPENSHIFT_POD: Final = ("dns.operator.openshift.io/daemonset-dns", "default")
_OPENSHIFT_NODE: Final = "node.openshift.io/"


def is_resolver(pod: Pod, *, on_openshift: bool = False) -> bool:
    """Tell whether a pod is cluster DNS, by where it is and by the label that those who install it give it.

    The namespace of OpenShift counts in OpenShift alone: elsewhere anybody might have made one of that name.
    """
    if on_openshift and pod.namespace == _OPENSHIFT_NAMESPACE:
        return _OPENSHIFT_POD in pod.labels
    return pod.namespace == _NAMESPACE and any(label in pod.labels for label in _PODS)


def is_openshift(node: Node) -> bool:
    """Tell whether a node is one of OpenShift; nobody but the cluster itself labels nodes."""
    return any(key.startswith(_OPENSHIFT_NODE) for key, _ in node.labels)


def answers_chains(settings: Settings, *, holds: bool) -> dict[str, Chain]:
    """Make the chains through which all replies go; they hold answers only where pods may reach hosts by name."""
    return {
        name: Chain(_COMMENT, sealed(tuple(_rules(settings, hook))) if holds else ()) for hook, name in ANSWERS.items()
    }


def _rules(settings: Settings, hook: str) -> Iterator[str]:
    yield f"meta l4proto != @{ATTENDED} return"
    log = f"log group {settings.answer_group} queue-threshold 1{'' if settings.audit else ' drop'}"
    is_here = hook == "output"
    route = "" if is_here else " fib saddr . iif oif exists"
    fixed = sorted({*settings.resolvers, *([NODE_LOCAL_DNS] if is_here else [])})
    for family in FAMILIES:
        word = WORD[family]
        sets = [RESOLVERS[family], *([RESOLVERS_HERE[family]] if is_here else [])]
        texts = [format_address(one) for one in fixed if family_of(one) is family]
        whose = [*(f"@{name}" for name in sets), *([f"{{ {', '.join(texts)} }}"] if texts else [])]
        for protocol in ("udp", "tcp"):
            asked = f"meta l4proto {protocol} ct original proto-dst {DNS_PORT}"
            ends = [f"ct original {word} saddr @{ASKING[family]} ct reply {word} saddr {one}" for one in whose]
            yield from (f"{asked} {end}{route} {log}" for end in ends)


def attended_elements(renewal: int) -> dict[str, Element]:
    """Give the elements by which the agent says that it is there; each time with another number."""
    return {protocol: Element(timeout_s=ATTENDED_S, renewal=renewal) for protocol in ("tcp", "udp")}
