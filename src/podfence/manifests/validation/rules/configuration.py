"""Namespaces, ConfigMaps and Secrets (k8s.io/kubernetes pkg/apis/core/validation)."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator

from podfence.manifests.validation.cause import Cause
from podfence.manifests.validation.metadata import STANDARD_FINALIZERS
from podfence.manifests.validation.names import (
    dns_label_complaints,
    label_key_complaints,
)
from podfence.manifests.validation.rules.causes import (
    Object,
    complaints,
    config_key_complaints,
    forbidden,
    invalid,
    qualified_name,
    required,
    too_long,
)
from podfence.manifests.validation.rules.interface import Rules

_LARGEST = 1024 * 1024
_IMMUTABLE = "field is immutable when `immutable` is set"


def validate_namespace(namespace: Object) -> Iterator[Cause]:
    """Judge a Namespace: its finalizers, and the label that limits what its pods may do."""
    for finalizer in (namespace.get("spec") or {}).get("finalizers") or ():
        if label_key_complaints(finalizer):
            yield from qualified_name("spec.finalizers", finalizer)
        if "/" not in finalizer and finalizer not in STANDARD_FINALIZERS:
            detail = "name is neither a standard finalizer name nor is it fully qualified"
            yield invalid("spec.finalizers", finalizer, detail)
    for mode in ("enforce", "audit", "warn"):
        key = f"pod-security.kubernetes.io/{mode}"
        level = ((namespace.get("metadata") or {}).get("labels") or {}).get(key)
        if level is not None and level not in {"privileged", "baseline", "restricted"}:
            yield invalid(f"metadata.labels[{key}]", level, "must be one of privileged, baseline, restricted")


def validate_config_map(config_map: Object) -> Iterator[Cause]:
    """Judge a ConfigMap: its keys, and its size."""
    texts, blobs = config_map.get("data") or {}, config_map.get("binaryData") or {}
    size = 0
    for key, text in texts.items():
        yield from complaints(f"data[{key}]", key, config_key_complaints)
        if key in blobs:
            yield invalid(f"data[{key}]", key, "duplicate of key present in binaryData")
        size += len(text.encode())
    for key, blob in blobs.items():
        yield from complaints(f"binaryData[{key}]", key, config_key_complaints)
        size += len(base64.b64decode(blob))
    if size > _LARGEST:
        yield _too_large("")


def _too_large(field: str) -> Cause:
    return too_long(field, _LARGEST)


def _update_config_map(new: Object, old: Object) -> Iterator[Cause]:
    yield from _immutable(new, old, ("data", "binaryData"))
    yield from validate_config_map(new)


def _immutable(new: Object, old: Object, names: tuple[str, ...]) -> Iterator[Cause]:
    if not old.get("immutable"):
        return
    if not new.get("immutable"):
        yield forbidden("immutable", _IMMUTABLE)
    for name in names:
        if (new.get(name) or {}) != (old.get(name) or {}):
            yield forbidden(name, _IMMUTABLE)


_NEEDED_KEYS = {
    "kubernetes.io/dockercfg": (".dockercfg",),
    "kubernetes.io/dockerconfigjson": (".dockerconfigjson",),
    "kubernetes.io/ssh-auth": ("ssh-privatekey",),
    "kubernetes.io/tls": ("tls.crt", "tls.key"),
}
_JSON_KEYS = (".dockercfg", ".dockerconfigjson")
_ACCOUNT_NAME = "kubernetes.io/service-account.name"


def validate_secret(secret: Object) -> Iterator[Cause]:
    """Judge a Secret whose stringData is folded into data: its keys, its size, and what its type needs."""
    data = secret.get("data") or {}
    size = 0
    for key, blob in data.items():
        yield from complaints(f"data[{key}]", key, config_key_complaints)
        size += len(base64.b64decode(blob))
    if size > _LARGEST:
        yield _too_large("data")
    kind = secret.get("type", "")
    annotations = (secret.get("metadata") or {}).get("annotations") or {}
    if kind == "kubernetes.io/service-account-token" and not annotations.get(_ACCOUNT_NAME):
        yield required(f"metadata.annotations[{_ACCOUNT_NAME}]")
    if kind == "kubernetes.io/basic-auth" and not {"username", "password"} & data.keys():
        yield required("data[username]")
        yield required("data[password]")
    for key in _NEEDED_KEYS.get(kind, ()):
        if key not in data:
            yield required(f"data[{key}]")
        elif key in _JSON_KEYS:
            yield from _json(data[key], f"data[{key}]")


def _json(blob: str, field: str) -> Iterator[Cause]:
    text = base64.b64decode(blob).decode(errors="replace")
    try:
        json.loads(text)
    except ValueError:
        first = text.lstrip()[:1]
        detail = (
            f"invalid character '{first}' looking for beginning of value" if first else "unexpected end of JSON input"
        )
        yield invalid(field, "<secret contents redacted>", detail)


def _update_secret(new: Object, old: Object) -> Iterator[Cause]:
    if new.get("type") != old.get("type"):
        yield invalid("type", new.get("type", ""), "field is immutable", named_type=True)
    yield from _immutable(new, old, ("data",))
    yield from validate_secret(new)


def _warn_of_secret(secret: Object) -> Iterator[str]:
    if secret.get("type") != "kubernetes.io/tls":
        return
    certificate = base64.b64decode((secret.get("data") or {}).get("tls.crt", ""))
    if b"-----BEGIN CERTIFICATE-----" not in certificate:
        yield "tls: failed to find any PEM data in certificate input"


RULES = {
    "v1/Namespace": Rules(validate_namespace, name=dns_label_complaints, metadata_as_new=True),
    "v1/ConfigMap": Rules(validate_config_map, _update_config_map, metadata_as_new=True),
    "v1/Secret": Rules(validate_secret, _update_secret, _warn_of_secret, metadata_as_new=True),
}
