"""GET of an object or a list, in JSON, as a Table or with the metadata only; pages and versions of lists."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any, Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from podfence.lab.apiserver.http.answers import Form, answer, json_answer, wanted_form
from podfence.lab.apiserver.http.request_info import number
from podfence.lab.apiserver.http.views import METADATA_LIST, OBJECT_FORMS, View, view_of
from podfence.lab.apiserver.registry import Registry
from podfence.lab.apiserver.resources import ApiResource
from podfence.lab.apiserver.selection import Selection, parse_fields, parse_labels
from podfence.lab.apiserver.status import StatusError, bad_request, expired, too_large_resource_version
from podfence.lab.apiserver.storage import Entry, Key, TooOldError

Object = dict[str, Any]

_TOO_OLD: Final = (
    "The provided continue parameter is too old to display a consistent list result. You can start a new list without "
    "the continue parameter, or use the continue token in this response to retrieve the remainder of the results. "
    "Continuing with the provided token results in an inconsistent list - objects that were created, modified, or "
    "deleted between the time the first chunk was returned and now may show up in the list."
)


def selection_of(resource: ApiResource, query: Mapping[str, str], name: str = "") -> Selection:
    """Read the selectors of a request; ``name`` is the one object that the path names."""
    fields = query.get("fieldSelector", "")
    if name:
        fields = f"metadata.name={name}" + (f",{fields}" if fields else "")
    return Selection(parse_labels(query.get("labelSelector", "")), parse_fields(fields, resource.resource))


def wanted_revision(query: Mapping[str, str]) -> int:
    """Read ``resourceVersion``, 0 when there is none; raises 400."""
    text = query.get("resourceVersion") or "0"
    if not text.isascii() or not text.isdigit():
        raise bad_request(
            f'resourceVersion: Invalid value: "{text}": strconv.ParseUint: parsing "{text}": invalid syntax'
        )
    return int(text)


def get(registry: Registry, resource: ApiResource, key: Key, request: Request) -> Response:
    """Answer with one object."""
    revision = wanted_revision(request.query_params)
    if revision > registry.storage.revision:
        raise too_large_resource_version(revision, registry.storage.revision)
    entry = registry.find(resource, key)
    form = wanted_form(request, OBJECT_FORMS)
    if form.yaml:
        return answer(entry.value, form=form)
    return json_answer(view_of(registry, resource, form, request.query_params).one(entry))


class Page(msgspec.Struct, frozen=True):
    """A part of a list; ``start`` is the key of the last object before the rest, if there is a rest."""

    entries: list[Entry]
    revision: int
    start: Key | None = None
    remaining: int | None = None


def list_objects(registry: Registry, resource: ApiResource, namespace: str | None, request: Request) -> Response:
    """Answer with a list."""
    query = request.query_params
    page = find_page(registry, resource, namespace, query)
    form = wanted_form(request, (*OBJECT_FORMS, METADATA_LIST))
    view = view_of(registry, resource, form, query)
    return _list_answer(view, page, form)


def _list_answer(view: View, page: Page, form: Form) -> Response:
    metadata: Object = {"resourceVersion": str(page.revision)}
    if page.start is not None:
        metadata["continue"] = _continue_token(page.revision, page.start)
        if page.remaining is not None:
            metadata["remainingItemCount"] = page.remaining
    text = view.many(page.entries, metadata)
    return answer(msgspec.json.decode(text), form=form) if form.yaml else json_answer(text)


def find_page(registry: Registry, resource: ApiResource, namespace: str | None, query: Mapping[str, str]) -> Page:
    """Find the objects that a list asks for, at the version that it asks for."""
    selection = selection_of(resource, query)
    limit = max(number(query, "limit") or 0, 0)
    token = query.get("continue", "")
    revision, start = _read_token(token) if token else (_list_revision(registry, query), None)
    entries = _entries(registry, resource, namespace, selection, revision, start)
    at = revision or registry.storage.revision
    if not limit:
        return Page(list(entries), at)
    page = list(islice(entries, limit))
    rest = sum(1 for _ in entries)
    if not rest:
        return Page(page, at)
    return Page(page, at, page[-1].key, None if selection else rest)


def _list_revision(registry: Registry, query: Mapping[str, str]) -> int:
    """Give the exact version that is wanted, 0 for the newest."""
    revision, match = wanted_revision(query), query.get("resourceVersionMatch", "")
    if match not in {"", "Exact", "NotOlderThan"}:
        raise _bad_match(f'Unsupported value: "{match}": supported values: "Exact", "NotOlderThan", ""')
    if match and not query.get("resourceVersion"):
        raise _bad_match("Forbidden: resourceVersionMatch is forbidden unless resourceVersion is provided")
    if match == "Exact" and revision == 0:
        raise _bad_match('Forbidden: resourceVersionMatch "exact" is forbidden for resourceVersion "0"')
    if revision > registry.storage.revision:
        raise too_large_resource_version(revision, registry.storage.revision)
    return revision if match == "Exact" else 0


def _bad_match(why: str) -> StatusError:
    return bad_request(f"resourceVersionMatch: {why}")


def _entries(
    registry: Registry,
    resource: ApiResource,
    namespace: str | None,
    selection: Selection,
    revision: int,
    start: Key | None,
) -> Iterator[Entry]:
    collection = registry.storage.collection(resource.resource)
    name = selection.only_name
    found: Iterable[Entry]
    if revision and revision != registry.storage.revision:
        try:
            found = collection.as_of(revision, namespace, start)
        except TooOldError:
            raise expired(_TOO_OLD) from None
    elif name is not None and namespace is not None:
        entry = collection.entries.get((namespace, name))
        found = [entry] if entry else []
    else:
        found = collection.in_order(namespace, start)
    return (entry for entry in found if selection.matches(entry.value)) if selection else iter(found)


def _continue_token(revision: int, start: Key) -> str:
    token = msgspec.json.encode({"v": "meta.k8s.io/v1", "rv": revision, "start": "/".join(start)})
    return base64.urlsafe_b64encode(token).decode().rstrip("=")


def _read_token(text: str) -> tuple[int, Key]:
    try:
        token = msgspec.json.decode(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        namespace, _, name = token["start"].rpartition("/")
        return int(token["rv"]), (namespace, name)
    except (ValueError, KeyError, TypeError, msgspec.DecodeError):
        raise bad_request("continue key is not valid: encoded continue token is corrupt") from None
