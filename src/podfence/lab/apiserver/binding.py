"""Binds pods to nodes, which only this subresource can do: ``spec.nodeName`` is written once."""

from __future__ import annotations

from podfence.lab.apiserver.deletion import PODS
from podfence.lab.apiserver.registry import Registry
from podfence.lab.apiserver.status import bad_request, conflict
from podfence.lab.apiserver.storage import Key


def bind(registry: Registry, key: Key, node: str, *, dry_run: bool = False) -> None:
    """Give a pod its node and the condition PodScheduled; raises ``StatusError``, 409 when it has a node."""
    pod = registry.find(registry.catalogue.preferred(PODS), key).value
    before = pod["spec"].get("nodeName")
    if before:
        raise conflict("", "pods/binding", key[1], f'pod {key[1]} is already assigned to node "{before}"')
    if not node:
        raise bad_request("target.name: Required value")
    if dry_run:
        return
    status = dict(pod.get("status") or {})
    others = [each for each in status.get("conditions") or () if each.get("type") != "PodScheduled"]
    generation = pod["metadata"].get("generation", 1)
    condition = {"type": "PodScheduled", "observedGeneration": generation, "status": "True", "lastProbeTime": None}
    status["conditions"] = [*others, {**condition, "lastTransitionTime": registry.now()}]
    bound = {**pod, "metadata": dict(pod["metadata"]), "spec": {**pod["spec"], "nodeName": node}, "status": status}
    registry.storage.put(PODS, key, bound)
