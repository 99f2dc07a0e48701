"""Workflow commands of GitHub Actions: a line for each annotation."""

from __future__ import annotations

from podfence.manifests.files import STDIN
from podfence.model.source import Position

_WORDS = {"error": "error", "warning": "warning", "info": "notice"}


def annotation(severity: str, title: str, message: str, position: Position | None) -> str:
    """Write one annotation; ``severity`` is error, warning or info."""
    properties = {"title": title}
    if position is not None and position.file != STDIN:
        place = {"file": position.file.removeprefix("./"), "line": str(position.line), "col": str(position.column)}
        properties = place | properties
    written = ",".join(f"{name}={_property(value)}" for name, value in properties.items())
    return f"::{_WORDS[severity]} {written}::{_data(message)}\n"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
