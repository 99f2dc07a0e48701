"""The answers that need more than one plain create: other requests, updates, and kubectl's own reading."""

from __future__ import annotations

import base64
import http.client
import json
import re
import subprocess
import tempfile
import time
from pathlib import Path

from tests.conformance.answer import SERVER_METADATA, Line, Setting, line, read_back
from tests.conformance.client import Client
from tests.conformance.corpus.cases import NETWORK_POLICY, Case
from tests.conformance.corpus.requests import PAD, Request
from tests.conformance.corpus.text import Tree
from tests.conformance.corpus.updates import Update

COLLECTION = "/apis/networking.k8s.io/v1/namespaces/default/networkpolicies"


def ask_request(client: Client, request: Request, setting: Setting) -> Line:
    """Send one request; gives its line, with the path, the query and the padding it was sent with."""
    body = request.case.manifest.replace(PAD, "x" * request.pad).encode()
    path = f"{request.path}?{request.query}"
    response = client.request("POST", path, body, f"application/{request.case.form}")
    created = json.loads(response.body)["metadata"] if response.code == 201 else {}
    collection = request.path
    if "namespace" in created and "/namespaces/" not in collection:
        collection = COLLECTION
    stored = read_back(client, collection, response) if response.code == 201 else None
    found = line(request.case, setting, response, stored)
    if request.pad:
        found = json.loads(json.dumps(found).replace("x" * request.pad, PAD))
    return found | {"path": request.path, "query": request.query, "pad": request.pad}


def ask_update(client: Client, update: Update) -> Line:
    """Store the old version, plant its faults, and replace it; gives the line of the replacement."""
    created = client.request("POST", COLLECTION, update.old.encode(), "application/yaml")
    if created.code != 201:
        raise ValueError(f"{update.id}: the old version is refused: {created.body.decode()}")
    path = f"{COLLECTION}/policy"
    old = plant(client, path, update.planted)
    response = client.request("PUT", f"{path}?fieldValidation=Strict", update.new.encode(), "application/yaml")
    stored = bare(json.loads(client.request("GET", path).body)) if response.code == 200 else None
    remove(client, path)
    found = line(Case(update.id, NETWORK_POLICY, "yaml", update.new), Setting("strict", ""), response, stored)
    if response.code == 200:
        found["message"] = None
    return steady_update({"id": update.id, "old": old} | found)


def steady_update(found: Line) -> Line:
    """Replace the times, uids and versions that a message about an update quotes."""
    text = json.dumps(found)
    text = re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d \+0000 UTC|20[3-9]\d-\d\d-\d\dT\d\d:\d\d:\d\dZ", "TIME", text)
    text = re.sub(r"(?<!1b4e28ba)[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}", "UID", text)
    loaded: Line = json.loads(text)
    return loaded


def plant(client: Client, path: str, planted: dict[str, str]) -> Tree:
    """Change texts in the stored bytes of the policy and wait until the server shows them; gives what it shows."""
    key = base64.b64encode(b"/registry/networkpolicies/default/policy").decode()
    if planted:
        stored = base64.b64decode(etcd(client.etcd_port, "range", {"key": key})["kvs"][0]["value"])
        for good, wrong in planted.items():
            if len(good) != len(wrong) or good.encode() not in stored:
                raise ValueError(f"{good} cannot be replaced by {wrong}")
            stored = stored.replace(good.encode(), wrong.encode())
        etcd(client.etcd_port, "put", {"key": key, "value": base64.b64encode(stored).decode()})
    wanted = list(planted.values())
    for _ in range(100):
        shown = client.request("GET", path).body.decode()
        if all(json.dumps(text) in shown for text in wanted):
            return bare(json.loads(shown))
        time.sleep(0.02)
    raise ValueError(f"{wanted} did not show")


def remove(client: Client, path: str) -> None:
    """Delete the policy, whatever faults or finalizers it has, and wait until it is gone."""
    key = base64.b64encode(b"/registry/networkpolicies/default/policy").decode()
    etcd(client.etcd_port, "deleterange", {"key": key})
    for _ in range(100):
        if client.request("GET", path).code == 404:
            return
        time.sleep(0.02)
    raise ValueError(f"{path} did not go")


def etcd(port: int, verb: str, body: dict[str, str]) -> Tree:
    """Call etcd's JSON gateway."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request("POST", f"/v3/kv/{verb}", json.dumps(body), {"Content-Type": "application/json"})
    return json.loads(connection.getresponse().read())


def bare(stored: Tree) -> Tree:
    """Take away the metadata that only the server knows."""
    for name in SERVER_METADATA:
        stored["metadata"].pop(name, None)
    return stored


def kubectl_version(kubectl: str) -> str:
    """Give kubectl's own version."""
    command = [kubectl, "version", "--client", "--output=json"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    version: str = json.loads(done.stdout)["clientVersion"]["gitVersion"]
    return version


def ask_kubectl(client: Client, kubectl: str, version: str, case: Case) -> Line:
    """Let kubectl read a file and create its objects in a server-side dry run; gives what it said."""
    with tempfile.TemporaryDirectory(prefix="podfence-kubectl-") as name:
        file = Path(name) / f"manifest.{case.form}"
        file.write_bytes(case.manifest.encode())
        server = [f"--server=https://127.0.0.1:{client.port}", f"--token={client.token}", "--insecure-skip-tls-verify"]
        wanted = ["create", "--dry-run=server", "--validate=strict", "--output=json", f"--filename={file}"]
        environment = {"HOME": name, "KUBECONFIG": "/dev/null", "PATH": "/usr/bin:/bin"}
        done = subprocess.run([kubectl, *server, *wanted], env=environment, capture_output=True, text=True, check=False)
        said = [row.replace(str(file), "FILE") for row in done.stderr.splitlines()]
    shown = kubectl_objects(done.stdout)
    return {
        "id": case.id,
        "kubectl": version,
        "form": case.form,
        "manifest": case.manifest,
        "code": done.returncode,
        "said": said,
        "shown": shown,
    }


def kubectl_objects(text: str) -> list[Tree]:
    """Give the objects that kubectl printed, one JSON document after the other or a List of them."""
    decoder, rest = json.JSONDecoder(), text.strip()
    found: list[Tree] = []
    while rest:
        value, end = decoder.raw_decode(rest)
        found += value["items"] if value["kind"] == "List" else [value]
        rest = rest[end:].strip()
    return [bare(each) for each in found]
