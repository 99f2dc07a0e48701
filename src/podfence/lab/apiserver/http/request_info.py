"""What a request is about: its path, method and query in Kubernetes' words (apiserver's RequestInfo)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from podfence.lab.apiserver.status import StatusError, bad_request
from podfence.manifests.validation.cause import quoted

_VERBS: Final = {"POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete", "GET": "get", "HEAD": "get"}
_PROXY: Final = "proxy"
_OF_NAMESPACES: Final = frozenset({"status", "finalize"})


class RequestInfo(msgspec.Struct, frozen=True):
    """A request for a resource; ``namespace`` is ``None`` where the path names none, ``name`` empty likewise."""

    verb: str
    group: str
    version: str
    namespace: str | None
    plural: str
    name: str
    subresource: str


def request_info(method: str, path: str, query: Mapping[str, str]) -> RequestInfo | None:
    """Take a request apart; ``None`` when its path is not that of a resource."""
    parts = path.strip("/").split("/")
    if parts[:1] == ["api"] and len(parts) > 2:
        group, version, rest = "", parts[1], parts[2:]
    elif parts[:1] == ["apis"] and len(parts) > 3:
        group, version, rest = parts[1], parts[2], parts[3:]
    else:
        return None
    watched = rest[0] == "watch" and len(rest) > 1
    namespace, plural, name, subresource = _parts(rest[1:] if watched else rest)
    verb = _verb(method, name, query, watched=watched)
    if verb is None:
        return None
    return RequestInfo(verb, group, version, namespace, plural, name, subresource)


def _parts(rest: list[str]) -> tuple[str | None, str, str, str]:
    namespace = None
    if rest[0] == "namespaces" and len(rest) > 2 and not (rest[2] in _OF_NAMESPACES and len(rest) == 3):
        namespace, rest = rest[1], rest[2:]
    name = rest[1] if len(rest) > 1 else ""
    # What stands behind "proxy" is a path of somebody else's.
    subresource = _PROXY if rest[2:3] == [_PROXY] else "/".join(rest[2:])
    return namespace, rest[0], name, subresource


def _verb(method: str, name: str, query: Mapping[str, str], *, watched: bool) -> str | None:
    verb = _VERBS.get(method)
    if verb == "get":
        if watched or query.get("watch", "").lower() in {"true", "1"}:
            return "watch"
        return "get" if name else "list"
    return "deletecollection" if verb == "delete" and not name else verb


def flag(query: Mapping[str, str], name: str) -> bool:
    """Read a query parameter that is a boolean, as Go does; absent is false."""
    text = query.get(name, "").lower()
    return name in query and text not in {"false", "0", "f"}


def number(query: Mapping[str, str], name: str) -> int | None:
    """Read a query parameter that is a whole number; raises 400."""
    text = query.get(name)
    if not text:
        return None
    try:
        return int(text)
    except ValueError:
        raise _unreadable(text) from None


def _unreadable(text: str) -> StatusError:
    return bad_request(f"strconv.ParseInt: parsing {quoted(text)}: invalid syntax")
