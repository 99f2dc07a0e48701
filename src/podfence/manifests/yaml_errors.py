"""Says in plain words what is wrong with a YAML text.

libyaml reports what its state machine missed ("did not find expected key"); the reader of a manifest needs to know
what to change. Each of its complaints becomes one sentence here and the place to look at.
"""

from __future__ import annotations

import yaml
from yaml.reader import ReaderError

Place = tuple[int, int]
"""Line and column from 0, within the text that was parsed."""


class YamlError(Exception):
    """A document that cannot be read: one sentence, with line and column from 0 within its text."""

    def __init__(self, message: str, line: int, column: int) -> None:
        super().__init__(message)
        self.message = message
        self.line = line
        self.column = column


_INDENTATION = "the indentation fits neither this mapping nor what is around it"
_MESSAGES = {
    "mapping values are not allowed in this context": "mapping values are not allowed here: "
    "a line before lacks its ':', the indentation is off, or text that holds ': ' needs quotes",
    "did not find expected '-' indicator": "expected '-' here: a list ends where its items' indentation ends",
    "could not find expected ':'": "a ':' is missing behind the key",
    "did not find expected comment or line break": "only a line break may follow here",
    "did not find expected <document start>": "a new document must begin with a line '---'",
    "did not find expected alphabetic or numeric character": "'*' and '&' begin an alias or anchor; "
    "quote the text if none is meant",
    "found unknown escape character": "unknown escape in a double-quoted text; write \\\\ for a backslash, "
    "or use single quotes",
    "found undefined tag handle": "a text that begins with '!' is a tag; quote it if text is meant",
    "found incompatible YAML document": "this YAML version is unknown; leave the %YAML line out",
    "found unknown directive name": "a text that begins with '%' is a directive; quote it if text is meant",
    "block sequence entries are not allowed in this context": "a list cannot begin on this line; "
    "put its '- ' on a line of its own",
    "found invalid Unicode character escape code": "this escape is not a Unicode character",
    "found unexpected document indicator": "the quoted text is not closed before the next document",
    "did not find expected node content": "a value is missing here, or a bracket is unmatched",
    "control characters are not allowed": "control characters are not allowed in YAML",
}


def explain(error: yaml.YAMLError, text: bytes) -> YamlError:
    """Turn an error of the parser into a sentence and its place in ``text`` (UTF-8)."""
    if isinstance(error, ReaderError):
        return _unreadable_character(error, text)
    if not isinstance(error, yaml.MarkedYAMLError):
        return YamlError(str(error).splitlines()[0], 0, 0)
    problem = error.problem or "this is not YAML"
    place = _place(error.problem_mark) or _place(error.context_mark) or (0, 0)
    opened = _place(error.context_mark) or place
    found = _special(problem, place, opened, text) or YamlError(_MESSAGES.get(problem, problem), *place)
    return _within(found, text)


def _within(error: YamlError, text: bytes) -> YamlError:
    """Bring a place behind the last line back to its end: libyaml ends a text without line break as if it had one."""
    last = text.count(b"\n")
    if error.line <= last:
        return error
    return YamlError(error.message, last, len(_line(text, (last, 0))))


def _special(problem: str, place: Place, opened: Place, text: bytes) -> YamlError | None:
    """Answer the complaints whose sentence or place depends on the text; ``opened`` is where the construct begins."""
    if problem.startswith("found character") and "start any token" in problem:
        return YamlError(_bad_start(_line(text, place), place[1]), *place)
    match problem:
        case "found unexpected end of stream":
            return YamlError("the quote that opens here is never closed", *opened)
        case "did not find expected ',' or ']'" | "did not find expected ',' or '}'":
            return _open_bracket(place, opened, problem[-2], text)
        case "did not find expected key":
            return YamlError(_key_expected(_character(text, place)), *place)
        case "did not find expected alphabetic or numeric character" | "could not find expected ':'":
            return YamlError(_MESSAGES[problem], *opened)
        case _:
            return None


def _bad_start(line: str, column: int) -> str:
    character = line[column : column + 1]
    if character == "\t":
        where = "cannot stand here" if line[:column].strip() else "starts the line"
        return f"a tab {where}; indent with spaces"
    return f"a value cannot start with {character!r}; quote it if text is meant"


def _open_bracket(place: Place, opened: Place, close: str, text: bytes) -> YamlError:
    if not _character(text, place) or place[0] != opened[0]:
        bracket = "[" if close == "]" else "{"
        return YamlError(f"the {bracket!r} that opens here is not closed by a {close!r}", *opened)
    return YamlError(f"expected ',' or {close!r} here", *place)


def _key_expected(character: str) -> str:
    if character in ("&", "'", '"'):
        return "the value has ended before this; quote it as a whole"
    if character == "-":
        return "a list item stands where a key is expected; indent the list or end the mapping"
    return f"a key is expected here: {_INDENTATION}"


def _character(text: bytes, place: Place) -> str:
    return _line(text, place)[place[1] : place[1] + 1]


def _line(text: bytes, place: Place) -> str:
    lines = text.split(b"\n", place[0] + 1)
    return lines[place[0]].decode("utf-8", "replace") if place[0] < len(lines) else ""


def _place(mark: object) -> Place | None:
    line, column = getattr(mark, "line", None), getattr(mark, "column", None)
    return (line, column) if isinstance(line, int) and isinstance(column, int) else None


def _unreadable_character(error: ReaderError, text: bytes) -> YamlError:
    """Find the byte that the reader refused; libyaml counts bytes, the reader in Python characters."""
    before = text[: error.position]
    if isinstance(error.character, str):
        before = text.decode("utf-8", "replace")[: error.position].encode()
    line = before.count(b"\n")
    column = len(before[before.rfind(b"\n") + 1 :].decode("utf-8", "replace"))
    reason = str(error.reason)
    if "UTF-8" in reason or "codec" in reason:
        return YamlError("the text is not UTF-8 here", line, column)
    code = error.character if isinstance(error.character, int) else ord(error.character[:1] or "\0")
    return YamlError(f"control characters are not allowed in YAML, and this is U+{code:04X}", line, column)
