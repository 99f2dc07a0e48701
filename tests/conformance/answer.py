"""One case, asked and written down: what the server answered, and what it stored where it accepted.

The object is really created, read back and deleted, so that what is written down is what storage gives back.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from urllib.parse import quote

import yaml

from tests.conformance.client import Client, Response
from tests.conformance.corpus.cases import Case
from tests.conformance.corpus.text import Tree

# Set by the server, different each time, or about its own bookkeeping.
SERVER_METADATA = ("uid", "creationTimestamp", "managedFields", "resourceVersion", "generation")
RANDOM_SUFFIX = "[bcdfghjklmnpqrstvwxz2456789]{5}"
Line = dict[str, Tree]


@dataclass(frozen=True)
class Setting:
    """What the server was: its CIDR regime (strict or lenient) and the channel of its CRDs."""

    regime: str
    channel: str


def ask(client: Client, case: Case, setting: Setting, namespace: str) -> Line:
    """Create the case's object; gives the line to record. `namespace` is used where the manifest has none."""
    loaded = loaded_metadata(case.manifest)
    target = own_namespace(loaded) or namespace
    collection = collection_path(case.api, target)
    kind = f"application/{case.form}"
    response = client.request("POST", f"{collection}?fieldValidation=Strict", case.manifest.encode(), kind)
    stored = read_back(client, collection, response) if response.code == 201 else None
    if stored is not None and stored["metadata"].get("namespace") == namespace:
        stored["metadata"]["namespace"] = "default"
    return steady(line(case, setting, response, stored), loaded.get("generateName"))


def collection_path(api: str, namespace: str) -> str:
    """Give the path of the collection to which an object of an API is posted."""
    group, version, kind = api.split("/")
    plural = kind.lower().removesuffix("y") + "ies"
    scope = f"/namespaces/{quote(namespace, safe='')}" if kind == "NetworkPolicy" else ""
    return f"/apis/{group}/{version}{scope}/{plural}"


def loaded_metadata(manifest: str) -> dict[str, Tree]:
    """Read the metadata of a manifest as far as it can be read; {} otherwise."""
    if not re.search(r"\b(namespace|generateName)\b", manifest):
        return {}
    try:
        metadata = yaml.safe_load(manifest)["metadata"]
    except (yaml.YAMLError, ValueError, TypeError, KeyError):
        return {}
    return metadata if isinstance(metadata, dict) else {}


def own_namespace(metadata: dict[str, Tree]) -> str | None:
    """Give the namespace that kubectl would send this object to, if it can stand in a path."""
    name = metadata.get("namespace")
    return name if isinstance(name, str) and name.strip("./") and "/" not in name else None


def read_back(client: Client, collection: str, created: Response) -> Tree:
    """Give the stored object without what only the server knows, and delete it."""
    path = f"{collection}/{json.loads(created.body)['metadata']['name']}"
    stored = json.loads(client.request("GET", path).body)
    for name in SERVER_METADATA:
        stored["metadata"].pop(name, None)
    client.request("DELETE", path)
    if stored["metadata"].get("finalizers"):
        client.request("PATCH", path, b'{"metadata": {"finalizers": null}}', "application/merge-patch+json")
    return stored


def line(case: Case, setting: Setting, response: Response, stored: Tree) -> Line:
    """Write down an answer; causes are sorted, for the server's order is partly random."""
    status = {} if response.code == 201 else status_of(response)
    causes = status.get("details", {}).get("causes", []) if response.code == 422 else []
    found = sorted([each.get("reason"), each.get("field"), each.get("message")] for each in causes)
    return {
        "id": case.id,
        "api": case.api,
        "regime": setting.regime,
        "channel": setting.channel if case.api.startswith("policy.") else None,
        "form": case.form,
        "manifest": case.manifest,
        "code": response.code,
        "causes": found,
        "message": None if found else status.get("message"),
        "warnings": list(response.warnings),
        "stored": stored,
    }


def status_of(response: Response) -> Tree:
    """Give the Status of a refusal; an address that nobody serves is answered by plain text."""
    text = response.body.decode()
    return json.loads(text) if text.startswith("{") else {"message": text.strip()}


def steady(found: Line, generate_name: Tree) -> Line:
    """Replace the random end of a generated name by xxxxx, wherever the answer names the object."""
    if not isinstance(generate_name, str) or not generate_name:
        return found
    starts = "|".join(sorted(map(re.escape, spellings(generate_name[:58]))))
    pattern = re.compile(rf'(?:^|(?<="))({starts}){RANDOM_SUFFIX}(?="|$)')

    def hide(match: re.Match[str]) -> str:
        # A long base is cut, and the end of a longer one may look random: the base itself stays as it is.
        return match[0] if match[0] in spellings(generate_name) else f"{match[1]}xxxxx"

    def fix(value: Tree) -> Tree:
        if isinstance(value, dict):
            return {key: fix(each) for key, each in value.items()}
        if isinstance(value, list):
            return [fix(each) for each in value]
        return pattern.sub(hide, value) if isinstance(value, str) else value

    return {key: value if key == "manifest" else fix(value) for key, value in found.items()}


def spellings(text: str) -> set[str]:
    """Give a text as it is and as it looks inside quotes in a message."""
    return {text, json.dumps(text, ensure_ascii=False)[1:-1]}
