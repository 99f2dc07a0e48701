"""Go's complaint about a type, in the words of somebody who writes manifests."""

from __future__ import annotations

import re

_COMPLAINT = re.compile(r"json: cannot unmarshal (\w+)(?: \S+)? into Go (?:struct field \S+|value) of type (\S+)")
_FOUND = {"object": "a mapping", "array": "a list", "string": "a string", "bool": "a boolean"}
_QUOTES = "; quote it if it is meant as text"


def in_plain_words(message: str) -> str:
    """Say what a field must hold and what it holds; a message of any other form is returned as it is."""
    match = _COMPLAINT.match(message)
    if match is None:
        return message
    found, go_type = match.groups()
    quotes = _QUOTES if found in {"number", "bool"} and _wanted(go_type) == "a string" else ""
    return f"must be {_wanted(go_type)}, found {_FOUND.get(found, 'a number')}{quotes}"


def _wanted(go_type: str) -> str:
    if go_type.startswith("[]"):
        return "a list"
    if go_type.startswith("map["):
        return "a mapping of strings"
    if go_type in {"int32", "int64"}:
        return f"a whole number of {go_type[3:]} bits"
    if go_type == "bool":
        return "true or false"
    texts = ("string", "types.UID", "v1.Protocol", "v1.PolicyType", "v1.LabelSelectorOperator")
    return "a string" if go_type in {*texts, "v1.ManagedFieldsOperationType"} else "a mapping"
