"""Answers that are not objects: every refusal of the API server, in its own words.

Each function builds the error that a real server gives in that case (k8s.io/apimachinery pkg/api/errors): HTTP
code, reason, message and details. Nothing here knows of HTTP beyond the code.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from podfence.manifests.validation.cause import Cause, quoted

Object = dict[str, Any]


class StatusError(Exception):
    """A refusal: what the body of the answer says."""

    def __init__(self, code: int, reason: str, message: str, details: Object | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.reason = reason
        self.message = message
        self.details = details or {}
        self.warnings: tuple[str, ...] = ()

    def warning(self, warnings: Iterable[str]) -> StatusError:
        """Give the refusal with warnings that are sent along."""
        self.warnings = tuple(warnings)
        return self

    @property
    def status(self) -> Object:
        """The Status object that a client is sent."""
        status: Object = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure"}
        status["message"] = self.message
        if self.reason:
            status["reason"] = self.reason
        if self.details:
            status["details"] = self.details
        return status | {"code": self.code}


def success(details: Object | None = None) -> Object:
    """Give the Status of a deletion or another act that has no object to show."""
    status: Object = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success"}
    return status | ({"details": details} if details else {})


def qualified(name: str, group: str) -> str:
    """Write a resource or kind with its group: ``deployments.apps``, ``pods``."""
    return f"{name}.{group}" if group else name


def resource_details(group: str, plural: str, name: str = "", uid: str = "") -> Object:
    """Give the details that say which object is meant."""
    details = {"name": name, "group": group, "kind": plural, "uid": uid}
    return {key: text for key, text in details.items() if text}


def not_found(group: str, plural: str, name: str) -> StatusError:
    """Say that an object does not exist."""
    message = f"{qualified(plural, group)} {quoted(name)} not found"
    return StatusError(404, "NotFound", message, resource_details(group, plural, name))


def no_such_resource() -> StatusError:
    """Say that a group that is served has no such version or resource."""
    cause = {"reason": "UnexpectedServerResponse", "message": "404: Page Not Found"}
    message = "the server could not find the requested resource"
    return StatusError(404, "NotFound", message, {"causes": [cause]})


def already_exists(group: str, plural: str, name: str) -> StatusError:
    """Say that an object of this name exists."""
    message = f"{qualified(plural, group)} {quoted(name)} already exists"
    return StatusError(409, "AlreadyExists", message, resource_details(group, plural, name))


MODIFIED = "the object has been modified; please apply your changes to the latest version and try again"


def conflict(group: str, plural: str, name: str, why: str = MODIFIED) -> StatusError:
    """Say that the object is not the one that the client thinks it is."""
    message = f"Operation cannot be fulfilled on {qualified(plural, group)} {quoted(name)}: {why}"
    return StatusError(409, "Conflict", message, resource_details(group, plural, name))


def forbidden(group: str, plural: str, name: str, why: str, causes: Sequence[Object] = ()) -> StatusError:
    """Say that an admission plugin does not let the request pass."""
    message = f"{qualified(plural, group)} {quoted(name)} is forbidden: {why}"
    details = resource_details(group, plural, name)
    return StatusError(403, "Forbidden", message, details | ({"causes": list(causes)} if causes else {}))


def invalid(group: str, kind: str, name: str, causes: Sequence[Cause]) -> StatusError:
    """Say what is wrong with an object, cause by cause; equal messages are said once but listed as often as found."""
    message = f"{qualified(kind, group)} {quoted(name)} is invalid: {_joined(causes)}"
    listed = [{"reason": cause.reason.value, "message": cause.message, "field": cause.field} for cause in causes]
    return StatusError(422, "Invalid", message, resource_details(group, kind, name) | {"causes": listed})


def _joined(causes: Iterable[Cause]) -> str:
    messages = list(dict.fromkeys(f"{cause.field}: {cause.message}" for cause in causes))
    return messages[0] if len(messages) == 1 else f"[{', '.join(messages)}]"


def bad_request(message: str) -> StatusError:
    """Say that the request itself cannot be read."""
    return StatusError(400, "BadRequest", message)


def internal_error(message: str) -> StatusError:
    """Refuse as the server does where its code has no reason for it: 500 and the bare message."""
    return StatusError(500, "", message)


def service_unavailable(message: str) -> StatusError:
    """Say that what stands behind the server does not answer."""
    return StatusError(503, "ServiceUnavailable", message)


def method_not_allowed() -> StatusError:
    """Say that a resource knows no such verb."""
    message = "the server does not allow this method on the requested resource"
    return StatusError(405, "MethodNotAllowed", message)


def unsupported_media_type(accepted: Sequence[str]) -> StatusError:
    """Say which forms of body there are."""
    start = "the body of the request was in an unknown format - accepted media types include: "
    return StatusError(415, "UnsupportedMediaType", start + ", ".join(accepted))


def expired(message: str) -> StatusError:
    """Say that the history does not reach back so far."""
    return StatusError(410, "Expired", message)


def too_large_resource_version(wanted: int, current: int) -> StatusError:
    """Say that a version lies in the future."""
    message = f"Too large resource version: {wanted}, current: {current}"
    cause = {"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}
    return StatusError(504, "Timeout", message, {"causes": [cause], "retryAfterSeconds": 1})
