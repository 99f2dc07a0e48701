"""Taints of nodes after their state: not ready, cordoned (``pkg/controller/nodelifecycle``).

The API server taints every new node as not ready; here that taint goes once the node is.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from podfence.lab.controllers.controller import Key, Keys, own_key
from podfence.lab.controllers.placement import NODES, is_up
from podfence.lab.interface import Object, ObjectStore, Resource

NOT_READY: Final = "node.kubernetes.io/not-ready"
UNSCHEDULABLE: Final = "node.kubernetes.io/unschedulable"


class NodeLifecycleController:
    """Keeps the taints of nodes."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store

    @property
    def watched(self) -> Mapping[Resource, Keys]:
        """Give what matters: nodes."""
        return {NODES: own_key}

    def reconcile(self, key: Key) -> None:
        """Give one node the taints of its state, and leave those of others alone."""
        node = self._store.get(NODES, None, key.name)
        if node is None or node["metadata"].get("deletionTimestamp"):
            return
        present = node["spec"].get("taints") or []
        taints = [one for one in present if one["key"] not in {NOT_READY, UNSCHEDULABLE}] + _taints(node)
        if {one["key"] for one in taints} != {one["key"] for one in present}:
            spec = {name: value for name, value in node["spec"].items() if name != "taints"}
            self._store.update(NODES, None, node | {"spec": spec | ({"taints": taints} if taints else {})})


def _taints(node: Object) -> list[Object]:
    cordoned = [{"key": UNSCHEDULABLE, "effect": "NoSchedule"}] if node["spec"].get("unschedulable") else []
    return cordoned + ([] if is_up(node) else [{"key": NOT_READY, "effect": "NoSchedule"}])
