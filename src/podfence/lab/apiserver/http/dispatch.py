"""Finds the handler of a request for a resource: verb by verb, subresource by subresource."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from podfence.lab.apiserver.http import logs, subresources
from podfence.lab.apiserver.http.aliases import answer_as
from podfence.lab.apiserver.http.answers import answer, page_not_found, refusal, with_warnings
from podfence.lab.apiserver.http.bodies import as_object, read_body
from podfence.lab.apiserver.http.reading import get, list_objects
from podfence.lab.apiserver.http.request_info import RequestInfo
from podfence.lab.apiserver.http.watching import watch
from podfence.lab.apiserver.http.writing import delete_collection, delete_object, patch_object, post, put
from podfence.lab.apiserver.proxy.serving import proxy
from podfence.lab.apiserver.registry import Registry
from podfence.lab.apiserver.resources import ApiResource
from podfence.lab.apiserver.reviews import KINDS, review
from podfence.lab.apiserver.status import StatusError, bad_request, method_not_allowed, no_such_resource
from podfence.lab.interface import PodRuntime

_STREAMS = frozenset({"exec", "attach", "portforward"})
_OF_PROGRAMS = frozenset({"log", "proxy"})
_READING = frozenset({"get", "list", "watch"})
_OF_COLLECTIONS = frozenset({"list", "create", "deletecollection"})


class Dispatch:
    """Answers requests for resources."""

    def __init__(self, registry: Registry, runtime: PodRuntime | None) -> None:
        self._registry = registry
        self._runtime = runtime

    async def answer(self, info: RequestInfo, request: Request) -> Response:
        """Answer a request, refusals included."""
        resource = self._registry.catalogue.find(info.group, info.version, info.plural)
        try:
            if resource is None or not _fits(resource, info):
                return self._nothing(info)
            if resource.alias_of:
                return await self._as_alias(resource, info, request)
            response = await (self._part if info.subresource else self._whole)(resource, info, request)
        except StatusError as error:
            response = refusal(error)
        return with_warnings(response, (resource.deprecation,) if resource and resource.deprecation else ())

    async def _as_alias(self, alias: ApiResource, info: RequestInfo, request: Request) -> Response:
        stored = self._registry.catalogue.of_kind(alias.alias_of, alias.kind)
        if stored is None:
            raise no_such_resource()
        return await answer_as(alias, stored, info, request, self.answer)

    def _nothing(self, info: RequestInfo) -> Response:
        """Answer for what is not served: groups of CRDs and unknown groups have no voice of their own."""
        if any(each.group == info.group and not each.custom for each in self._registry.catalogue):
            raise no_such_resource()
        return page_not_found()

    async def _whole(self, resource: ApiResource, info: RequestInfo, request: Request) -> Response:
        if info.verb not in resource.verbs or _is_misplaced(info):
            raise method_not_allowed()
        if resource.kind in KINDS:
            return answer(review(resource.kind, as_object(await read_body(request, resource.kind))), 201)
        if info.verb in _READING:
            return _read(self._registry, resource, info, request)
        return await self._write(resource, info, request)

    async def _write(self, resource: ApiResource, info: RequestInfo, request: Request) -> Response:
        registry, namespace, key = self._registry, info.namespace, (info.namespace or "", info.name)
        match info.verb:
            case "create":
                return await post(registry, resource, namespace or "", request)
            case "update":
                return await put(registry, resource, key, "", request)
            case "patch":
                return await patch_object(registry, resource, key, "", request)
            case "delete":
                return await delete_object(registry, resource, key, request)
        return await delete_collection(registry, resource, namespace, request)

    async def _part(self, resource: ApiResource, info: RequestInfo, request: Request) -> Response:
        part = resource.subresource(info.subresource)
        if part is None or not info.name:
            return page_not_found()
        # What a proxied request wants is the other side's business.
        if info.verb not in part.verbs and part.name != "proxy":
            raise method_not_allowed()
        if part.name in _STREAMS:
            raise bad_request("Upgrade request required")
        key = (info.namespace or "", info.name)
        if part.name in _OF_PROGRAMS:
            return await self._of_program(part.name, resource, key, request)
        special = subresources.HANDLERS.get(part.name)
        if special is not None:
            return await special(self._registry, resource, key, request)
        if info.verb == "get":
            return get(self._registry, resource, key, request)
        if info.verb == "update":
            return await put(self._registry, resource, key, part.name, request)
        return await patch_object(self._registry, resource, key, part.name, request)

    async def _of_program(self, part: str, resource: ApiResource, key: tuple[str, str], request: Request) -> Response:
        if part == "proxy":
            return await proxy(self._registry, self._runtime, resource, key, request)
        pod = self._registry.find(resource, key).value
        return logs.log_answer(self._runtime, pod, request.query_params, self._registry.making.now())


def _fits(resource: ApiResource, info: RequestInfo) -> bool:
    """Tell whether the path names a namespace where, and only where, the resource has one."""
    if not resource.namespaced:
        return info.namespace is None
    if info.namespace is not None:
        return True
    if info.verb in {"list", "watch", "deletecollection"} and not info.name:
        return True
    if info.name:
        return False
    raise method_not_allowed()


def _read(registry: Registry, resource: ApiResource, info: RequestInfo, request: Request) -> Response:
    if info.verb == "get":
        return get(registry, resource, (info.namespace or "", info.name), request)
    if info.verb == "list":
        return list_objects(registry, resource, info.namespace, request)
    return watch(registry, resource, info.namespace, info.name, request)


def _is_misplaced(info: RequestInfo) -> bool:
    """Tell whether a verb of collections is meant for one object, or the reverse; a watch is for both."""
    return info.verb != "watch" and bool(info.name) is (info.verb in _OF_COLLECTIONS)
