"""JUnit XML, which every CI system shows: cases in suites, each passed, failed or broken."""

from __future__ import annotations

import re
from collections.abc import Iterable
from xml.sax.saxutils import quoteattr

import msgspec

_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class Case(msgspec.Struct, frozen=True):
    """One case: what it is called and where it stands; ``failure`` and ``error`` are empty when it passed.

    ``details`` is the text below the first line of a failure.
    """

    suite: str
    name: str
    file: str = ""
    line: int = 0
    failure: str = ""
    error: str = ""
    details: str = ""


def junit(cases: Iterable[Case]) -> str:
    """Write cases, those of one suite together, in order."""
    suites: dict[str, list[Case]] = {}
    for case in cases:
        suites.setdefault(case.suite, []).append(case)
    body = "".join(_suite(name, found) for name, found in suites.items())
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<testsuites>\n{body}</testsuites>\n'


def _suite(name: str, cases: list[Case]) -> str:
    failures, errors = sum(bool(case.failure) for case in cases), sum(bool(case.error) for case in cases)
    head = f'<testsuite name={_quoted(name)} tests="{len(cases)}" failures="{failures}" errors="{errors}">'
    return f"  {head}\n{''.join(map(_case, cases))}  </testsuite>\n"


def _case(case: Case) -> str:
    place = f' file={_quoted(case.file)} line="{case.line}"' if case.file else ""
    head = f"    <testcase classname={_quoted(case.suite)} name={_quoted(case.name)}{place}"
    if not case.failure and not case.error:
        return f"{head}/>\n"
    tag, message = ("error", case.error) if case.error else ("failure", case.failure)
    inner = f"      <{tag} message={_quoted(message)}>{_escaped(case.details or message)}</{tag}>\n"
    return f"{head}>\n{inner}    </testcase>\n"


def _quoted(text: str) -> str:
    return quoteattr(_NOT_XML.sub("�", text))


def _escaped(text: str) -> str:
    clean = _NOT_XML.sub("�", text)
    return clean.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
