"""``podfence.yaml``: what a project has settled once instead of on every command line.

Every key is named like the option that wins over it. A key that nobody knows, or a value that makes no sense, is an
error with its place: a setting that is passed over in silence is worse than none. The schema of the file is published
as ``docs/podfence.schema.json``; a test holds it and this reader equal.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Any, Final

import msgspec

from podfence.lint.selection import rules_named
from podfence.manifests.encoded import EncodingError, decoded, plain_breaks
from podfence.manifests.yaml_errors import YamlError
from podfence.manifests.yaml_events import COLUMN_BITS, read_yaml
from podfence.manifests.yaml_text import YamlSource
from podfence.model.error import PodfenceError
from podfence.model.net import parse_cidr
from podfence.model.source import Position

KEYS: Final = (
    "select",
    "ignore",
    "severity",
    "fail-on",
    "profiles",
    "pod-cidr",
    "exclude",
    "baseline",
    "kubernetes-version",
    "crd-channel",
)
SEVERITIES: Final = ("error", "warning", "info")
FAIL_ON: Final = (*SEVERITIES, "never")
CRD_CHANNELS: Final = ("standard", "experimental")

_VERSION = re.compile(r"latest|v?[0-9]{1,4}\.[0-9]{1,4}([.+-].*)?")


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What a file settles; empty or ``None`` is what it leaves to the command line and the defaults.

    ``folder`` is where the file lies: paths in it count from there.
    """

    file: str = ""
    folder: str = ""
    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    severity: Mapping[str, str] = {}
    fail_on: str | None = None
    profiles: tuple[str, ...] = ()
    pod_cidr: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    baseline: str | None = None
    kubernetes_version: str | None = None
    crd_channel: str | None = None

    def path(self, text: str) -> str:
        """Give a path of the file as seen from the current folder."""
        return os.path.normpath(os.path.join(self.folder, text))  # noqa: PTH118 (as text: it is printed again)

    def is_excluded(self, path: str) -> bool:
        """Tell whether ``exclude`` leaves a file or folder out, of which the path is seen from the current folder.

        A pattern counts from the folder of the file; ``*`` stands for anything, ``/`` included.
        """
        if not self.exclude:
            return False
        inside = os.path.relpath(path, self.folder or ".").replace(os.sep, "/")
        return any(fnmatchcase(inside, pattern.removeprefix("./").rstrip("/")) for pattern in self.exclude)


NOTHING_SETTLED: Final = Settings()


def read_settings(data: bytes, file: str) -> Settings:
    """Read the bytes of a file; raises ``PodfenceError`` at the first thing that is wrong."""
    try:
        documents = list(read_yaml(plain_breaks(decoded(data))))
    except EncodingError as error:
        raise PodfenceError(str(error), Position(file, 1, 1)) from None
    except YamlError as error:
        raise PodfenceError(f"not YAML: {error.message}", Position(file, 1 + error.line, 1 + error.column)) from None
    written = [document for document in documents if document.value is not None]
    if not written:
        return Settings(file=file, folder=os.path.dirname(file))  # noqa: PTH120 (as above)
    source = YamlSource(file, 1, written[0].value, written[0].mark)
    if len(written) > 1:
        raise PodfenceError("one document is wanted", YamlSource(file, 1, {}, written[1].mark).position())
    for again in written[0].repeated:
        at = Position(file, 1 + (again.second >> COLUMN_BITS), 1 + (again.second & (1 << COLUMN_BITS) - 1))
        raise PodfenceError(f"the key {again.key!r} stands twice", at)
    return _Reader(source).settings()


class _Reader:
    """Reads the value of a file, key by key."""

    def __init__(self, source: YamlSource) -> None:
        self._source = source
        if not isinstance(source.value, dict):
            raise self._wrong("", f"a mapping is wanted, with some of {', '.join(KEYS)}")
        self._value: dict[str, Any] = source.value

    def settings(self) -> Settings:
        for key in self._value:
            if key not in KEYS:
                raise self._wrong(key, f"no such key; there are {', '.join(KEYS)}")
        return Settings(
            file=self._source.file,
            folder=os.path.dirname(self._source.file),  # noqa: PTH120 (as text: it is printed again)
            select=self._rules("select"),
            ignore=self._rules("ignore"),
            severity=self._severities(),
            fail_on=self._choice("fail-on", FAIL_ON),
            profiles=self._texts("profiles"),
            pod_cidr=self._pod_cidr(),
            exclude=self._texts("exclude"),
            baseline=self._text("baseline"),
            kubernetes_version=self._version(),
            crd_channel=self._choice("crd-channel", CRD_CHANNELS),
        )

    def _wrong(self, path: str, message: str) -> PodfenceError:
        return PodfenceError(f"{path}: {message}" if path else message, self._source.position(path))

    def _texts(self, key: str) -> tuple[str, ...]:
        """Read a list of texts; one text stands for a list of it."""
        value = self._value.get(key)
        if value is None:
            return ()
        listed = value if isinstance(value, list) else [value]
        for index, entry in enumerate(listed):
            if not isinstance(entry, str) or not entry:
                raise self._wrong(f"{key}[{index}]" if listed is value else key, "a text is wanted")
        return tuple(listed)

    def _text(self, key: str) -> str | None:
        value = self._value.get(key)
        if value is not None and (not isinstance(value, str) or not value):
            raise self._wrong(key, "a text is wanted")
        return value

    def _choice(self, key: str, choices: tuple[str, ...]) -> str | None:
        value = self._text(key)
        if value is not None and value not in choices:
            raise self._wrong(key, f"write {', '.join(choices[:-1])} or {choices[-1]}")
        return value

    def _version(self) -> str | None:
        key = "kubernetes-version"
        value = self._value.get(key)
        if isinstance(value, float):
            raise self._wrong(key, "put the version into quotes: to YAML 1.30 is the number 1.3")
        text = self._text(key)
        if text is not None and not _VERSION.fullmatch(text):
            raise self._wrong(key, 'no version; write "1.35" or v1.36.3')
        return text

    def _rules(self, key: str) -> tuple[str, ...]:
        words = self._texts(key)
        for index, word in enumerate(words):
            path = f"{key}[{index}]" if isinstance(self._value[key], list) else key
            self._known_rule(word, path)
        return words

    def _known_rule(self, word: str, path: str) -> None:
        try:
            rules_named(word, "")
        except PodfenceError as error:
            raise self._wrong(path, error.message.strip()) from None

    def _severities(self) -> dict[str, str]:
        value = self._value.get("severity")
        if value is None:
            return {}
        if not isinstance(value, dict):
            raise self._wrong("severity", "a mapping from rules to severities is wanted")
        for word, severity in value.items():
            self._known_rule(word, f"severity.{word}")
            if severity not in SEVERITIES:
                raise self._wrong(f"severity.{word}", f"write {', '.join(SEVERITIES[:-1])} or {SEVERITIES[-1]}")
        return value

    def _pod_cidr(self) -> tuple[str, ...]:
        key = "pod-cidr"
        texts = self._texts(key)
        if "none" in texts and len(texts) > 1:
            raise self._wrong(key, "give blocks or none, not both")
        for index, text in enumerate(texts):
            try:
                _ = text == "none" or parse_cidr(text)
            except ValueError:
                path = f"{key}[{index}]" if isinstance(self._value[key], list) else key
                raise self._wrong(path, f"{text}: not a block of addresses; write 10.244.0.0/16 or none") from None
        return texts
