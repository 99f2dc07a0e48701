"""JSON patch (RFC 6902), with the complaints of the library that the API server uses (evanphx/json-patch)."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any, Final

MAX_OPERATIONS: Final = 10_000


class PatchError(Exception):
    """A patch that cannot be applied; ``unreadable`` tells a malformed patch from one that does not fit the object."""

    def __init__(self, message: str, *, unreadable: bool = False) -> None:
        super().__init__(message)
        self.message = message
        self.unreadable = unreadable


def apply_json_patch(value: dict[str, Any], patch: object) -> dict[str, Any]:
    """Apply the operations in order; raises ``PatchError`` at the first that fails."""
    if not isinstance(patch, list):
        raise PatchError("json: cannot unmarshal object into Go value of type jsonpatch.Patch", unreadable=True)
    if len(patch) > MAX_OPERATIONS:
        raise PatchError(f"The allowed maximum operations in a JSON patch is {MAX_OPERATIONS}, got {len(patch)}")
    document = copy.deepcopy(value)
    for operation in patch:
        document = _Operation(operation).applied_to(document)
    return document


class _Operation:
    """One operation of a patch."""

    def __init__(self, operation: object) -> None:
        if not isinstance(operation, dict):
            raise PatchError("json: cannot unmarshal into Go value of type jsonpatch.Operation", unreadable=True)
        self._operation = operation
        self._name = operation.get("op")

    def applied_to(self, document: Any) -> Any:  # noqa: ANN401
        match self._name:
            case "add":
                return _add(document, self._path("path"), self._value(), "add")
            case "remove":
                return _without(document, self._path("path"), "remove")
            case "replace":
                return self._replaced(document)
            case "test":
                self._test(document)
                return document
            case "move":
                source = self._path("from")
                moved = _at(document, source, "move")
                return _add(_without(document, source, "move"), self._path("path"), moved, "move")
            case "copy":
                copied = copy.deepcopy(_at(document, self._path("from"), "copy"))
                return _add(document, self._path("path"), copied, "copy")
        raise PatchError(f"Unexpected kind: {self._name or 'unknown'}")

    def _path(self, key: str) -> list[str]:
        text = self._operation.get(key)
        if not isinstance(text, str):
            raise PatchError(f'{self._name} operation does not have a "{key}" member', unreadable=True)
        return [part.replace("~1", "/").replace("~0", "~") for part in text.split("/")[1:]]

    def _value(self) -> object:
        return copy.deepcopy(self._operation.get("value"))

    def _replaced(self, document: Any) -> Any:  # noqa: ANN401
        path = self._path("path")
        if not path:
            return self._value()
        parent, key = _parent(document, path, "replace")
        _at(document, path, "replace")
        parent[_index(key, len(parent)) if isinstance(parent, list) else key] = self._value()
        return document

    def _test(self, document: object) -> None:
        text = self._operation.get("path", "")
        try:
            found = _at(document, self._path("path"), "test")
        except PatchError:
            found = None
        if found != self._operation.get("value"):
            raise PatchError(f"testing value {text} failed: test failed")


def _pointer(path: Sequence[str]) -> str:
    return "".join(f"/{part.replace('~', '~0').replace('/', '~1')}" for part in path)


def _missing(operation: str, path: Sequence[str]) -> PatchError:
    return PatchError(f'{operation} operation does not apply: doc is missing path: "{_pointer(path)}": missing value')


def _at(document: Any, path: Sequence[str], operation: str) -> Any:  # noqa: ANN401
    found = document
    for part in path:
        if isinstance(found, dict):
            if part not in found:
                message = f"{operation} operation does not apply: doc is missing key: {_pointer(path)}: missing value"
                raise PatchError(message) if operation == "replace" else _missing(operation, path)
            found = found[part]
        elif isinstance(found, list):
            found = found[_index(part, len(found))]
        else:
            raise _missing(operation, path)
    return found


def _parent(document: Any, path: Sequence[str], operation: str) -> tuple[Any, str]:  # noqa: ANN401
    try:
        parent = _at(document, path[:-1], operation)
    except PatchError:
        raise _missing(operation, path) from None
    if not isinstance(parent, dict | list):
        raise _missing(operation, path)
    return parent, path[-1]


def _index(text: str, size: int) -> int:
    if not text.lstrip("-").isdigit():
        raise PatchError(f'strconv.Atoi: parsing "{text}": invalid syntax')
    index = int(text)
    if not -size <= index < size:
        raise PatchError(f"Unable to access invalid index: {index}: invalid index referenced")
    return index


def _add(document: Any, path: Sequence[str], value: object, operation: str) -> Any:  # noqa: ANN401
    if not path:
        return value
    parent, key = _parent(document, path, operation)
    if isinstance(parent, dict):
        parent[key] = value
    elif key == "-":
        parent.append(value)
    else:
        parent.insert(_index(key, len(parent) + 1), value)
    return document


def _without(document: Any, path: Sequence[str], operation: str) -> Any:  # noqa: ANN401
    if not path:
        return None
    parent, key = _parent(document, path, operation)
    if isinstance(parent, list):
        del parent[_index(key, len(parent))]
    elif key not in parent:
        message = f"{operation} operation does not apply: Unable to remove nonexistent key: {key}: missing value"
        raise PatchError(message.replace(" operation does not apply: Unable", " operation does not apply: unable"))
    else:
        del parent[key]
    return document
