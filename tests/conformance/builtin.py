"""What the API server says about objects of built-in kinds: each is created, read back in both forms, and removed."""

from __future__ import annotations

import base64
import json
import re
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import quote

from podfence.manifests.protobuf import CONTENT_TYPE
from tests.conformance.answer import Line, status_of, steady
from tests.conformance.client import Client
from tests.conformance.corpus.builtin.cases import Sent
from tests.conformance.corpus.builtin.updates import Replaced
from tests.conformance.corpus.text import Tree
from tests.conformance.extras import etcd

NAMESPACE = "default"
KNOWN_TO_THE_SERVER = ("uid", "creationTimestamp", "managedFields", "resourceVersion")
CONDITIONAL = ("Lease", "PodDisruptionBudget")
"""Kinds of which an update must name the version that it replaces."""
LIMITED = "limited"
"""Limits and quotas are created in a namespace of their own, where they stand in nobody's way."""


class Kinds:
    """Where the objects of each kind live: plural name and scope, from the server's discovery."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._known: dict[tuple[str, str], tuple[str, bool]] = {}

    def collection(self, api_version: str, kind: str, namespace: str = NAMESPACE) -> tuple[str, str]:
        """Give the path of a collection, and the folder of its objects in etcd."""
        root = f"/apis/{api_version}" if "/" in api_version else f"/api/{api_version}"
        if (api_version, kind) not in self._known:
            for each in json.loads(self._client.request("GET", root).body)["resources"]:
                if "/" not in each["name"]:
                    self._known[api_version, each["kind"]] = (each["name"], each["namespaced"])
        plural, namespaced = self._known[api_version, kind]
        scope = f"/namespaces/{namespace}" if namespaced else ""
        return f"{root}{scope}/{plural}", plural


def ask_builtin(client: Client, kinds: Kinds, sent: Sent) -> Line:
    """Create an object; gives the line to record."""
    namespace = LIMITED if sent.kind in {"LimitRange", "ResourceQuota"} else NAMESPACE
    collection, plural = kinds.collection(sent.api_version, sent.kind, namespace)
    response = client.request("POST", f"{collection}?fieldValidation=Strict", sent.manifest.encode())
    api = f"{sent.api_version}/{sent.kind}"
    found: Line = {"id": sent.id, "api": api, "manifest": sent.manifest, "code": response.code}
    manifest = json.loads(sent.manifest)
    if response.code == 201:
        name = json.loads(response.body)["metadata"]["name"]
        path = f"{collection}/{quote(name, safe='')}"
        stored = json.loads(client.request("GET", path).body)
        found["stored"] = bare(stored, manifest)
        remove(client, path, plural, name)
    else:
        status = status_of(response)
        causes = status.get("details", {}).get("causes", []) if response.code == 422 else []
        if causes:
            found["causes"] = sorted([each.get("reason"), each.get("field"), each.get("message")] for each in causes)
        else:
            found["message"] = status.get("message")
    if response.warnings:
        found["warnings"] = list(response.warnings)
    metadata = manifest.get("metadata")
    return steady(constant(found), metadata.get("generateName") if isinstance(metadata, dict) else None)


def bare(stored: Tree, manifest: Tree) -> Tree:
    """Take away what only this server knows: its bookkeeping, and the addresses and ports that it gave out."""
    for name in KNOWN_TO_THE_SERVER:
        stored["metadata"].pop(name, None)
    spec, given = stored.get("spec"), manifest.get("spec") or {}
    if stored["metadata"].get("namespace") == LIMITED:
        stored["metadata"]["namespace"] = NAMESPACE
    if stored["kind"] == "APIService":
        # Whether its backend is there is looked at all the time.
        stored.pop("status", None)
    if stored["kind"] == "Service":
        for name in () if given.get("clusterIP") or given.get("clusterIPs") else ("clusterIP", "clusterIPs"):
            spec.pop(name, None)
        if not given.get("healthCheckNodePort"):
            spec.pop("healthCheckNodePort", None)
        for at, port in enumerate(spec.get("ports", [])):
            if not given["ports"][at].get("nodePort"):
                port.pop("nodePort", None)
    return stored


def constant(found: Line) -> Line:
    """Replace the server's uids and times of today, which differ each time."""
    text = json.dumps(found)
    text = re.sub(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", "UID", text)
    text = re.sub(
        r'"creationTimestamp": "20[3-9]\d-[^"]*"|"creationTimestamp": "202[6-9]-[^"]*"',
        '"creationTimestamp": "2026-01-01T00:00:00Z"',
        text,
    )
    text = re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d \+0000 UTC", "TIME", text)
    text = re.sub(r'IPAddress.networking.k8s.io \\"[0-9.]+', r'IPAddress.networking.k8s.io \\"ADDRESS', text)
    loaded: Line = json.loads(re.sub(r'"(last\w*TransitionTime)": "[^"]*"', r'"\1": "TIME"', text))
    return loaded


def remove(client: Client, path: str, plural: str, name: str) -> None:
    """Delete an object for good, whatever would hold it back."""
    client.request("DELETE", path, b'{"gracePeriodSeconds": 0, "propagationPolicy": "Background"}')
    if client.request("GET", path).code == 404:
        return
    client.request("PATCH", path, b'{"metadata": {"finalizers": null}}', "application/merge-patch+json")
    if client.request("GET", path).code == 404:
        return
    for folder in etcd_keys(client, plural, name):
        etcd(client.etcd_port, "deleterange", {"key": base64.b64encode(folder).decode()})
    for _ in range(200):
        if client.request("GET", path).code == 404:
            return
    raise ValueError(f"{path} did not go")


def etcd_keys(client: Client, plural: str, name: str) -> list[bytes]:
    """Find the keys under which an object is stored."""
    start, end = b"/registry/", b"/registry0"
    keys = {"key": base64.b64encode(start).decode(), "range_end": base64.b64encode(end).decode(), "keys_only": True}
    found = etcd(client.etcd_port, "range", keys)  # type: ignore[arg-type]
    listed = [base64.b64decode(each["key"]) for each in found["kvs"]]
    word = {"endpoints": b"services/endpoints", "nodes": b"minions"}.get(plural, plural.encode())
    return [key for key in listed if word in key and key.endswith(b"/" + name.encode())]


def ask_all(client: Client, sents: Sequence[Sent], workers: int = 4) -> list[Line]:
    """Ask everything; objects of one kind one after the other, since many have the same name."""
    kinds = Kinds(client)
    locks: dict[str, threading.Lock] = {sent.kind: threading.Lock() for sent in sents}

    def ask_one(group: list[Sent]) -> list[Line]:
        with locks[group[0].kind]:
            return [ask_builtin(client, kinds, sent) for sent in group]

    groups: dict[str, list[Sent]] = {}
    for sent in sents:
        groups.setdefault(sent.kind, []).append(sent)
    # A class that is the default for the whole cluster, or a webhook, would show in the pods beside it.
    wide = ("PriorityClass", "ValidatingWebhookConfiguration", "MutatingWebhookConfiguration")
    apart = [groups.pop(kind) for kind in wide if kind in groups]
    with ThreadPoolExecutor(workers) as pool:
        answers = [*pool.map(ask_one, groups.values()), *map(ask_one, apart)]
    lines = {line["id"]: line for found in answers for line in found}
    return [lines[sent.id] for sent in sents]


def ask_replacement(client: Client, kinds: Kinds, change: Replaced) -> Line:
    """Create an object and replace it by PUT; gives the line, with what was stored before as `old`."""
    namespace = LIMITED if change.kind in {"LimitRange", "ResourceQuota"} else NAMESPACE
    collection, plural = kinds.collection(change.api_version, change.kind, namespace)
    created = client.request("POST", collection, change.old.encode())
    if created.code != 201:
        raise ValueError(f"{change.id}: the old version is refused: {created.body.decode()}")
    name = json.loads(created.body)["metadata"]["name"]
    path = f"{collection}/{quote(name, safe='')}"
    old = json.loads(client.request("GET", path).body)
    target = f"{path}/{change.subresource}" if change.subresource else path
    new = change.new
    if change.kind in CONDITIONAL and '"resourceVersion"' not in new:
        new = new.replace(
            '"metadata": {', f'"metadata": {{"resourceVersion": "{old["metadata"]["resourceVersion"]}", ', 1
        )
    response = client.request("PUT", f"{target}?fieldValidation=Strict", new.encode())
    new = re.sub('"resourceVersion": "[0-9]{2,}"', '"resourceVersion": "7"', new)
    api = f"{change.api_version}/{change.kind}"
    found: Line = {"id": change.id, "api": api, "old": kept(old), "manifest": new, "code": response.code}
    if change.subresource:
        found["subresource"] = change.subresource
    if response.code == 200:
        found["stored"] = kept(json.loads(client.request("GET", path).body))
    else:
        status = status_of(response)
        causes = status.get("details", {}).get("causes", []) if response.code == 422 else []
        if causes:
            found["causes"] = sorted([each.get("reason"), each.get("field"), each.get("message")] for each in causes)
        else:
            found["message"] = status.get("message")
    if response.warnings:
        found["warnings"] = list(response.warnings)
    remove(client, path, plural, name)
    return constant(found)


def kept(stored: Tree) -> Tree:
    """Take away the bookkeeping that differs each time; addresses that were given out stay."""
    for name in ("managedFields", "resourceVersion"):
        stored["metadata"].pop(name, None)
    if stored["metadata"].get("namespace") == LIMITED:
        stored["metadata"]["namespace"] = NAMESPACE
    return stored


def ask_replacements(client: Client, changes: Sequence[Replaced]) -> list[Line]:
    """Ask about every change, one after the other."""
    kinds = Kinds(client)
    return [ask_replacement(client, kinds, change) for change in changes]


def ask_encoded(client: Client, sents: Sequence[Sent]) -> list[Line]:
    """Create objects and read each back as JSON and in protobuf; gives both, for those that are accepted."""
    kinds = Kinds(client)
    found = []
    for sent in sents:
        namespace = LIMITED if sent.kind in {"LimitRange", "ResourceQuota"} else NAMESPACE
        collection, plural = kinds.collection(sent.api_version, sent.kind, namespace)
        created = client.request("POST", collection, sent.manifest.encode())
        if created.code != 201:
            continue
        name = json.loads(created.body)["metadata"]["name"]
        path = f"{collection}/{quote(name, safe='')}"
        for _ in range(5):
            shown = client.request("GET", path).body
            encoded = client.request("GET", path, accept=CONTENT_TYPE).body
            if shown == client.request("GET", path).body:
                break
        remove(client, path, plural, name)
        text = base64.b64encode(encoded).decode()
        found.append({"id": sent.id, "code": created.code, "json": json.loads(shown), "protobuf": text})
    return found
