"""A cluster, read once: every kind that ``check``, ``map`` and ``why`` look at, as items for ``manifests.gather``."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Sequence

import msgspec

from podfence.kube.client import NOT_FOUND, Client, ClusterError, RefusedError, UnreachableError
from podfence.kube.config import Connection
from podfence.kube.kinds import LISTED, POLICIES, Kind
from podfence.kube.listing import explained, list_all, served_version
from podfence.kube.others import other_policies
from podfence.manifests.served import ServedItem

AT_ONCE = 4
"""Lists at once: the server is shared, and decoding is ours alone anyway."""


class ClusterReading(msgspec.Struct, frozen=True):
    """What a cluster holds, in the order of the kinds, and the version of its server (``v1.36.3``).

    Policies of other projects are among the items; ``hidden`` are resources of such that may not be listed. ``unread``
    are those of the kinds that may be missing which are there and cannot be listed.
    """

    items: list[ServedItem]
    version: str
    hidden: tuple[str, ...] = ()
    unread: tuple[str, ...] = ()


def read_cluster(
    connection: Connection,
    kinds: Sequence[Kind] = LISTED,
    more: Sequence[Kind] = (),
    *,
    on_page: Callable[[int, int], None] = lambda *_: None,
) -> ClusterReading:
    """List kinds of a cluster in all namespaces; runs an event loop of its own.

    ``on_page`` hears how many objects were read and how many are known to come. Of ``more`` those are listed that
    can be. Raises ``ClusterError``, also when one of the others is forbidden: an answer without all policies, pods and
    namespaces would be wrong.
    """
    return asyncio.run(_read(connection, kinds, more, on_page))


async def _read(
    connection: Connection, kinds: Sequence[Kind], more: Sequence[Kind], on_page: Callable[[int, int], None]
) -> ClusterReading:
    unread: list[str] = []
    progress: dict[str, tuple[int, int]] = {}
    turn = asyncio.Semaphore(AT_ONCE)

    async def read_one(client: Client, kind: Kind) -> list[ServedItem]:
        def count(done: int, remaining: int) -> None:
            progress[kind.resource] = (done, remaining)
            on_page(sum(pair[0] for pair in progress.values()), sum(map(sum, progress.values())))

        async with turn:
            return await read_kind(client, kind, count)

    async def try_one(client: Client, kind: Kind) -> list[ServedItem]:
        try:
            return await read_one(client, kind)
        except UnreachableError:
            raise
        except ClusterError as error:
            if not isinstance(error, RefusedError) or error.code != NOT_FOUND:
                unread.append(kind.resource)
            return []

    async with Client(connection) as client:
        tasks = [asyncio.ensure_future(read_one(client, kind)) for kind in kinds]
        tasks += [asyncio.ensure_future(try_one(client, kind)) for kind in more]
        try:
            version = await _version(client)
            found = await asyncio.gather(*tasks)
            others, hidden = await other_policies(client)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
    items = [item for items in (*found, others) for item in items]
    return ClusterReading(items, version, tuple(hidden), tuple(sorted(unread)))


class _Version(msgspec.Struct, frozen=True, rename="camel"):
    git_version: str = ""


async def _version(client: Client) -> str:
    """Ask for the version of the server; empty where a proxy in between hides it."""
    try:
        told = msgspec.json.decode(await client.get("/version"), type=_Version).git_version
    except (RefusedError, msgspec.MsgspecError):
        return ""
    return told if re.match(r"v[0-9]{1,4}\.[0-9]{1,4}\b", told) else ""


async def read_kind(
    client: Client, kind: Kind, on_page: Callable[[int, int], None] = lambda *_: None
) -> list[ServedItem]:
    """List all objects of a kind; none where the cluster does not have it. Raises ``ClusterError``."""
    version = await served_version(client, kind)
    if version is None:
        return []
    api_version = kind.api_version(version)

    def read(raw: msgspec.Raw) -> ServedItem:
        item = ServedItem(api_version, kind.name, raw)
        if kind in POLICIES:
            item.plain()  # a policy that cannot be read at all must not be found out half-way through an answer
        return item

    try:
        listed = await list_all(client, kind.path(version), read, on_page=on_page)
    except RefusedError as error:
        raise explained(error, kind) from None
    except (msgspec.MsgspecError, RecursionError) as error:
        raise ClusterError(f"{client.connection.name} answers with no list of {kind.resource}: {error}") from None
    return listed.items
