"""Whose answers tell the addresses of names, and the rules that hold such answers until the kernel knows them.

Only an answer of a resolver that the cluster itself runs, or that a person named, counts: a pod may ask anybody on
port 53, and whoever it asks could make any address the address of any name.

An answer is logged whole and dropped; the agent learns it and sends the same on to the pod. So no program can connect
before the kernel lets it, and no kernel needs more than what logs drops anyway (a queue is a module that many do not
have). The agent says every few seconds that it is there; when it does not, answers pass and open nothing.
"""

from __future__ import annotations

from typing import Final

from podfence.dataplane.clauses import WORD
from podfence.dataplane.members import ASKING, ATTENDED, FAMILIES, RESOLVERS
from podfence.dataplane.naming import sealed
from podfence.dataplane.objects import Chain, Element
from podfence.dataplane.settings import Settings
from podfence.model.net import family_of, format_address
from podfence.model.objects import Pod

ANSWERS: Final = "answers"
DNS_PORT: Final = 53

PRIORITY: Final = "7:53"
"""The packet priority (a class of traffic control that nobody has) by which the agent's own packets are known."""
PRIORITY_NUMBER: Final = 0x0007_0053

ATTENDED_S: Final = 30
"""So long answers are held for an agent that says nothing more."""

_COMMENT = "what resolvers answer to pods that may reach hosts by name; the agent passes it on"

_PODS: Final = (
    ("kube-system", "k8s-app", "kube-dns"),
    ("kube-system", "k8s-app", "coredns"),
    ("kube-system", "k8s-app", "node-local-dns"),
    ("openshift-dns", "dns.operator.openshift.io/daemonset-dns", "default"),
)


def is_resolver(pod: Pod) -> bool:
    """Tell whether a pod is cluster DNS, by where it is and by the label that those who install it give it."""
    return any(pod.namespace == namespace and (key, value) in pod.labels for namespace, key, value in _PODS)


def answers_chain(settings: Settings, *, holds: bool) -> Chain:
    """Make the chain through which all replies go; it holds answers only where pods may reach hosts by name."""
    return Chain(_COMMENT, sealed(tuple(_rules(settings))) if holds else ())


def _rules(settings: Settings) -> list[str]:
    found = [f"meta l4proto != @{ATTENDED} return"]
    log = f"log group {settings.answer_group} queue-threshold 1 drop"
    for family in FAMILIES:
        word = WORD[family]
        fixed = [format_address(one) for one in settings.resolvers if family_of(one) is family]
        whose = [f"@{RESOLVERS[family]}", *([f"{{ {', '.join(fixed)} }}"] if fixed else [])]
        for protocol in ("udp", "tcp"):
            asked = f"meta l4proto {protocol} ct original proto-dst {DNS_PORT}"
            ends = [f"ct original {word} saddr @{ASKING[family]} ct reply {word} saddr {one}" for one in whose]
            found += [f"{asked} {end} {log}" for end in ends]
    return found


def attended_elements(renewal: int) -> dict[str, Element]:
    """Give the elements by which the agent says that it is there; each time with another number."""
    return {protocol: Element(timeout_s=ATTENDED_S, renewal=renewal) for protocol in ("tcp", "udp")}
