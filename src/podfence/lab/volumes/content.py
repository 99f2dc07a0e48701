"""The files of volumes that show objects: ConfigMaps, Secrets, the pod itself, tokens, projections of these. Pure.

Rules: ``pkg/volume/configmap``, ``secret``, ``downwardapi`` and ``projected`` of Kubernetes.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from typing import Final

import msgspec

from podfence.lab.interface import Object
from podfence.lab.volumes.fields import Fields

Lookup = Callable[[str, str, str], Object | None]
"""Finds a ConfigMap, Secret or the like: by plural, namespace and name."""

SHOWN: Final = ("configMap", "secret", "downwardAPI", "projected")
"""The kinds of volumes that this module knows the files of."""

_DEFAULT_MODE: Final = 0o644
_KINDS: Final = {"configMap": ("configmaps", "configmap", "config"), "secret": ("secrets", "secret", "secret")}


class File(msgspec.Struct, frozen=True):
    """What a file of a volume holds, and its permissions."""

    data: bytes
    mode: int


Files = Mapping[str, File]
"""Files by their path in the volume."""


class ContentError(Exception):
    """An object, or a key of one, that is not there, in the kubelet's words."""


class Reader:
    """Reads the files of a pod's volumes."""

    def __init__(self, fields: Fields, lookup: Lookup) -> None:
        self._fields, self._lookup = fields, lookup
        self._namespace: str = fields.pod["metadata"]["namespace"]

    def files(self, volume: Object) -> Files:
        """Give the files of a volume of one of the kinds that are ``SHOWN``; raises ``ContentError``."""
        kind = next(kind for kind in SHOWN if kind in volume)
        source = volume[kind]
        if kind == "projected":
            return self._projected(source)
        if kind == "secret":
            source = source | {"name": source.get("secretName", "")}
        return self._of(kind, source, source.get("defaultMode"))

    def _projected(self, source: Object) -> Files:
        found: dict[str, File] = {}
        faults = []
        for one in source.get("sources") or ():
            for kind, part in one.items():
                try:
                    found |= self._of(kind, part, source.get("defaultMode"))
                except ContentError as error:
                    faults.append(str(error))
        if faults:
            raise ContentError(faults[0] if len(faults) == 1 else f"[{', '.join(faults)}]")
        return found

    def _of(self, kind: str, source: Object, default_mode: int | None) -> Files:
        mode = _DEFAULT_MODE if default_mode is None else default_mode
        if kind in _KINDS:
            return self._object(kind, source, mode)
        if kind == "downwardAPI":
            return {one["path"]: self._downward(one, mode) for one in source.get("items") or ()}
        if kind == "serviceAccountToken":
            return {source["path"]: File(self._token(source).encode(), mode)}
        if source.get("optional"):
            return {}
        raise ContentError(f"the lab has nothing for a {kind}")

    def _object(self, kind: str, source: Object, mode: int) -> Files:
        plural, word, key_word = _KINDS[kind]
        name = source.get("name", "")
        value = self._lookup(plural, self._namespace, name)
        if value is None:
            if source.get("optional"):
                return {}
            raise ContentError(f'{word} "{name}" not found')
        data = _secret_data(value) if kind == "secret" else _config_data(value)
        if not source.get("items"):
            return {key: File(content, mode) for key, content in data.items()}
        found = {}
        for one in source["items"]:
            if one["key"] in data:
                found[one["path"]] = File(data[one["key"]], one.get("mode", mode))
            elif not source.get("optional"):
                raise ContentError(f"references non-existent {key_word} key: {one['key']}")
        return found

    def _downward(self, one: Object, mode: int) -> File:
        reference = one.get("resourceFieldRef")
        text = self._fields.resource(reference) if reference else self._fields.value(one["fieldRef"]["fieldPath"])
        return File(text.encode(), one.get("mode", mode))

    def _token(self, source: Object) -> str:
        """Write a token as a real one looks, but signed by nobody: the lab's server believes everybody."""
        metadata, account = self._fields.pod["metadata"], self._fields.value("spec.serviceAccountName")
        audience = source.get("audience") or "https://kubernetes.default.svc.cluster.local"
        pod = {"name": metadata["name"], "uid": metadata.get("uid", "")}
        claims = {
            "aud": [audience],
            "iss": "https://kubernetes.default.svc.cluster.local",
            "kubernetes.io": {"namespace": self._namespace, "pod": pod, "serviceaccount": {"name": account}},
            "sub": f"system:serviceaccount:{self._namespace}:{account}",
        }
        return f"{_part({'alg': 'none'})}.{_part(claims)}."


def _config_data(value: Object) -> dict[str, bytes]:
    texts = {key: text.encode() for key, text in (value.get("data") or {}).items()}
    return texts | {key: base64.b64decode(text) for key, text in (value.get("binaryData") or {}).items()}


def _secret_data(value: Object) -> dict[str, bytes]:
    return {key: base64.b64decode(text) for key, text in (value.get("data") or {}).items()}


def _part(value: object) -> str:
    return base64.urlsafe_b64encode(msgspec.json.encode(value)).rstrip(b"=").decode()
