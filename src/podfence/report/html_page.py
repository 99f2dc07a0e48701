"""One self-contained page out of data: our scripts and style are written into it, and it may fetch nothing.

A Content-Security-Policy in the page forbids every request and every script but ours, by their digests. The data is
JSON in which no character can end its element.
"""

from __future__ import annotations

import base64
import hashlib
import html
import re
from collections.abc import Iterator, Mapping, Sequence
from importlib.resources import files
from typing import Any

import msgspec

MODULES = (
    "data",
    "dom",
    "curves",
    "degrees",
    "layers",
    "reasons",
    "detail",
    "search",
    "islands",
    "focus",
    "exposed",
    "matrix",
    "table",
    "changes",
    "app",
)
"""The modules in an order in which each finds what it imports before it."""

STYLES = ("colors", "page", "views", "screens")
"""The style sheets; of rules that are equally specific the later one holds."""

_IMPORT = re.compile(r'^import \{[^}]*\} from "\./\w+\.js";\n', re.MULTILINE)
_EXPORT = re.compile(r"^export (?=(?:class|function\*?|const) (\w+))", re.MULTILINE)
_ESCAPES = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"}
_ESCAPED = re.compile(f"[{''.join(_ESCAPES)}]")


def html_page(title: str, data: Mapping[str, Any]) -> Iterator[str]:
    """Write a page in chunks; the same data gives the same bytes."""
    script, style = joined_script(), "\n".join(_read(f"{name}.css") for name in STYLES)
    policy = (
        f"default-src 'none'; script-src {_digest(script)}; style-src {_digest(style)}; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )
    yield '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
    yield f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
    yield '<meta name="referrer" content="no-referrer">\n<link rel="icon" href="data:,">\n'
    yield f"<title>{html.escape(title)}</title>\n<style>{style}</style>\n</head>\n<body>\n"
    yield "<noscript>This page needs JavaScript; podfence map -o md writes the same as text.</noscript>\n"
    yield '<div id="app"></div>\n<script type="application/json" id="data">'
    yield json_in_html(data)
    yield f'</script>\n<script type="module">{script}</script>\n</body>\n</html>\n'


def json_in_html(data: Mapping[str, Any]) -> str:
    """Write JSON that may stand in a script element: nothing in it starts a tag, a comment or a character reference."""
    return _ESCAPED.sub(lambda match: _ESCAPES[match.group()], msgspec.json.encode(data).decode())


def joined_script(modules: Sequence[str] = MODULES) -> str:
    """Join modules into one script; each keeps its own names to itself, but for those that it exports."""
    return "\n" + "\n".join(_scope(_read(f"{name}.js")) for name in modules)


def _scope(module: str) -> str:
    exported = ", ".join(match.group(1) for match in _EXPORT.finditer(module))
    body = _EXPORT.sub("", _IMPORT.sub("", module))
    return f"const {{ {exported} }} = (() => {{\n{body}return {{ {exported} }};\n}})();"


def _read(name: str) -> str:
    return files("podfence.report.html").joinpath(name).read_text("utf-8")


def _digest(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
