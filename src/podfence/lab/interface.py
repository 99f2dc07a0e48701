"""What the parts of the lab want of each other: the store of objects, and the programs that run in pods.

The API server keeps the objects and serves the streams; controllers, scheduler, nodes, Services and DNS see it as
an ``ObjectStore``; the API server sees whoever runs the pods as a ``PodRuntime``. Nothing else crosses over.
"""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, Protocol

import msgspec

Object = dict[str, Any]
"""A Kubernetes object as JSON gives it."""


class Resource(msgspec.Struct, frozen=True):
    """A collection of objects: ``Resource("apps", "deployments")``; the group of the core is empty."""

    group: str
    plural: str


class Seen(msgspec.Struct, frozen=True):
    """One event of a watch: ``type`` is ADDED, MODIFIED or DELETED."""

    type: str
    object: Object


class ObjectStore(Protocol):
    """The objects of the lab, for those who run inside the API server's process.

    Writes go through the same admission as those over HTTP; they raise ``StatusError`` (``lab.apiserver.status``)
    with the server's own code and reason. What is returned must not be changed by the caller; a copy may.
    """

    def get(self, resource: Resource, namespace: str | None, name: str) -> Object | None:
        """Give an object, ``None`` when there is none."""

    def list(self, resource: Resource, namespace: str | None = None) -> Sequence[Object]:
        """Give all objects of one namespace or of all, by namespace and name."""

    def create(self, resource: Resource, namespace: str | None, value: Object) -> Object:
        """Create an object and give it as stored; 409 AlreadyExists when it is there."""

    def update(self, resource: Resource, namespace: str | None, value: Object, subresource: str = "") -> Object:
        """Replace an object (``subresource="status"``: its status only); 409 when its resourceVersion is old."""

    def delete(
        self, resource: Resource, namespace: str | None, name: str, *, grace_s: int | None = None, uid: str = ""
    ) -> None:
        """Delete an object as a DELETE request would; a pod with a grace period only gets its deletionTimestamp."""

    def watch(self, resource: Resource) -> AsyncIterator[Seen]:
        """Give every object as ADDED, then every change, without end and without a gap."""


class Process(Protocol):
    """A program that was started in a pod; its streams are file descriptors that the caller closes.

    With a terminal ``stdin`` and ``stdout`` are the same terminal and ``stderr`` is ``None``.
    """

    stdin: int | None
    stdout: int | None
    stderr: int | None

    def resize(self, width: int, height: int) -> None:
        """Tell the terminal its size in characters."""

    def signal(self, number: int) -> None:
        """Send a signal to the program's process group."""

    async def wait(self) -> int:
        """Wait for its end and give the exit code, 128 + n when signal n ended it."""


class PodRuntime(Protocol):
    """The programs in pods, whichever node they run on; pods are named by namespace, name and container."""

    async def exec(
        self,
        namespace: str,
        pod: str,
        container: str,
        command: Sequence[str],
        *,
        stdin: bool,
        tty: bool,
        environment: Mapping[str, str] | None = None,
    ) -> Process:
        """Start a program in a running container; raises ``OSError`` when it cannot be started."""

    async def attach(self, namespace: str, pod: str, container: str, *, stdin: bool, tty: bool) -> Process:
        """Join the streams of the container's own program; raises ``LookupError`` when it does not run."""

    def logs(
        self, namespace: str, pod: str, container: str, *, follow: bool, previous: bool
    ) -> AsyncIterator[tuple[float, bytes]]:
        """Give the lines that a container wrote with their time (seconds since the epoch), then new ones."""

    async def connect(self, namespace: str, pod: str, port: int) -> tuple[int, int]:
        """Open a TCP connection inside the pod's network (localhost first); gives its socket and family.

        Raises ``OSError`` when nothing listens there.
        """

    @property
    def api_node(self) -> str:
        """The node that counts as that of the API server, as a control plane's does."""

    async def dial(self, address: str, port: int) -> socket.socket:
        """Open a TCP connection from the API server's node to any address; raises ``OSError``."""
