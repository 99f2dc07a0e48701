"""Parts of objects with an address of their own: scale, eviction, binding, token, finalize."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response

from podfence.lab.apiserver.binding import bind
from podfence.lab.apiserver.changes import replace
from podfence.lab.apiserver.deletion import delete
from podfence.lab.apiserver.finalizing import finalize
from podfence.lab.apiserver.http.answers import answer
from podfence.lab.apiserver.http.bodies import as_object, media_type, read_body, read_text
from podfence.lab.apiserver.http.writing import patch_of, write_options
from podfence.lab.apiserver.options import DeleteOptions, WriteOptions
from podfence.lab.apiserver.registry import Registry
from podfence.lab.apiserver.resources import ApiResource
from podfence.lab.apiserver.status import StatusError, conflict, success
from podfence.lab.apiserver.storage import Entry, Key
from podfence.lab.apiserver.tables.words import at

Object = dict[str, Any]


# Scale


def scale_of(entry: Entry) -> Object:
    """Show an object as its Scale."""
    value = entry.value
    kept = ("name", "namespace", "uid", "resourceVersion", "creationTimestamp")
    metadata = {name: value["metadata"][name] for name in kept if name in value["metadata"]}
    status: Object = {"replicas": at(value, "status", "replicas") or 0}
    selector = _selector(at(value, "spec", "selector") or {})
    if selector:
        status["selector"] = selector
    wanted = at(value, "spec", "replicas")
    spec = {"replicas": 1 if wanted is None else wanted}
    return {"kind": "Scale", "apiVersion": "autoscaling/v1", "metadata": metadata, "spec": spec, "status": status}


def _selector(selector: Object) -> str:
    labels = selector.get("matchLabels") if "matchLabels" in selector or "matchExpressions" in selector else selector
    return ",".join(f"{key}={value}" for key, value in sorted((labels or {}).items()))


async def change_scale(registry: Registry, resource: ApiResource, key: Key, request: Request) -> Response:
    """Show or set the replicas of an object."""
    if request.method == "GET":
        return answer(scale_of(registry.find(resource, key)))
    options = write_options(request, "UpdateOptions")
    entry = registry.find(resource, key)
    scale = scale_of(entry)
    if request.method == "PUT":
        scale = as_object(await read_body(request, resource.kind))
    else:
        text = await read_text(request)
        scale = patch_of(registry, resource, media_type(request), text).apply_to(scale)
    _set_replicas(registry, resource, entry, scale, options)
    return answer(scale_of(registry.find(resource, key)))


def _set_replicas(
    registry: Registry, resource: ApiResource, entry: Entry, scale: Object, options: WriteOptions
) -> None:
    wanted = at(scale, "spec", "replicas") or 0
    if not isinstance(wanted, int) or wanted < 0:
        why = f"spec.replicas: Invalid value: {wanted}: must be greater than or equal to 0"
        raise StatusError(422, "Invalid", f'Scale.autoscaling "{entry.key[1]}" is invalid: {why}')
    version = at(scale, "metadata", "resourceVersion")
    if version and version != str(entry.revision):
        raise conflict(resource.group, resource.plural, entry.key[1])
    spec = {**entry.value.get("spec", {}), "replicas": wanted}
    value, faults = registry.read(resource, {**entry.value, "spec": spec}, options)
    replace(registry, resource, entry, value, options, faults, "scale")


# Pods


async def evict(registry: Registry, resource: ApiResource, key: Key, request: Request) -> Response:
    """Delete a pod on behalf of ``kubectl drain``."""
    body = as_object(await read_body(request, resource.kind))
    grace_s = at(body, "deleteOptions", "gracePeriodSeconds")
    delete(registry, resource, key, DeleteOptions(grace_s))
    return answer(success(), 201)


async def bind_pod(registry: Registry, resource: ApiResource, key: Key, request: Request) -> Response:
    """Give a pod its node, as a scheduler does."""
    options = write_options(request, "CreateOptions")
    body = as_object(await read_body(request, resource.kind))
    bind(registry, key, at(body, "target", "name") or "", dry_run=options.dry_run)
    return answer(success(), 201)


# Service accounts and namespaces


async def issue_token(registry: Registry, resource: ApiResource, key: Key, request: Request) -> Response:
    """Give a token for a service account; the lab asks nobody for one, so that it opens nothing."""
    body = as_object(await read_body(request, resource.kind))
    registry.find(resource, key)
    seconds = at(body, "spec", "expirationSeconds") or 3600
    spec = {**(body.get("spec") or {}), "expirationSeconds": seconds}
    status = {"token": f"lab.{key[0]}.{key[1]}", "expirationTimestamp": registry.now()}
    head = {"kind": "TokenRequest", "apiVersion": "authentication.k8s.io/v1"}
    return answer({**head, "metadata": {"name": key[1], "namespace": key[0]}, "spec": spec, "status": status}, 201)


async def finalize_namespace(registry: Registry, resource: ApiResource, key: Key, request: Request) -> Response:
    """Set what a namespace still waits for."""
    body = as_object(await read_body(request, resource.kind))
    return answer(finalize(registry, resource, key, body))


Handler = Callable[[Registry, ApiResource, Key, Request], Awaitable[Response]]

HANDLERS: Final[Mapping[str, Handler]] = {
    "scale": change_scale,
    "eviction": evict,
    "binding": bind_pod,
    "token": issue_token,
    "finalize": finalize_namespace,
}
"""Subresources that are no part of the object itself."""
