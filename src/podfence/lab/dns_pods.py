"""Cluster DNS in pods: whatever pod runs an image called coredns answers on port 53 of its own network.

The answers are made in this process; the packets come and go by the pod, so that policies about it hold.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket

from podfence.lab.address_plan import DNS_SERVICE_ADDRESSES
from podfence.lab.controllers.pods import PODS, is_finished
from podfence.lab.dns.feed import feed_zone, zone_of
from podfence.lab.dns.server import DnsServer
from podfence.lab.dns.upstream import ask_servers
from podfence.lab.images import image_name
from podfence.lab.interface import Object, ObjectStore, Seen
from podfence.lab.zygote_client import Zygote

IMAGE = "coredns"
_PORT = 53
_PROTOCOLS = ("UDP", "TCP")
_RETRY_S = 0.2
_log = logging.getLogger(__name__)


class DnsPods:
    """Serves DNS in every pod of the image; other names are asked of ``upstream``, from within the pod."""

    def __init__(self, zygote: Zygote, store: ObjectStore, upstream: tuple[str, ...]) -> None:
        self._zygote, self._store, self._upstream = zygote, store, upstream
        self._tasks: dict[str, asyncio.Task[None]] = {}

    async def run(self) -> None:
        """Follow the pods until cancelled."""
        try:
            async for seen in self._store.watch(PODS):
                self._take(seen)
        finally:
            for task in self._tasks.values():
                task.cancel()

    def _take(self, seen: Seen) -> None:
        pod = seen.object
        uid = pod["metadata"]["uid"]
        runs = any((state.get("state") or {}).get("running") for state in _states(pod)) and not is_finished(pod)
        if seen.type == "DELETED" or not runs:
            if (task := self._tasks.pop(uid, None)) is not None:
                task.cancel()
        elif uid not in self._tasks and any(image_name(one["image"]) == IMAGE for one in pod["spec"]["containers"]):
            self._tasks[uid] = asyncio.create_task(self._serve(f"pod/{uid}"))

    async def _serve(self, place: str) -> None:
        async def connect(address: str, port: int, protocol: str) -> socket.socket:
            return await self._zygote.open_socket(place, address, port, protocol, connect=True)

        server = DnsServer(zone_of(self._store, DNS_SERVICE_ADDRESSES), ask_servers(self._upstream, connect))
        with contextlib.suppress(LookupError):
            sockets = [await self._open(place, protocol) for protocol in _PROTOCOLS]
            async with asyncio.TaskGroup() as group:
                group.create_task(feed_zone(self._store, server, DNS_SERVICE_ADDRESSES))
                group.create_task(server.serve(sockets[:1], sockets[1:]))

    async def _open(self, place: str, protocol: str) -> socket.socket:
        """Open a socket of the pod, once whoever has the port lets go of it; raises ``LookupError`` without the pod."""
        while True:
            try:
                return await self._zygote.open_socket(place, "::", _PORT, protocol)
            except OSError as error:
                _log.debug("port 53 of %s: %s", place, error)
                await asyncio.sleep(_RETRY_S)


def _states(pod: Object) -> list[Object]:
    return (pod.get("status") or {}).get("containerStatuses") or []
