"""POST, PUT, PATCH and DELETE of objects: their options and bodies, and what is answered."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response

from podfence.lab.apiserver.applying import apply
from podfence.lab.apiserver.changes import patch, update
from podfence.lab.apiserver.creation import create
from podfence.lab.apiserver.deletion import Deleted, delete
from podfence.lab.apiserver.http.answers import answer, wanted_form
from podfence.lab.apiserver.http.bodies import (
    Body,
    UnreadableError,
    as_object,
    media_type,
    read_body,
    read_json,
    read_text,
    read_yaml_body,
)
from podfence.lab.apiserver.http.reading import selection_of
from podfence.lab.apiserver.http.request_info import flag, number
from podfence.lab.apiserver.http.views import OBJECT_FORMS
from podfence.lab.apiserver.options import DeleteOptions, Preconditions, WriteOptions
from podfence.lab.apiserver.patches.json_patch import PatchError, apply_json_patch
from podfence.lab.apiserver.patches.merge_patch import apply_merge_patch
from podfence.lab.apiserver.patches.patch import Patch
from podfence.lab.apiserver.patches.strategic import apply_strategic_patch
from podfence.lab.apiserver.registry import Registry, Written
from podfence.lab.apiserver.resources import ApiResource
from podfence.lab.apiserver.status import (
    StatusError,
    bad_request,
    invalid,
    resource_details,
    success,
    unsupported_media_type,
)
from podfence.lab.apiserver.storage import Key
from podfence.manifests.types import meta_type
from podfence.manifests.validation.cause import Cause, not_supported, required
from podfence.manifests.validation.decoding import decode_record
from podfence.manifests.validation.go_types import go_record

Object = dict[str, Any]

JSON_PATCH: Final = "application/json-patch+json"
MERGE_PATCH: Final = "application/merge-patch+json"
STRATEGIC_PATCH: Final = "application/strategic-merge-patch+json"
APPLY_PATCH: Final = "application/apply-patch+yaml"
_MAX_MANAGER: Final = 128
_VALIDATIONS: Final = ("", "Ignore", "Strict", "Warn")
_PROPAGATIONS: Final = ("Foreground", "Background", "Orphan", "nil")


def write_options(request: Request, kind: str) -> WriteOptions:
    """Read the options of a writing request from its query; ``kind`` names them in complaints."""
    query = request.query_params
    dry_runs = [text for text in query.getlist("dryRun") if text]
    if any(text != "All" for text in dry_runs):
        raise _bad_option(kind, not_supported("dryRun", dry_runs, ("All",), "option"))
    validation = query.get("fieldValidation") or "Warn"
    if validation not in _VALIDATIONS:
        raise _bad_option(kind, not_supported("fieldValidation", validation, _VALIDATIONS, "option"))
    return WriteOptions(_manager(request), bool(dry_runs), validation, flag(query, "force"))


def _bad_option(kind: str, cause: Cause) -> StatusError:
    return invalid("meta.k8s.io", kind, "", (cause,))


def _manager(request: Request) -> str:
    """Name who writes: as it says, or by its program."""
    given = request.query_params.get("fieldManager")
    return (given or request.headers.get("user-agent", "unknown").partition("/")[0])[:_MAX_MANAGER]


async def post(registry: Registry, resource: ApiResource, namespace: str, request: Request) -> Response:
    """Create an object."""
    options = write_options(request, "CreateOptions")
    body = await read_body(request, resource.kind)
    value = checked_object(registry, resource, body)
    return written(request, create(registry, resource, namespace, value, options, body.repeats))


async def put(registry: Registry, resource: ApiResource, key: Key, subresource: str, request: Request) -> Response:
    """Replace an object."""
    options = write_options(request, "UpdateOptions")
    body = await read_body(request, resource.kind)
    value = checked_object(registry, resource, body)
    return written(request, update(registry, resource, key, value, options, subresource, body.repeats))


def written(request: Request, outcome: Written) -> Response:
    """Answer with what was written."""
    form = wanted_form(request, ())
    return answer(outcome.value, 201 if outcome.created else 200, warnings=outcome.warnings, form=form)


def checked_object(registry: Registry, resource: ApiResource, body: Body) -> Object:
    """Take a body for an object of a resource; raises 400 when it is of another kind."""
    value = as_object(body)
    kind, api_version = value.get("kind") or resource.kind, value.get("apiVersion") or resource.api_version
    if kind == resource.kind and api_version == resource.api_version:
        return value
    if kind == resource.kind or resource.custom:
        message = f"the API version in the data ({api_version}) does not match the expected API version"
        raise bad_request(f"{message} ({resource.api_version})")
    version = str(api_version).rpartition("/")[2]
    start = f'{kind} in version "{version}" cannot be handled as a {resource.kind}: '
    known = registry.catalogue.of_kind(api_version, kind)
    if known is not None and not known.custom:
        to = f"({_internal(resource.group)}.{resource.kind})"
        raise bad_request(f"{start}converting ({version}.{kind}) to {to}: unknown conversion")
    where = f'version "{api_version}" in scheme "pkg/runtime/scheme.go:111"'
    raise bad_request(f'{start}no kind "{kind}" is registered for {where}')


def _internal(group: str) -> str:
    """Name the server's package of a group's internal types."""
    return group.partition(".")[0] or "core"


# Patches


async def patch_object(
    registry: Registry, resource: ApiResource, key: Key, subresource: str, request: Request
) -> Response:
    """Patch an object in any of the four formats."""
    options = write_options(request, "PatchOptions")
    form = media_type(request)
    text = await read_text(request)
    if form == APPLY_PATCH:
        if not request.query_params.get("fieldManager"):
            cause = required("fieldManager", "is required for apply patch", "option")
            raise _bad_option("PatchOptions", cause)
        body = _read_patch(read_yaml_body, text)
        value = as_object(body)
        return written(request, apply(registry, resource, key, value, options, subresource, body.repeats))
    change = patch_of(registry, resource, form, text)
    return written(request, patch(registry, resource, key, change, options, subresource))


def _read_patch(read: Callable[[bytes], Body], text: bytes) -> Body:
    try:
        return read(text)
    except UnreadableError as error:
        raise bad_request(f"error decoding patch: {error}") from error


def patch_of(registry: Registry, resource: ApiResource, form: str, text: bytes) -> Patch:
    """Read a patch; raises 415 for formats that the kind does not know."""
    known = [JSON_PATCH, MERGE_PATCH, *([] if resource.custom else [STRATEGIC_PATCH]), APPLY_PATCH]
    if form not in known:
        raise unsupported_media_type(known)
    body = _read_patch(read_json, text)
    change = body.value
    if form != JSON_PATCH and not isinstance(change, dict):
        raise bad_request("json: cannot unmarshal into Go value of type map[string]interface {}")
    merge_type = registry.merge_type(resource)

    def apply_to(value: Object) -> Object:
        try:
            match form:
                case "application/json-patch+json":
                    patched = apply_json_patch(value, change)
                case "application/merge-patch+json":
                    patched = apply_merge_patch(value, change)
                case _:
                    patched = apply_strategic_patch(value, change, merge_type)
        except PatchError as error:
            raise _patch_refusal(error) from error
        return as_object(Body(patched))

    return Patch(apply_to, change if form == STRATEGIC_PATCH else None, body.repeats)


def _patch_refusal(error: PatchError) -> StatusError:
    if error.unreadable:
        return bad_request(error.message)
    return StatusError(422, "Invalid", "the server rejected our request due to an error in our request")


# Deletions


async def delete_object(registry: Registry, resource: ApiResource, key: Key, request: Request) -> Response:
    """Delete an object."""
    outcome = delete(registry, resource, key, await delete_options(request))
    return _deleted(request, resource, outcome)


def _deleted(request: Request, resource: ApiResource, outcome: Deleted) -> Response:
    if outcome.gone and not resource.returns_deleted:
        metadata = outcome.value["metadata"]
        return answer(success(resource_details(resource.group, resource.plural, metadata["name"], metadata["uid"])))
    return answer(outcome.value, form=wanted_form(request, OBJECT_FORMS))


async def delete_options(request: Request) -> DeleteOptions:
    """Read the options of a deletion, from the body or, where there is none, from the query."""
    body: Object = {}
    if await read_text(request):
        body = _decoded_options(as_object(await read_body(request, "DeleteOptions")))
    query = request.query_params
    grace_s = body.get("gracePeriodSeconds")
    given = body.get("preconditions") or {}
    return DeleteOptions(
        number(query, "gracePeriodSeconds") if grace_s is None else grace_s,
        _propagation(body, query),
        Preconditions(given.get("uid") or "", given.get("resourceVersion") or ""),
        bool(body.get("dryRun") or query.get("dryRun")),
    )


def _decoded_options(body: Object) -> Object:
    decoded = decode_record(go_record(meta_type("DeleteOptions").name), body, strict=False, sort=False)
    if decoded.wrong_types:
        start = 'DeleteOptions in version "v1" cannot be handled as a DeleteOptions: '
        raise bad_request(start + decoded.wrong_types[0].message)
    return decoded.value


def _propagation(body: Object, query: Mapping[str, str]) -> str:
    given = str(body.get("propagationPolicy") or query.get("propagationPolicy", ""))
    if given and given not in _PROPAGATIONS:
        raise _bad_option("DeleteOptions", not_supported("propagationPolicy", given, _PROPAGATIONS, "option"))
    orphans = body.get("orphanDependents")
    if given or orphans is None:
        return given
    return "Orphan" if orphans else "Background"


async def delete_collection(
    registry: Registry, resource: ApiResource, namespace: str | None, request: Request
) -> Response:
    """Delete all objects that the selectors choose."""
    options = await delete_options(request)
    selection = selection_of(resource, request.query_params)
    entries = registry.storage.collection(resource.resource).in_order(namespace)
    chosen = [entry for entry in entries if selection.matches(entry.value)]
    deleted = [delete(registry, resource, entry.key, options).value for entry in chosen]
    metadata = {"resourceVersion": str(registry.storage.revision)}
    head = {"kind": resource.kind_of_list, "apiVersion": resource.api_version, "metadata": metadata}
    return answer({**head, "items": deleted})
