"""Ways to damage manifests: their bytes, their lines, and the values that they stand for.

Everything takes the generator of chance it draws from, so that a seed brings the same damage back.
"""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Callable, Sequence
from random import Random
from typing import Any, Final

import yaml

Damage = Callable[[Random, bytes], bytes]

SCALARS: Final = (
    "null", "~", "", "true", "no", "0", "-1", "80", "65536", "080", "0x50", "1e3", "80.0", "1.5", ".inf",
    ".nan", "=", "9223372036854775808", "1" + "0" * 5_000, "1e999", "'80'", '"\\x1b[31m"', '"a\\nb"',
    '"\\u2028"', "!!binary aGk=", "!!int '7'", "!x y", "&a", "*a", "*missing", "&b [*b]", "[", "]", "{", "}",
    "[]", "{}", "- x", "? x", "|", ">-", "2001-01-01", "10.0.0.0/8", "010.0.0.0/8", "::ffff:1.2.3.4/104",
    "10.0.0.1/8", "0.0.0.0/0", "::/0", "10.0.0.0/33", "In", "NotIn", "Exists", "TCP", "SCTP", "tcp",
    "Ingress", "Pass", "Deny", "{{ .Values.x }}", "# x", "ключ", "\U0001f600", "[[[[[[]]]]]]",
    "{a: {a: {a: {}}}}", "a: b", "'", '"', "%x", "@x", "`x`", "\\", "[{}]", "[null]", "{null: 1}", "{1: 2}",
    "{? [a]: b}", "!!set {a, b}", "!!str 1", "kubernetes.io/x", "a/b/c", "x" * 300,
)  # fmt: skip
"""What may stand where a value stood, as YAML writes it."""

VALUES: Final[tuple[Any, ...]] = (
    None, True, False, 0, -1, 80, 65535, 65536, 1 << 31, 1 << 63, 1 << 64, 10**400, 1.5, 80.0, 1e308, "",
    "80", "http", "a\nb", "\x1b[31m", "\u2028", "ключ", "\U0001f600", "x" * 300, "10.0.0.0/8", "10.0.0.1/8",
    "::/0", "1.2.3.4", "Deny", "TCP", "UDP", "Exists", "In", "DoesNotExist", "Egress", "../x", "a/b", "null",
    "=", [], {}, [[]], [{}], [None], {"": ""}, {"a": None}, {"matchLabels": None}, {"matchExpressions": [{}]},
    [[[[[[[[[[]]]]]]]]]], {"key": {"key": {}}},
)  # fmt: skip
"""What may stand where a value stood, as a value."""

ALIKE: Final = tuple(value for value in VALUES if value not in (1 << 64, 10**400))
"""Those that JSON and YAML read as the same; beyond 64 bits, YAML means a float or a text."""

_WORD = re.compile(rb"[A-Za-z][A-Za-z0-9.]*")
_VALUE = re.compile(rb"(?<=: )[^\n]+")
_SEPARATOR = re.compile(rb"(?m)^---[^\n]*\n")


def damaged(chance: Random, data: bytes, most: int = 4) -> bytes:
    """Damage a text one to ``most`` times, each time in another way."""
    for _ in range(chance.randint(1, most)):
        data = chance.choice(TEXT_DAMAGE)(chance, data)
    return data


def packed(chance: Random, data: bytes) -> bytes:
    """Change how a text is written down as bytes: most often not at all."""
    return chance.choice((*(_as_it_is,) * 12, _crlf, _cr, _bom, _utf16, _utf32, _gzip, _broken_gzip))(chance, data)


def damaged_value(chance: Random, value: Any, values: Sequence[Any] = VALUES) -> Any:  # noqa: ANN401 (any plain value)
    """Give a plain value with one to four places changed, some into one of ``values``; itself it stays as it was."""
    value = json.loads(json.dumps(value))
    for _ in range(chance.randint(1, 4)):
        places = list(_places(value))
        if not places:
            break
        container, key = chance.choice(places)
        damage = chance.choice((None, None, None, *_VALUE_DAMAGE))
        if damage is None:
            container[key] = json.loads(json.dumps(chance.choice(values)))
        else:
            damage(chance, container, key)
    return value


def _as_it_is(_: Random, data: bytes) -> bytes:
    return data


def _crlf(_: Random, data: bytes) -> bytes:
    return data.replace(b"\n", b"\r\n")


def _cr(_: Random, data: bytes) -> bytes:
    return data.replace(b"\n", b"\r")


def _bom(_: Random, data: bytes) -> bytes:
    return b"\xef\xbb\xbf" + data


def _utf16(chance: Random, data: bytes) -> bytes:
    text = ("\ufeff" + data.decode("utf-8", "replace")).encode(chance.choice(("utf-16-le", "utf-16-be")))
    return text[: len(text) - chance.choice((0, 0, 1))]


def _utf32(_: Random, data: bytes) -> bytes:
    return ("\ufeff" + data.decode("utf-8", "replace")).encode("utf-32-le")


def _gzip(_: Random, data: bytes) -> bytes:
    return gzip.compress(data, mtime=0)


def _broken_gzip(chance: Random, data: bytes) -> bytes:
    whole = gzip.compress(data, mtime=0)
    return chance.choice((_flip, _truncate, _zeros))(chance, whole)


def _flip(chance: Random, data: bytes) -> bytes:
    if not data:
        return data
    at = chance.randrange(len(data))
    return data[:at] + bytes((data[at] ^ (1 << chance.randrange(8)),)) + data[at + 1 :]


def _truncate(chance: Random, data: bytes) -> bytes:
    return data[: chance.randint(0, len(data))]


def _zeros(chance: Random, data: bytes) -> bytes:
    return data + bytes(chance.randint(1, 20))


def _cut(chance: Random, data: bytes) -> bytes:
    at = chance.randint(0, len(data))
    return data[:at] + data[at + chance.randint(1, 60) :]


def _insert(chance: Random, data: bytes) -> bytes:
    at = chance.randint(0, len(data))
    token = chance.choice(
        (chance.choice(SCALARS).encode(), b"\t", b"\n", b"---\n", b"...\n", b"\0", b"\xff", b": ", b"- ")
    )
    return data[:at] + token + data[at:]


def _lines(change: Callable[[Random, list[bytes], int], None]) -> Damage:
    def damage(chance: Random, data: bytes) -> bytes:
        lines = data.splitlines(keepends=True)
        if lines:
            change(chance, lines, chance.randrange(len(lines)))
        return b"".join(lines)

    return damage


def _remove_line(_: Random, lines: list[bytes], at: int) -> None:
    del lines[at]


def _repeat_line(chance: Random, lines: list[bytes], at: int) -> None:
    lines[at:at] = lines[at : at + chance.randint(1, 4)]


def _move_line(chance: Random, lines: list[bytes], at: int) -> None:
    line = lines.pop(at)
    lines.insert(chance.randint(0, len(lines)), line)


def _indent_line(chance: Random, lines: list[bytes], at: int) -> None:
    bare = lines[at].lstrip(b" ")
    width = max(0, len(lines[at]) - len(bare) + chance.choice((-2, -1, 1, 2, 4)))
    lines[at] = chance.choice((b" " * width, b" " * width, b"\t")) + bare


def _indent_block(chance: Random, lines: list[bytes], at: int) -> None:
    for number in range(at, min(len(lines), at + chance.randint(2, 6))):
        lines[number] = b"  " + lines[number]


def _template_line(_: Random, lines: list[bytes], at: int) -> None:
    lines.insert(at, b"{{- if .Values.policy }}\n")


def _rename(chance: Random, data: bytes) -> bytes:
    words = list(_WORD.finditer(data))
    if not words:
        return data
    word, other = chance.choice(words), chance.choice(words)[0]
    new = chance.choice((other, other, word[0].swapcase(), word[0][:-1], word[0] * 2, b"", b"<<"))
    return data[: word.start()] + new + data[word.end() :]


def _revalue(chance: Random, data: bytes) -> bytes:
    values = list(_VALUE.finditer(data))
    if not values:
        return data
    value = chance.choice(values)
    return data[: value.start()] + chance.choice(SCALARS).encode() + data[value.end() :]


def _join_documents(chance: Random, data: bytes) -> bytes:
    marks = list(_SEPARATOR.finditer(data))
    if not marks:
        return data
    mark = chance.choice(marks)
    new = chance.choice((b"", b"", b"--- x\n", b" ---\n", b"---\n---\n", b"...\n", b"%YAML 1.1\n---\n", b"--- # x\n"))
    return data[: mark.start()] + new + data[mark.end() :]


def _anchor(chance: Random, data: bytes) -> bytes:
    """Give one value an anchor and put aliases or merges elsewhere, also into itself."""
    values = list(_VALUE.finditer(data))
    if len(values) < 2:
        return data
    first, second = sorted(chance.sample(values, 2), key=lambda match: match.start())
    alias = chance.choice((b"*z", b"{<<: *z}", b"[*z, *z]", b"{<<: [*z, *z], a: 1}"))
    between = data[first.end() : second.start()]
    return data[: first.start()] + b"&z " + first[0] + between + alias + data[second.end() :]


def _bomb(chance: Random, data: bytes) -> bytes:
    """Let a few lines of aliases stand for more values than any memory holds."""
    width, height = chance.choice(((10, 9), (2, 30), (100, 5)))
    lines = ["a0: &a0 [x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * width)}]" for n in range(1, height)]
    bomb = "\n".join(lines).encode() + b"\n"
    return chance.choice((data + bomb, bomb + data, data + b"---\n" + bomb))


def _deep(chance: Random, data: bytes) -> bytes:
    """Nest a value very deep, closed or not."""
    depth = chance.choice((50, 500, 20_000))
    opening, closing = chance.choice(((b"[", b"]"), (b"{a: ", b"}"), (b'{"a":', b"}"), (b"- ", b"")))
    nested = opening * depth + chance.choice((b"1", b"")) + closing * chance.choice((depth, depth, depth - 1))
    values = list(_VALUE.finditer(data))
    if not values:
        return data + nested
    value = chance.choice(values)
    return data[: value.start()] + nested + data[value.end() :]


def _json(chance: Random, data: bytes) -> bytes:
    """Write what can be read as JSON: one value behind the other, or one list."""
    if data.count(b"*") > 30:
        return data  # a bomb: PyYAML would let it off
    try:
        documents = [document for document in yaml.safe_load_all(data) if document is not None]
        texts = [json.dumps(document, indent=chance.choice((None, 2))) for document in documents]
    except (yaml.YAMLError, TypeError, ValueError, RecursionError):
        return data
    if chance.random() < 0.5:
        return ('{"apiVersion": "v1", "kind": "List", "items": [' + ",\n".join(texts) + "]}").encode()
    return chance.choice((b"\n", b" ", b"\n---\n", b",")).join(text.encode() for text in texts)


TEXT_DAMAGE: Final[tuple[Damage, ...]] = (
    _flip, _flip, _truncate, _cut, _insert, _insert, _rename, _rename, _rename, _revalue, _revalue, _revalue, _revalue,
    _lines(_remove_line), _lines(_remove_line), _lines(_repeat_line), _lines(_move_line), _lines(_indent_line),
    _lines(_indent_block), _lines(_template_line), _join_documents, _anchor, _anchor, _bomb, _deep, _json,
)  # fmt: skip


def _places(value: Any) -> Any:  # noqa: ANN401 (any plain value)
    """Give each place of a plain value as its container and key."""
    waiting = [value]
    while waiting:
        container = waiting.pop()
        for key in list(container) if isinstance(container, dict) else range(len(container)):
            yield container, key
            if isinstance(container[key], dict | list):
                waiting.append(container[key])


def _retype(_: Random, container: Any, key: Any) -> None:  # noqa: ANN401 (likewise)
    match container[key]:
        case bool() | None:
            container[key] = str(container[key])
        case int() | float():
            container[key] = str(container[key])
        case str() as text:
            container[key] = [text]
        case list() as entries:
            container[key] = {str(number): entry for number, entry in enumerate(entries)}
        case dict() as fields:
            container[key] = list(fields.values())


def _wrap(chance: Random, container: Any, key: Any) -> None:  # noqa: ANN401 (likewise)
    container[key] = chance.choice((lambda value: [value], lambda value: {"x": value}))(container[key])


def _drop(_: Random, container: Any, key: Any) -> None:  # noqa: ANN401 (likewise)
    del container[key]


def _misname(chance: Random, container: Any, key: Any) -> None:  # noqa: ANN401 (likewise)
    if isinstance(container, dict):
        container[chance.choice((key + "s", key.swapcase(), "", "name", "items", "kind", "spec"))] = container.pop(key)


def _again(_: Random, container: Any, key: Any) -> None:  # noqa: ANN401 (likewise)
    if isinstance(container, list):
        container.append(json.loads(json.dumps(container[key])))


_VALUE_DAMAGE: Final = (_retype, _wrap, _drop, _drop, _misname, _again)
