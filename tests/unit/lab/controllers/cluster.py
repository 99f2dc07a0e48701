"""A store in memory, a kubelet that does at once what it should, and controllers that run until nothing changes.

Written for the tests alone: it admits and defaults nothing, but keeps versions, generations, grace and finalizers.
"""

from __future__ import annotations

import asyncio
import copy
import itertools
import json
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

from podfence.lab.apiserver.status import StatusError, already_exists, conflict, not_found
from podfence.lab.controllers.clock import timestamp
from podfence.lab.controllers.controller import Controller, Key
from podfence.lab.controllers.pods import PODS
from podfence.lab.interface import Object, Resource, Seen

KINDS = {
    ("v1", "Pod"): PODS,
    ("apps/v1", "ReplicaSet"): Resource("apps", "replicasets"),
    ("apps/v1", "Deployment"): Resource("apps", "deployments"),
    ("v1", "Node"): Resource("", "nodes"),
    ("v1", "Service"): Resource("", "services"),
    ("batch/v1", "Job"): Resource("batch", "jobs"),
}


class Store:
    """The objects, each by resource, namespace and name; ``history`` is what a watch would have told."""

    def __init__(self) -> None:
        self.now_s = 1_800_000_000.0
        self.history: list[tuple[Resource, Seen]] = []
        self._objects: dict[tuple[Resource, str, str], Object] = {}
        self._numbers = itertools.count(1)
        self._changed = asyncio.Event()

    def clock(self) -> float:
        return self.now_s

    def get(self, resource: Resource, namespace: str | None, name: str) -> Object | None:
        return self._objects.get((resource, namespace or "", name))

    def list(self, resource: Resource, namespace: str | None = None) -> Sequence[Object]:
        found = sorted(key for key in self._objects if key[0] == resource and namespace in {None, key[1]})
        return [self._objects[key] for key in found]

    def create(self, resource: Resource, namespace: str | None, value: Object) -> Object:
        stored = copy.deepcopy(value)
        metadata = stored["metadata"]
        if "name" not in metadata:
            metadata["name"] = f"{metadata['generateName']}{next(self._numbers):05d}"
        if namespace:
            metadata["namespace"] = namespace
        key = (resource, namespace or "", metadata["name"])
        if key in self._objects:
            raise already_exists(resource.group, resource.plural, metadata["name"])
        metadata |= {"uid": f"uid-{next(self._numbers)}", "generation": 1, "creationTimestamp": timestamp(self.now_s)}
        if resource == PODS:
            stored.setdefault("status", {"phase": "Pending"})
        return self._put("ADDED", key, stored)

    def update(self, resource: Resource, namespace: str | None, value: Object, subresource: str = "") -> Object:
        name = value["metadata"]["name"]
        key = (resource, namespace or "", name)
        known = self._objects.get(key)
        if known is None:
            raise not_found(resource.group, resource.plural, name)
        if (
            value["metadata"].get("resourceVersion", known["metadata"]["resourceVersion"])
            != known["metadata"]["resourceVersion"]
        ):
            raise conflict(resource.group, resource.plural, name)
        stored = copy.deepcopy(value)
        if subresource == "status":
            stored = copy.deepcopy(known) | {"status": stored.get("status", {})}
        elif "status" in known:
            stored["status"] = known["status"]
        if stored == known:
            return known
        if stored.get("spec") != known.get("spec") and subresource != "status":
            stored["metadata"]["generation"] = known["metadata"]["generation"] + 1
        if stored["metadata"].get("deletionTimestamp") and _may_go(stored):
            return self._remove(key, stored)
        return self._put("MODIFIED", key, stored)

    def delete(
        self, resource: Resource, namespace: str | None, name: str, *, grace_s: int | None = None, uid: str = ""
    ) -> None:
        key = (resource, namespace or "", name)
        known = self._objects.get(key)
        if known is None:
            raise not_found(resource.group, resource.plural, name)
        if uid and known["metadata"]["uid"] != uid:
            raise conflict(resource.group, resource.plural, name)
        stored = copy.deepcopy(known)
        waits = resource == PODS and grace_s != 0 and stored["spec"].get("nodeName")
        if not waits and _may_go(stored):
            self._remove(key, stored)
        elif not stored["metadata"].get("deletionTimestamp"):
            stored["metadata"]["deletionTimestamp"] = timestamp(self.now_s)
            self._put("MODIFIED", key, stored)

    async def watch(self, resource: Resource) -> AsyncIterator[Seen]:
        for value in self.list(resource):
            yield Seen("ADDED", value)
        place = len(self.history)
        while True:
            while place < len(self.history):
                seen_resource, seen = self.history[place]
                place += 1
                if seen_resource == resource:
                    yield seen
            self._changed.clear()
            await self._changed.wait()

    def _put(self, kind: str, key: tuple[Resource, str, str], value: Object) -> Object:
        value["metadata"]["resourceVersion"] = str(next(self._numbers))
        json.dumps(value)  # whatever is stored must be JSON
        self._objects[key] = value
        self._tell(key[0], Seen(kind, value))
        return value

    def _remove(self, key: tuple[Resource, str, str], value: Object) -> Object:
        del self._objects[key]
        self._tell(key[0], Seen("DELETED", value))
        return value

    def _tell(self, resource: Resource, seen: Seen) -> None:
        self.history.append((resource, seen))
        self._changed.set()


def _may_go(value: Object) -> bool:
    return not value["metadata"].get("finalizers") and not value.get("spec", {}).get("finalizers")


class Kubelet:
    """Runs what is bound: pods become ready, those that are deleted end; ``fails`` and ``ends`` say which do not."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.is_broken: Callable[[Object], bool] = lambda _: False
        self.phase_of: Callable[[Object], str] = lambda _: "Running"
        self._addresses = itertools.count(2)

    def sync(self) -> bool:
        """Take every pod a step further; True when something changed."""
        before = len(self._store.history)
        for pod in self._store.list(PODS):
            metadata = pod["metadata"]
            if metadata.get("deletionTimestamp"):
                self._store.delete(PODS, metadata["namespace"], metadata["name"], grace_s=0)
            elif pod["spec"].get("nodeName") and pod["status"]["phase"] == "Pending":
                self._start(pod)
        return len(self._store.history) != before

    def _start(self, pod: Object) -> None:
        number = next(self._addresses)
        phase = self.phase_of(pod)
        ready = phase == "Running" and not self.is_broken(pod)
        ip = f"10.244.{number // 256}.{number % 256}"
        now = timestamp(self._store.now_s)
        terminated = {"terminated": {"exitCode": 0 if phase == "Succeeded" else 1, "finishedAt": now}}
        status: dict[str, Any] = pod["status"] | {
            "phase": phase,
            "podIP": ip,
            "podIPs": [{"ip": ip}, {"ip": f"fd00::{number:x}"}],
        }
        status["conditions"] = [{"type": "Ready", "status": str(ready), "lastTransitionTime": now}]
        if phase != "Running":
            status["containerStatuses"] = [{"name": "c", "state": terminated, "restartCount": 0}]
        self._store.update(PODS, pod["metadata"]["namespace"], pod | {"status": status}, "status")


class Cluster:
    """A store with controllers that are driven by hand, so that no test waits."""

    def __init__(self, *controllers: Callable[[Store], Controller], binds: bool = True) -> None:
        self.store = Store()
        self.kubelet = Kubelet(self.store)
        self.controllers = [make(self.store) for make in controllers]
        self.binds = binds
        self.again: dict[tuple[int, Key], float] = {}
        self._seen = 0

    def settle(self, *, kubelet: bool = True, steps: int = 3000) -> None:
        """Reconcile what changed until nothing changes any more."""
        for _ in range(steps):
            if self._step():
                continue
            if self.binds and self._bind():
                continue
            if not (kubelet and self.kubelet.sync()):
                return
        raise AssertionError("the controllers never come to rest")

    def pass_time(self, seconds: float) -> None:
        """Let time pass and reconcile what asked for it."""
        self.store.now_s += seconds
        due, self.again = self.again, {}
        for number, key in due:
            self._reconcile(number, key)
        self.settle()

    def apply(self, resource: Resource, value: Object, namespace: str | None = "default") -> Object:
        """Create an object, or replace its spec."""
        known = self.store.get(resource, namespace, value["metadata"]["name"])
        if known is None:
            return self.store.create(resource, namespace, value)
        return self.store.update(resource, namespace, known | {"spec": value["spec"]})

    def names(self, resource: Resource, namespace: str | None = "default") -> list[str]:
        return [value["metadata"]["name"] for value in self.store.list(resource, namespace)]

    def status(self, resource: Resource, name: str, namespace: str | None = "default") -> Object:
        value = self.store.get(resource, namespace, name)
        assert value is not None
        status: Object = value.get("status", {})
        return status

    def _step(self) -> bool:
        changes, self._seen = self.store.history[self._seen :], len(self.store.history)
        keys: dict[tuple[int, Key], None] = {}
        for resource, seen in changes:
            for number, controller in enumerate(self.controllers):
                if resource in controller.watched:
                    keys |= dict.fromkeys((number, key) for key in controller.watched[resource](seen.object))
        for number, key in keys:
            self._reconcile(number, key)
        return bool(keys)

    def _reconcile(self, number: int, key: Key) -> None:
        for _ in range(5):
            try:
                again_s = self.controllers[number].reconcile(key)
            except StatusError as error:
                if error.code not in {404, 409}:
                    raise
                continue
            if again_s is not None:
                self.again[number, key] = again_s
            return
        raise AssertionError(f"{key} conflicts for ever")

    def _bind(self) -> bool:
        waiting = [pod for pod in self.store.list(PODS) if not pod["spec"].get("nodeName")]
        for pod in waiting:
            bind(self.store, pod, "node-1")
        return bool(waiting)


def bind(store: Store, pod: Object, node: str) -> None:
    """Bind a pod as a Binding does."""
    store.update(PODS, pod["metadata"]["namespace"], pod | {"spec": pod["spec"] | {"nodeName": node}})


def template(image: str = "nginx:1", **labels: str) -> Object:
    """Give a pod template of one container."""
    return {"metadata": {"labels": labels or {"app": "web"}}, "spec": {"containers": [{"name": "c", "image": image}]}}


def workload(kind: str, image: str = "nginx:1", fields: Object | None = None, **spec: object) -> Object:
    """Give a workload of pods with the label app=web."""
    full = {"selector": {"matchLabels": {"app": "web"}}, "template": template(image), **(fields or {}), **spec}
    return {"apiVersion": "apps/v1", "kind": kind, "metadata": {"name": "web"}, "spec": full}


def images(cluster: Cluster) -> list[str]:
    """Give the images of all pods that are not on their way out."""
    pods = [one for one in cluster.store.list(PODS) if not one["metadata"].get("deletionTimestamp")]
    return sorted(one["spec"]["containers"][0]["image"] for one in pods)


def true_conditions(status: Object) -> dict[str, str]:
    """Give the reasons of the conditions that hold."""
    return {one["type"]: one["reason"] for one in status.get("conditions", ()) if one["status"] == "True"}
