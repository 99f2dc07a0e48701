"""What a probe makes in a cluster, and takes away again: a namespace, pods on each node, policies."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import msgspec

from podfence.kube import probe_plan
from podfence.kube.client import FORBIDDEN, NOT_FOUND, Client, ClusterError, RefusedError
from podfence.kube.patience import Time
from podfence.kube.probe_plan import Manifest, Place
from podfence.model.error import PodfenceError

START_S = 120.0
SETTLE_S = 20.0
BETWEEN_S = 1.0

_POLICIES = "/apis/networking.k8s.io/v1"


class Settings(msgspec.Struct, frozen=True):
    """What a person may choose: the nodes (all when empty), the image, and how long to wait for an effect."""

    nodes: tuple[str, ...] = ()
    image: str = probe_plan.IMAGE
    settle_s: float = SETTLE_S
    start_s: float = START_S


class Stage:
    """The namespace of one probe, named before it is made, so that it can be taken away at any moment."""

    def __init__(self, client: Client, settings: Settings, time: Time) -> None:
        self.namespace = f"podfence-probe-{int(time.chance() * 36**6):06x}"
        self._client = client
        self._settings = settings
        self._time = time
        self._is_open = False

    async def nodes(self) -> dict[str, str]:
        """List the nodes to probe by name, with what keeps one from running pods. Raises ``PodfenceError``."""
        listed = msgspec.json.decode(await self._client.get("/api/v1/nodes"), type=_Nodes)
        known = {node.metadata.name: "" if node.is_ready else "the node is not ready" for node in listed.items or ()}
        chosen = self._settings.nodes or tuple(known)
        unknown = [node for node in chosen if node not in known]
        if unknown:
            raise PodfenceError(f"there is no node {unknown[0]}; there are: {', '.join(sorted(known)) or 'none'}")
        if not chosen:
            raise PodfenceError(f"{self._client.connection.name} has no nodes to probe")
        return {node: known[node] for node in sorted(set(chosen))}

    async def open(self) -> None:
        """Make the namespace."""
        self._is_open = True
        await self._client.request("POST", "/api/v1/namespaces", body=probe_plan.namespace(self.namespace))

    async def start(self, nodes: Sequence[str]) -> tuple[list[Place], dict[str, str]]:
        """Make the pods of each node and wait until they run; gives where they do, and why not by node elsewhere."""
        places = [Place(node, number) for number, node in enumerate(nodes)]
        deadline = self._time.clock() + self._settings.start_s
        for place in places:
            for pod in probe_plan.pods(place, self._settings.image):
                await self._create("/api/v1", "pods", pod, deadline)
        while True:
            body = await self._client.get(f"/api/v1/namespaces/{self.namespace}/pods")
            found = {pod.metadata.name: pod for pod in msgspec.json.decode(body, type=_Pods).items or ()}
            troubles = {
                place: [_trouble(name, found.get(name)) for name in (place.server, place.client)] for place in places
            }
            waiting = {place: next(filter(None, told), "") for place, told in troubles.items()}
            if not any(waiting.values()) or self._time.clock() >= deadline:
                break
            await self._time.sleep(BETWEEN_S)
        words = f"its pods did not start within {self._settings.start_s:g} s: "
        running = [
            msgspec.structs.replace(place, addresses=found[place.server].addresses)
            for place in places
            if not waiting[place]
        ]
        return running, {place.node: words + trouble for place, trouble in waiting.items() if trouble}

    async def apply(self, policy: Manifest) -> None:
        """Make a policy."""
        await self._create(_POLICIES, "networkpolicies", policy)

    async def close(self) -> None:
        """Take the namespace away with all that is in it, also when the probe was interrupted.

        Raises ``ClusterError`` that says how to do it by hand.
        """
        if not self._is_open:
            return
        deleting = asyncio.ensure_future(self._client.request("DELETE", f"/api/v1/namespaces/{self.namespace}"))
        try:
            await asyncio.shield(deleting)
        except ClusterError as error:
            if not isinstance(error, RefusedError) or error.code not in {NOT_FOUND, FORBIDDEN}:
                raise ClusterError(f"{error}; left behind: kubectl delete namespace {self.namespace}") from None

    async def _create(self, group: str, plural: str, body: Manifest, deadline: float = 0.0) -> None:
        """Create an object; a new namespace has no service account yet, so pods may have to wait for it."""
        while True:
            try:
                await self._client.request("POST", f"{group}/namespaces/{self.namespace}/{plural}", body=body)
            except RefusedError as error:
                early = error.code == FORBIDDEN and "serviceaccount" in str(error).replace(" ", "").lower()
                if not early or self._time.clock() >= deadline:
                    raise
                await self._time.sleep(BETWEEN_S)
            else:
                return


class _Condition(msgspec.Struct, frozen=True):
    type: str = ""
    status: str = ""
    message: str | None = ""


class _Waiting(msgspec.Struct, frozen=True):
    reason: str | None = ""
    message: str | None = ""


class _State(msgspec.Struct, frozen=True):
    waiting: _Waiting | None = None


class _Container(msgspec.Struct, frozen=True):
    state: _State | None = None


class _Address(msgspec.Struct, frozen=True):
    ip: str = ""


class _Status(msgspec.Struct, frozen=True, rename="camel"):
    phase: str | None = ""
    reason: str | None = ""
    message: str | None = ""
    conditions: list[_Condition] | None = None
    container_statuses: list[_Container] | None = None
    pod_ips: list[_Address] | None = msgspec.field(default=None, name="podIPs")


class _Metadata(msgspec.Struct, frozen=True):
    name: str


class _Object(msgspec.Struct, frozen=True):
    metadata: _Metadata
    status: _Status = _Status()

    @property
    def is_ready(self) -> bool:
        """Tell whether the condition ``Ready`` holds."""
        return any(each.type == "Ready" and each.status == "True" for each in self.status.conditions or ())

    @property
    def addresses(self) -> tuple[str, ...]:
        """Every address of a pod."""
        return tuple(each.ip for each in self.status.pod_ips or () if each.ip)


class _Nodes(msgspec.Struct, frozen=True):
    items: list[_Object] | None = None


_Pods = _Nodes


def _trouble(name: str, pod: _Object | None) -> str:
    """Say why a pod does not run, empty when it does."""
    if pod is None:
        return f"pod {name} is gone"
    status = pod.status
    if status.phase == "Running" and pod.addresses:
        return ""
    for container in status.container_statuses or ():
        waiting = container.state.waiting if container.state is not None else None
        if waiting is not None and waiting.reason:
            return f"pod {name}: {waiting.reason}{_detail(waiting.message)}"
    return f"pod {name}: {status.reason or status.phase or 'no status'}{_detail(status.message)}"


def _detail(message: str | None) -> str:
    return f", {' '.join(message.split())[:200]}" if message else ""
