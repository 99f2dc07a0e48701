"""Probes and lifecycle handlers of containers (pkg/apis/core/validation)."""

from __future__ import annotations

import re
from collections.abc import Iterator

from podfence.manifests.validation.cause import Cause
from podfence.manifests.validation.rules.causes import (
    Object,
    forbidden,
    invalid,
    not_negative,
    not_supported,
    port_number_or_name,
    required,
)

_SCHEMES = ("HTTP", "HTTPS")
_HEADER = "[-A-Za-z0-9]+"
_COUNTS = ("initialDelaySeconds", "timeoutSeconds", "periodSeconds", "successThreshold", "failureThreshold")


def validate_probes(container: Object, field: str, patience_s: int) -> Iterator[Cause]:
    """Judge lifecycle and the three probes of a container that keeps running."""
    lifecycle = container.get("lifecycle") or {}
    for moment in ("postStart", "preStop"):
        if moment in lifecycle:
            yield from _handler(lifecycle[moment], f"{field}.lifecycle.{moment}", patience_s)
    for name in ("livenessProbe", "readinessProbe", "startupProbe"):
        probe = container.get(name)
        if probe is not None:
            yield from _probe(probe, f"{field}.{name}", patience_s, is_readiness=name == "readinessProbe")


def _probe(probe: Object, field: str, patience_s: int, *, is_readiness: bool) -> Iterator[Cause]:
    yield from _handler(probe, field, patience_s)
    for name in _COUNTS:
        yield from not_negative(f"{field}.{name}", probe.get(name))
    grace = probe.get("terminationGracePeriodSeconds")
    grace_field = f"{field}.terminationGracePeriodSeconds"
    if grace is not None and grace <= 0:
        yield invalid(grace_field, grace, "must be greater than 0")
    if is_readiness and grace is not None:
        yield invalid(grace_field, grace, "must not be set for readinessProbes")
    if not is_readiness and probe.get("successThreshold") != 1:
        yield invalid(f"{field}.successThreshold", probe.get("successThreshold", 0), "must be 1")


def _handler(handler: Object, field: str, patience_s: int) -> Iterator[Cause]:
    kinds = [kind for kind in ("exec", "httpGet", "tcpSocket", "grpc", "sleep") if kind in handler]
    if not kinds:
        yield required(field, "must specify a handler type")
        return
    yield from _action(kinds[0], handler[kinds[0]], f"{field}.{kinds[0]}", patience_s)
    for kind in kinds[1:]:
        yield forbidden(f"{field}.{kind}", "may not specify more than 1 handler type")


def _action(kind: str, action: Object, field: str, patience_s: int) -> Iterator[Cause]:
    match kind:
        case "exec":
            if not action.get("command"):
                yield required(f"{field}.command")
        case "httpGet":
            yield from _http_get(action, field)
        case "sleep":
            seconds = action.get("seconds", 0)
            if not 0 <= seconds <= patience_s:
                detail = f"must be non-negative and less than terminationGracePeriodSeconds ({patience_s})"
                yield invalid(field, seconds, detail)
        case _:
            yield from port_number_or_name(f"{field}.port", action.get("port", 0))


def _http_get(action: Object, field: str) -> Iterator[Cause]:
    if not action.get("path"):
        yield required(f"{field}.path")
    yield from port_number_or_name(f"{field}.port", action.get("port", 0))
    if action.get("scheme") not in _SCHEMES:
        yield not_supported(f"{field}.scheme", action.get("scheme", ""), _SCHEMES)
    for header in action.get("httpHeaders") or ():
        name = header.get("name", "")
        if not re.fullmatch(_HEADER, name):
            detail = (
                "a valid HTTP header must consist of alphanumeric characters or '-' "
                f"(e.g. 'X-Header-Name', regex used for validation is '{_HEADER}')"
            )
            yield invalid(f"{field}.httpHeaders", name, detail)
