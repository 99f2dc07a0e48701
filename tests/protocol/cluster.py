"""An API server in miniature: objects by path, lists in pages, watches with a history that can be thrown away.

Written from the API conventions, without any code of podfence, so that the two can disagree.
"""

from __future__ import annotations

import asyncio
import copy
from typing import Any

from tests.protocol.web import Reply, Request

Object = dict[str, Any]

CORE = {
    "namespaces": "Namespace",
    "pods": "Pod",
    "nodes": "Node",
    "services": "Service",
    "replicationcontrollers": "ReplicationController",
}
PATHS = {
    **{f"/api/v1/{plural}": kind for plural, kind in CORE.items()},
    "/apis/discovery.k8s.io/v1/endpointslices": "EndpointSlice",
    "/apis/networking.k8s.io/v1/networkpolicies": "NetworkPolicy",
    **{f"/apis/apps/v1/{kind.lower()}s": kind for kind in ("Deployment", "ReplicaSet", "StatefulSet", "DaemonSet")},
    "/apis/batch/v1/jobs": "Job",
    "/apis/batch/v1/cronjobs": "CronJob",
}
CUSTOM = {
    "/apis/policy.networking.k8s.io/v1alpha2/clusternetworkpolicies": "ClusterNetworkPolicy",
    "/apis/policy.networking.k8s.io/v1alpha1/adminnetworkpolicies": "AdminNetworkPolicy",
}


class Cluster:
    """Holds the objects; ``forbidden`` are plurals that nobody may list."""

    def __init__(self, *objects: Object) -> None:
        self.paths = dict(PATHS)
        self.version = 100
        self.oldest = 0
        self.server_version = "v1.36.3"
        self.forbidden: set[str] = set()
        self.requests: list[Request] = []
        self._objects: dict[str, dict[tuple[str, str], Object]] = {}
        self._history: list[tuple[int, str, str, Object]] = []
        self._news = asyncio.Event()
        self._cut = asyncio.Event()
        self._open = asyncio.Event()
        self._open.set()
        for each in objects:
            self.put(each)

    def put(self, value: Object) -> None:
        """Create or replace an object."""
        value = copy.deepcopy(value)
        path, key = self._place(value)
        kept = self._objects.setdefault(path, {})
        event = "MODIFIED" if key in kept else "ADDED"
        kept[key] = value
        self._tell(event, path, value)

    def delete(self, value: Object) -> None:
        """Delete an object."""
        path, key = self._place(value)
        self._tell("DELETED", path, self._objects[path].pop(key))

    def compact(self) -> None:
        """Forget the past: watches from before now are too old."""
        self.oldest = self.version
        self._history.clear()

    def install(self, path: str) -> None:
        """Serve a custom kind from now on."""
        self.paths[path] = CUSTOM[path]

    def serve(self, path: str, kind: str, *values: Object) -> None:
        """Serve a kind that nobody here knows."""
        self.paths[path] = kind
        self._objects[path] = {("", value["metadata"]["name"]): value for value in values}

    def uninstall(self, path: str) -> None:
        """Serve a custom kind no longer: its watches end, and nobody has heard of it."""
        del self.paths[path]
        self._break()

    def go_away(self) -> None:
        """Break all watches off and let nobody in until ``come_back``."""
        self._open.clear()
        self._break()

    def come_back(self) -> None:
        """Answer again."""
        self._open.set()

    def _break(self) -> None:
        self._cut.set()
        self._cut = asyncio.Event()

    def _place(self, value: Object) -> tuple[str, tuple[str, str]]:
        kinds = {kind: path for path, kind in {**PATHS, **CUSTOM}.items()}
        meta = value["metadata"]
        return kinds[value["kind"]], (meta.get("namespace", ""), meta["name"])

    def _tell(self, event: str, path: str, value: Object) -> None:
        self.version += 1
        value["metadata"]["resourceVersion"] = str(self.version)
        self._history.append((self.version, event, path, copy.deepcopy(value)))
        self._news.set()
        self._news = asyncio.Event()

    async def handle(self, request: Request, reply: Reply) -> None:
        """Answer one request."""
        await self._open.wait()
        self.requests.append(request)
        path = request.path
        plural = path.rpartition("/")[2]
        if path == "/apis":
            groups = sorted({each.split("/")[2] for each in self.paths if each.startswith("/apis")})
            named = [{"name": each, "preferredVersion": {"version": self._version(each)}} for each in groups]
            await reply.whole(200, {"kind": "APIGroupList", "groups": named})
        elif path == "/version":
            await reply.whole(200, {"major": "1", "minor": "36", "gitVersion": self.server_version})
        elif path in self.paths and plural in self.forbidden:
            message = f'{plural} is forbidden: User "ann" cannot list resource "{plural}" at the cluster scope'
            await reply.whole(403, status(403, "Forbidden", message))
        elif path in self.paths and request.is_watch:
            await self._watch(request, reply)
        elif path in self.paths:
            await self._list(request, reply)
        elif resources := [each for each in self.paths if each.startswith(f"{path}/v")]:
            versions = sorted({each.split("/")[3] for each in resources})
            await reply.whole(200, {"kind": "APIGroup", "versions": [{"version": each} for each in versions]})
        elif resources := [each for each in self.paths if each.startswith(f"{path}/")]:
            names = [{"name": each.rpartition("/")[2]} for each in resources]
            await reply.whole(200, {"kind": "APIResourceList", "resources": names})
        else:
            await reply.whole(404, "404 page not found\n", {"Content-Type": "text/plain; charset=utf-8"})

    def _version(self, group: str) -> str:
        return next(each.split("/")[3] for each in self.paths if each.startswith(f"/apis/{group}/"))

    async def _list(self, request: Request, reply: Reply) -> None:
        kept = self._objects.get(request.path, {})
        values = [value for _, value in sorted(kept.items()) if _selected(value, request)]
        start = int(request.query.get("continue", "0"))
        end = start + int(request.query.get("limit", "0") or len(values) or 1)
        # Items of a list do not say what they are.
        items = [{key: part for key, part in value.items() if key not in {"apiVersion", "kind"}} for value in values]
        meta: Object = {"resourceVersion": str(self.version)}
        if end < len(values):
            meta |= {"continue": str(end), "remainingItemCount": len(values) - end}
        await reply.whole(200, {"kind": "List", "metadata": meta, "items": items[start:end] or None})

    async def _watch(self, request: Request, reply: Reply) -> None:
        seen = int(request.query["resourceVersion"])
        cut = self._cut
        await reply.begin()
        if seen < self.oldest:
            await reply.line({"type": "ERROR", "object": status(410, "Expired", f"too old resource version: {seen}")})
            await reply.end()
            return
        while True:
            news = self._news
            for version, event, path, value in self._history:
                if version > seen and path == request.path and _selected(value, request):
                    await reply.line({"type": event, "object": value})
            seen = self.version
            waits = [asyncio.ensure_future(event.wait()) for event in (news, cut)]
            done, waiting = await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            for each in waiting:
                each.cancel()
            if waits[1] in done:
                reply.cut()
                return


def _selected(value: Object, request: Request) -> bool:
    name = request.query.get("fieldSelector", "").removeprefix("metadata.name=")
    return not name or value["metadata"]["name"] == name


def status(code: int, reason: str, message: str) -> Object:
    """Make the Status of a refusal."""
    return {"kind": "Status", "status": "Failure", "code": code, "reason": reason, "message": message}


def pod(name: str, ip: str = "", namespace: str = "shop", phase: str = "Running", **labels: str) -> Object:
    """Make a pod."""
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": namespace, "labels": labels or None},
        "spec": {"nodeName": "n1", "containers": [{"name": "main", "ports": [{"name": "http", "containerPort": 80}]}]},
        "status": {"phase": phase, "podIP": ip, "podIPs": [{"ip": ip}] if ip else None},
    }


def namespace(name: str, **labels: str) -> Object:
    """Make a namespace."""
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}


def node(name: str, ip: str) -> Object:
    """Make a node."""
    addresses = [{"type": "InternalIP", "address": ip}]
    return {"apiVersion": "v1", "kind": "Node", "metadata": {"name": name}, "status": {"addresses": addresses}}


def network_policy(name: str, spec: object, namespace: str = "shop") -> Object:
    """Make a NetworkPolicy; ``spec`` may be anything at all."""
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": name, "namespace": namespace},
        "spec": spec,
    }


def cluster_network_policy(name: str, **spec: object) -> Object:
    """Make a ClusterNetworkPolicy of the Admin tier about every pod."""
    return {
        "apiVersion": "policy.networking.k8s.io/v1alpha2",
        "kind": "ClusterNetworkPolicy",
        "metadata": {"name": name},
        "spec": {"tier": "Admin", "priority": 1, "subject": {"namespaces": {}}, **spec},
    }
