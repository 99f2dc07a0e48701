"""Replays a sample of what a real API server answered to objects of built-in kinds: ours must answer the same.

All of the recording is compared, below the HTTP, in ``tests/conformance``; here it is seen that nothing is lost or
added on the way: the plugins that look into the store, the wrapping of causes, warnings as headers.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.protocol.apiserver.asking import Answer, Asking

RECORDED = Path(__file__).parents[2] / "conformance" / "recorded" / "kinds.jsonl.gz"
STEP = 8
NOT_OURS = ("storage/0013", "spec.parentRef.name: Required value")
"""A quirk of the server, and what its allocator says of a Service without a name."""


def lines() -> Iterator[dict[str, Any]]:
    for number, text in enumerate(gzip.decompress(RECORDED.read_bytes()).splitlines()):
        if number % STEP == 0 and not any(part in text.decode() for part in NOT_OURS):
            yield json.loads(text)


def said(answer: Answer) -> list[Any]:
    warnings = [line.removeprefix('299 - "').removesuffix('"').replace('\\"', '"') for line in answer.warnings]
    if answer.code == 201:
        return [201, [], "", warnings]
    status = answer.value
    causes = status.get("details", {}).get("causes", []) if answer.code == 422 else []
    found = sorted([each["reason"], each["field"], each["message"]] for each in causes)
    return [answer.code, found, "" if found else status["message"], warnings]


def test_the_answers_are_those_of_a_real_server() -> None:
    lab = Asking(service_cidrs=("10.96.0.0/16",), service_accounts=False)
    differences = []
    compared = 0
    for line in lines():
        api_version, _, kind = line["api"].rpartition("/")
        resource = lab.registry.catalogue.of_kind(api_version, kind)
        if resource is None:
            continue
        root = f"/{'apis' if resource.group else 'api'}/{api_version}"
        scope = "/namespaces/default" if resource.namespaced else ""
        path = f"{root}{scope}/{resource.plural}"
        answer = lab.ask("POST", f"{path}?fieldValidation=Strict", line["manifest"].encode())
        expected = [line["code"], sorted(line.get("causes", [])), line.get("message", ""), line.get("warnings", [])]
        compared += 1
        if said(answer) != expected:
            differences.append((line["id"], expected, said(answer)))
        if answer.code == 201:
            name = answer.value["metadata"]["name"]
            key = ("default" if resource.namespaced else "", name)
            lab.registry.storage.remove(resource.resource, key)
    assert not differences
    assert compared > 400
