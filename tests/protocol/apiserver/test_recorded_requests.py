"""Replays what a real API server answered to unusual requests for policies: ours must answer the same over HTTP.

The recordings of plain creates are compared with the same code below the HTTP in ``tests/conformance``; a sample of
them runs here as well, to see that nothing is lost on the way.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

from podfence.lab.apiserver.plugins import NAMESPACES
from podfence.manifests.validation.admission import Server
from podfence.manifests.validation.cluster_policy import Channel
from podfence.manifests.validation.ip_block import CidrRegime
from tests.conformance.answer import SERVER_METADATA, collection_path, own_namespace, steady
from tests.conformance.answer import loaded_metadata as metadata_of
from tests.protocol.apiserver.asking import Answer, Asking

RECORDED = Path(__file__).parents[2] / "conformance" / "recorded"
STEP = 60

# Texts that no JSON or YAML parser of ours complains of in the words of Go's, and repeated keys inside what is lost.
NOT_WORD_FOR_WORD = ("the object provided is unrecognized", "already set in map", "duplicate field")
NOT_SENT = ("in version ", "Object 'Kind' is missing", "cannot unmarshal number")


def lines(pattern: str, step: int) -> Iterator[dict[str, Any]]:
    for path in sorted(RECORDED.glob(pattern)):
        for number, line in enumerate(path.read_bytes().splitlines()):
            if number % step == 0:
                yield json.loads(line)


def server_of(case: dict[str, Any]) -> Server:
    return Server(CidrRegime(case["regime"]), Channel(case["channel"] or "experimental"))


def answer_of(lab: Asking, case: dict[str, Any]) -> dict[str, Any]:
    """Ask what was asked; gives what was recorded of an answer."""
    metadata = metadata_of(case["manifest"])
    namespace = own_namespace(metadata) or "default"
    path = case.get("path") or collection_path(case["api"], namespace)
    parts = path.split("/")
    if "namespaces" in parts:
        let_exist(lab, unquote(parts[parts.index("namespaces") + 1]))
    query = case.get("query", "fieldValidation=Strict")
    padding = "x" * case.get("pad", 0) or "PADDING"
    manifest = case["manifest"].replace("PADDING", padding).encode()
    answer = lab.ask("POST", f"{path}?{query}", manifest, form=f"application/{case['form']}")
    found = {"manifest": "", "code": answer.code, "warnings": [text_of(line) for line in answer.warnings]}
    found |= {**said(answer), "stored": stored(lab, path, answer)}
    found = json.loads(json.dumps(found).replace(padding, "PADDING"))
    return steady(found, metadata.get("generateName"))


def let_exist(lab: Asking, namespace: str) -> None:
    """Make a namespace of any name, since the server that was recorded asked for none."""
    if lab.registry.storage.get(NAMESPACES, ("", namespace)) is None:
        lab.registry.storage.put(NAMESPACES, ("", namespace), {"apiVersion": "v1", "metadata": {"name": namespace}})


def said(answer: Answer) -> dict[str, Any]:
    if answer.code == 201:
        return {"causes": [], "message": None}
    status: Any = answer.value if answer.text.startswith("{") else {"message": answer.text.strip()}
    causes = status.get("details", {}).get("causes", []) if answer.code == 422 else []
    found = sorted([each.get("reason"), each.get("field"), each.get("message")] for each in causes)
    return {"causes": found, "message": None if found else status.get("message")}


def stored(lab: Asking, path: str, answer: Answer) -> Any:  # noqa: ANN401 (any object)
    if answer.code != 201:
        return None
    where = f"{path}/{answer.value['metadata']['name']}"
    value = lab.ask("GET", where).value
    lab.ask("DELETE", where)
    if value["metadata"].get("finalizers"):
        patch = {"metadata": {"finalizers": None}}
        lab.ask("PATCH", where, patch, form="application/merge-patch+json")
    for name in SERVER_METADATA:
        value["metadata"].pop(name, None)
    return value


def text_of(header: str) -> str:
    return header.removeprefix('299 - "').removesuffix('"').replace('\\"', '"').replace("\\\\", "\\")


def is_comparable(text: str | None, excluded: tuple[str, ...]) -> bool:
    return not any(part in (text or "") for part in excluded)


@pytest.mark.parametrize(("pattern", "step"), [("requests.jsonl", 1), ("*policy-*.jsonl", STEP)])
def test_the_answers_are_those_of_a_real_server(pattern: str, step: int) -> None:
    labs: dict[Server, Asking] = {}
    differences = []
    compared = 0
    for case in lines(pattern, step):
        expected = {name: case[name] for name in ("code", "causes", "message", "warnings", "stored")}
        if case["code"] == 400 and pattern != "requests.jsonl" and not is_comparable(case["message"], NOT_SENT):
            continue
        server = server_of(case)
        found = answer_of(labs.setdefault(server, Asking(server)), case)
        if not all(is_comparable(text, NOT_WORD_FOR_WORD) for text in (case["message"], *case["warnings"])):
            expected |= {"message": found["message"], "warnings": found["warnings"]}
        compared += 1
        if any(found[name] != expected[name] for name in expected):
            differences.append((case["id"], {name: (expected[name], found[name]) for name in expected}))
    assert not differences
    assert compared > 80
