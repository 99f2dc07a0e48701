"""Where to put a rule that lets pods through: into a policy about exactly these pods, else into one of its own.

A rule in a policy that selects more pods opens those as well. All places worth a try are handed out; the proof
shows which of them opens the least.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from podfence.lint.exposure import classes_of
from podfence.lint.inspection import Inspection
from podfence.lint.mend import Add, Mend
from podfence.lint.peers import selectors_of_pods
from podfence.manifests.write import selector_object
from podfence.model.objects import Pod
from podfence.model.policy import Direction, PodPeer, Policy
from podfence.synthesis.telling import joined

_LONGEST_NAME = 60


def openings(
    inspection: Inspection, policy: Policy, pods: Sequence[Pod], direction: Direction, rule: dict[str, Any]
) -> tuple[Mend, ...]:
    """List the mends that give some pods one more rule, the one in ``policy``, which is to blame, first.

    Where every policy that isolates them all selects others too, and no label tells them apart, there is none.
    """
    if policy.ref.namespace is None:
        return ()
    add = Add(f"spec.{direction.value}", (rule,))
    wanted = set(map(_key, pods))
    if _subjects(inspection, policy) <= wanted:
        return (Mend(policy.ref, (add,)),)
    exact = [
        Mend(other.ref, (add,))
        for other in inspection.isolating(classes_of(inspection, pods[0])[0], direction)
        if _subjects(inspection, other) == wanted
    ]
    rest = exact[:1] or list(_of_its_own(inspection, policy, pods, direction, rule))
    return (Mend(policy.ref, (add,)), *rest) if rest else ()


_Key = tuple[str, str, tuple[str, str]]


def _key(pod: Pod) -> _Key:
    return pod.namespace, pod.name, pod.workload


def _subjects(inspection: Inspection, policy: Policy) -> set[_Key]:
    return set(map(_key, inspection.pods(inspection.subjects(policy))))


def _of_its_own(
    inspection: Inspection, isolating: Policy, pods: Sequence[Pod], direction: Direction, rule: dict[str, Any]
) -> Iterator[Mend]:
    """Write a new policy for exactly some pods, if one selector means them.

    It stays within what is isolated already: it closes nothing for pods that nobody has yet.
    """
    namespace, subject = isolating.ref.namespace or "", isolating.subject
    selectors = selectors_of_pods(inspection, namespace, list(pods))
    if len(selectors) != 1 or not isinstance(subject, PodPeer):
        return
    port = next((str(item["port"]) for item in rule.get("ports", ()) if "port" in item), "")
    stem = "-".join(filter(None, (pods[0].workload[1] or pods[0].name, direction.value, port)))[:_LONGEST_NAME]
    document = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": _free_name(inspection, namespace, stem), "namespace": namespace},
        "spec": {
            "podSelector": joined(selectors[0], selector_object(subject.pod_selector)),
            "policyTypes": [direction.value.capitalize()],
            direction.value: [rule],
        },
    }
    yield Mend(None, new=document)


def _free_name(inspection: Inspection, namespace: str, stem: str) -> str:
    taken = {policy.ref.name for policy in inspection.snapshot.policies if policy.ref.namespace == namespace}
    name, number = stem, 1
    while name in taken:
        number += 1
        name = f"{stem}-{number}"
    return name
