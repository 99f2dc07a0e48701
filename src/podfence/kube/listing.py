"""One pass over all objects of a kind, page by page: the list that both a one-off reading and a watch begin with."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

import msgspec

from podfence.kube.client import FORBIDDEN, GONE, NOT_FOUND, Client, ClusterError, RefusedError
from podfence.kube.kinds import Kind, group_path

PAGE = 500
"""Objects in a page, as kubectl and client-go ask for."""

T = TypeVar("T")
Read = Callable[[msgspec.Raw], T]


class ListMeta(msgspec.Struct, frozen=True):
    """Of which moment a list is, and where its next page begins."""

    resource_version: str | None = msgspec.field(default="", name="resourceVersion")
    next_page: str | None = msgspec.field(default="", name="continue")
    remaining: int | None = msgspec.field(default=None, name="remainingItemCount")


class Page(msgspec.Struct, frozen=True):
    """A part of a list; Go writes ``null`` for no items."""

    metadata: ListMeta | None = None
    items: list[msgspec.Raw] | None = None


class Listed(msgspec.Struct, Generic[T], frozen=True):
    """All objects of a kind at one moment; ``version`` is that moment."""

    items: list[T]
    version: str


_PAGE = msgspec.json.Decoder(Page)


def _silent(_done: int, _remaining: int) -> None:
    """Tell nobody how far a list is."""


async def list_all(
    client: Client,
    path: str,
    read: Read[T],
    params: dict[str, str] | None = None,
    *,
    page: int = PAGE,
    on_page: Callable[[int, int], None] = _silent,
) -> Listed[T]:
    """List everything at ``path``; each object is read at once, so that no more than a page is held as text.

    ``on_page`` hears how many were read and how many are still to come. A page token that expires half-way is
    answered by asking for everything in one piece. Raises ``ClusterError``, and ``msgspec.MsgspecError`` for an
    answer that is no list.
    """
    asked = {**(params or {}), "limit": str(page)}
    items: list[T] = []
    while True:
        try:
            found = _PAGE.decode(await client.get(path, asked))
        except RefusedError as error:
            if error.code == GONE and "continue" in asked:
                asked, items = dict(params or {}), []
                continue
            raise
        items += [read(raw) for raw in found.items or ()]
        meta = found.metadata or ListMeta()
        on_page(len(items), meta.remaining or 0)
        if not meta.next_page:
            return Listed(items, meta.resource_version or "")
        asked["continue"] = meta.next_page


class _Version(msgspec.Struct, frozen=True):
    version: str = ""


class _Group(msgspec.Struct, frozen=True):
    versions: list[_Version] | None = None


class _Resource(msgspec.Struct, frozen=True):
    name: str = ""


class _Resources(msgspec.Struct, frozen=True):
    resources: list[_Resource] | None = None


class UnknownVersionError(ClusterError):
    """The cluster has a kind only in versions that Podfence cannot read: ignoring it would be wrong."""


async def served_version(client: Client, kind: Kind) -> str | None:
    """Find the version of a kind to ask for, ``None`` where the cluster does not have the kind.

    Built-in kinds are everywhere; of custom ones the server is asked. Raises ``UnknownVersionError`` when it has
    the kind only in versions that are not read here, and ``ClusterError``.
    """
    if not kind.custom and len(kind.versions) == 1:
        return kind.versions[0]
    served = [version for version in await _versions(client, kind) if await _has(client, kind, version)]
    for version in kind.versions:
        if version in served:
            return version
    if served:
        raise UnknownVersionError(
            f"{client.connection.name} has {kind.resource} in {', '.join(served)}; "
            f"this podfence reads {', '.join(kind.versions)}: take a newer one"
        )
    return None


async def _versions(client: Client, kind: Kind) -> list[str]:
    try:
        group = msgspec.json.decode(await client.get(group_path(kind.group)), type=_Group)
    except RefusedError as error:
        if error.code == NOT_FOUND:
            return []
        raise
    return [item.version for item in group.versions or ()]


async def _has(client: Client, kind: Kind, version: str) -> bool:
    try:
        body = await client.get(f"{group_path(kind.group)}/{version}")
    except RefusedError as error:
        if error.code == NOT_FOUND:
            return False
        raise
    found = msgspec.json.decode(body, type=_Resources)
    return any(resource.name == kind.plural for resource in found.resources or ())


def explained(error: RefusedError, kind: Kind, verbs: str = "list") -> ClusterError:
    """Say what is missing when a list was refused: the rule that somebody must grant."""
    if error.code != FORBIDDEN:
        return error
    rule = f'apiGroups ["{kind.group}"], resources ["{kind.plural}"], verbs [{verbs}]'
    return ClusterError(f"{error}; a ClusterRole with {rule} is missing")
