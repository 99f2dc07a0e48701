"""Rules in CEL that a CRD states (``x-kubernetes-validations``): read once, held against every object.

The language is that of the library ``common-expression-language``; what Kubernetes adds to it is here as far as it is
about texts, lists and addresses. A rule that needs more, and every rule where the library is not installed, is not
enforced: ``read_rule`` gives ``None``, so that it can be said. Sources:
``k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel``, ``k8s.io/apiserver/pkg/cel``.
"""

from __future__ import annotations

import base64
import contextlib
import datetime as dt
import importlib
import itertools
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

import msgspec

from podfence.manifests.validation.cause import (
    NO_FIELD,
    Cause,
    duplicate,
    forbidden,
    invalid,
    invalid_omitting_value,
    required,
)
from podfence.manifests.validation.formats import FORMATS
from podfence.manifests.validation.schema import Schema
from podfence.manifests.validation.schema_validation import UNRELATED

cel: Any = None
with contextlib.suppress(ModuleNotFoundError):  # an extra
    cel = importlib.import_module("cel")

Object = dict[str, Any]
_RULE: Final = "definition"
_RESERVED: Final = frozenset(
    {
        *("true", "false", "null", "in", "as", "break", "const", "continue", "else", "for", "function", "if"),
        *("import", "let", "loop", "package", "namespace", "return", "var", "void", "while"),
    }
)
_ESCAPES: Final = (("__", "__underscores__"), (".", "__dot__"), ("-", "__dash__"), ("/", "__slash__"))
_SECONDS: Final = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}


def _index(text: str, part: str, start: int = 0) -> int:
    return text.find(part, start)


def _split(text: str, separator: str, count: int = -1) -> list[str]:
    return text.split(separator, count - 1 if count > 0 else -1) if separator else list(text)


def _substring(text: str, start: int, end: int | None = None) -> str:
    return text[start:end]


def _find(text: str, pattern: str) -> str:
    found = re.search(pattern, text)
    return found.group() if found else ""


def _find_all(text: str, pattern: str, count: int = -1) -> list[str]:
    found = [each.group() for each in re.finditer(pattern, text)]
    return found if count < 0 else found[:count]


def _is_sorted(values: list[Any]) -> bool:
    return all(one <= other for one, other in itertools.pairwise(values))


_FUNCTIONS: Final[Mapping[str, Callable[..., Any]]] = {
    "charAt": lambda text, at: text[at : at + 1],
    "indexOf": _index,
    "lastIndexOf": str.rfind,
    "lowerAscii": str.lower,
    "upperAscii": str.upper,
    "replace": str.replace,
    "split": _split,
    "substring": _substring,
    "trim": str.strip,
    "join": lambda texts, between="": between.join(texts),
    "find": _find,
    "findAll": _find_all,
    "sum": sum,
    "isSorted": _is_sorted,
    "isIP": lambda text: FORMATS["ipv4"](text) or FORMATS["ipv6"](text),
    "isCIDR": FORMATS["cidr"],
    "isURL": FORMATS["uri"],
}
"""What Kubernetes adds to the language; the first argument is what stands before the dot."""

_OF_THE_LANGUAGE: Final = frozenset(
    {
        *("size", "contains", "startsWith", "endsWith", "matches", "string", "int", "uint", "double", "bool", "bytes"),
        *("dyn", "type", "duration", "timestamp", "max", "min", "hasValue", "value", "orValue"),
        *("getFullYear", "getMonth", "getDate", "getDayOfMonth", "getDayOfYear", "getDayOfWeek"),
        *("getHours", "getMinutes", "getSeconds", "getMilliseconds"),
    }
)
_FOREIGN: Final = frozenset({"sets", "math", "optional", "cel", "strings", "base64", "format", "semver", "authorizer"})
"""Names of libraries that are not here."""


class Expression(msgspec.Struct, frozen=True):
    """A rule that is enforced: how it is evaluated, and what is said when it does not hold."""

    rule: Object
    holds: Any
    words: Any = None

    @property
    def _message(self) -> str:
        return str(self.rule.get("message") or f"failed rule: {self.rule['rule'].strip()}")

    def causes(self, schema: Schema, value: object, old: object, path: str) -> Iterator[Cause]:
        """Judge a value; a rule that speaks of an old value has nothing to say where there is none."""
        is_optional = bool(self.rule.get("optionalOldSelf"))
        variables: Object = {"self": _to_cel(schema, value, path)}
        if "oldSelf" in self.holds.variables():
            if old is UNRELATED and not is_optional:
                return
            given = None if old is UNRELATED else _to_cel(schema, old, path)
            variables["oldSelf"] = _optional(given, old) if is_optional else given
        try:
            is_kept = _evaluate(self.holds, variables)
        except Exception as error:  # noqa: BLE001 - whatever a rule of somebody else's ends with
            text = self.rule.get("message") or self.rule["rule"]
            detail = f"{_error_words(error)} evaluating rule: {text}"
            yield invalid(path or NO_FIELD, schema.type, detail, _RULE)
            return
        if is_kept is not True:
            yield self._cause(schema, value, path, self._said(variables))

    def _said(self, variables: Object) -> str:
        with contextlib.suppress(Exception):
            found = _evaluate(self.words, variables) if self.words is not None else ""
            if isinstance(found, str) and found.strip() and "\n" not in found:
                return found.strip()
        return self._message

    def _cause(self, schema: Schema, value: object, path: str, message: str) -> Cause:
        field = (path + str(self.rule.get("fieldPath") or "")).lstrip(".") or NO_FIELD
        match self.rule.get("reason"):
            case "FieldValueForbidden":
                return forbidden(field, message, _RULE)
            case "FieldValueRequired":
                return required(field, message, _RULE)
            case "FieldValueDuplicate":
                return duplicate(field, value, _RULE)
        if schema.type in {"object", "array"} or isinstance(value, (dict, list)):
            return invalid_omitting_value(field, message, _RULE)
        return invalid(field, value, message, _RULE)


def read_rule(rule: Object) -> Expression | None:
    """Read a rule; ``None`` for one that cannot be enforced here."""
    holds = _compiled(rule.get("rule", ""))
    words = rule.get("messageExpression")
    if holds is None:
        return None
    return Expression(rule, holds, _compiled(words) if words else None)


def syntax_fault(text: str) -> str:
    """Say what is wrong with the syntax of a rule, empty where nothing is or nobody can tell."""
    if cel is None:
        return ""
    try:
        cel.compile(text)
    except ValueError as error:
        _, _, fault = str(error).partition(": ERROR: ")
        if "Syntax error" in fault:
            shown = fault.rstrip().replace("\n|", "\n |")
            return f"compilation failed: ERROR: {shown}"
    return ""


def _compiled(text: str) -> Any:  # noqa: ANN401 - a program of an extra
    if cel is None:
        return None
    try:
        program = cel.compile(text)
    except ValueError:
        return None
    named = {name for name in program.functions() if name[0].isalpha()}
    is_known = named <= _OF_THE_LANGUAGE | _FUNCTIONS.keys() and not _FOREIGN & set(program.variables())
    return program if is_known else None


def _evaluate(program: Any, variables: Object) -> object:  # noqa: ANN401 - a program of an extra
    context = cel.Context()
    for name, function in _FUNCTIONS.items():
        context.add_function(name, function)
    context.update(variables)
    found: object = program.execute(context)
    return found


def _optional(value: object, old: object) -> object:
    optional: object = cel.OptionalValue.none() if old is UNRELATED else cel.OptionalValue.of(value)
    return optional


def _error_words(error: Exception) -> str:
    if isinstance(error, KeyError):
        return f"no such key: {error.args[0]}"
    if isinstance(error, IndexError):
        return f"index out of bounds: {str(error).rpartition(' ')[2]}"
    return str(error).partition("\n")[0].partition(": ")[0]


def _to_cel(schema: Schema, value: object, path: str) -> object:
    """Give a value as rules see it: known fields only, under names that the language can write."""
    if isinstance(value, dict):
        return _object_to_cel(schema, value, path)
    if isinstance(value, list):
        items = schema.items or Schema("")
        return [_to_cel(items, entry, f"{path}[]") for entry in value]
    if isinstance(value, str):
        return _text_to_cel(schema.format, value)
    return float(value) if schema.type == "number" and isinstance(value, int) else value


def _object_to_cel(schema: Schema, value: Object, path: str) -> Object:
    seen: Object = {}
    for name, entry in value.items():
        field = schema.field(name)
        if name in {"apiVersion", "kind"} and (not path or schema.is_embedded):
            seen[name] = entry
        elif name == "metadata" and (not path or schema.is_embedded) and isinstance(entry, dict):
            seen[name] = {each: entry[each] for each in ("name", "generateName") if each in entry}
        elif field is not None:
            known = _escaped(name) if name in schema.properties else name
            seen[known] = _to_cel(field, entry, f"{path}.{name}")
    return seen


def _escaped(name: str) -> str:
    if name in _RESERVED:
        return f"__{name}__"
    for text, into in _ESCAPES:
        name = name.replace(text, into)
    return name


def _text_to_cel(form: str, text: str) -> object:
    with contextlib.suppress(ValueError):
        match form:
            case "date-time" | "date":
                found = dt.datetime.fromisoformat(text)
                return found if found.tzinfo else found.replace(tzinfo=dt.UTC)
            case "byte":
                return base64.b64decode(text, validate=True)
            case "duration":
                return _duration(text)
    return text


def _duration(text: str) -> dt.timedelta:
    parts = re.findall(r"(\d+(?:\.\d*)?)([a-zµ]+)", text)
    if not parts or any(unit not in _SECONDS for _, unit in parts):
        raise ValueError(text)
    seconds = sum(float(number) * _SECONDS[unit] for number, unit in parts)
    return dt.timedelta(seconds=-seconds if text.startswith("-") else seconds)
