"""A kube-apiserver with its etcd on loopback, for as long as a `with` block lasts.

Nothing but validation, defaulting and storage is wanted of it, so no controller runs and namespaces need not
exist. State lives in a folder of its own and goes with it.
"""

from __future__ import annotations

import http.client
import json
import secrets
import socket
import ssl
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.conformance.client import Client

PATIENCE_SECONDS = 90.0


class ServerError(Exception):
    """A process that did not come up, with the end of what it wrote."""


# Namespaces need not exist, so that a bad namespace name meets validation and not "not found".
WITHOUT = "ServiceAccount,NamespaceLifecycle"


@contextmanager
def running(etcd: str, apiserver: Path, *flags: str, without: str = WITHOUT) -> Iterator[Client]:
    """Start etcd and the API server with some further flags; gives a client, stops both in the end.

    ``without`` names the admission plugins that are switched off.
    """
    with tempfile.TemporaryDirectory(prefix="podfence-conformance-") as name:
        folder = Path(name)
        etcd_port, peer_port, api_port = free_ports(3)
        token = secrets.token_hex(16)
        with process(folder, "etcd", [etcd, *etcd_flags(folder, etcd_port, peer_port)]):
            switched_off = [f"--disable-admission-plugins={without}"] if without else []
            command = [str(apiserver), *apiserver_flags(folder, etcd_port, api_port, token), *switched_off, *flags]
            with process(folder, "apiserver", command) as alive:
                client = Client(api_port, token, etcd_port)
                wait_until_ready(client, alive)
                yield client


def free_ports(count: int) -> list[int]:
    """Find loopback ports that nobody listens on."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [int(each.getsockname()[1]) for each in sockets]
    for each in sockets:
        each.close()
    return ports


def etcd_flags(folder: Path, port: int, peer_port: int) -> list[str]:
    """Give the flags for a single etcd on loopback."""
    client, peer = f"http://127.0.0.1:{port}", f"http://127.0.0.1:{peer_port}"
    return [
        f"--data-dir={folder / 'etcd'}",
        f"--listen-client-urls={client}",
        f"--advertise-client-urls={client}",
        f"--listen-peer-urls={peer}",
        f"--initial-advertise-peer-urls={peer}",
        f"--initial-cluster=default={peer}",
    ]


def apiserver_flags(folder: Path, etcd_port: int, port: int, token: str) -> list[str]:
    """Give the flags that suffice for an API server that is asked about policies only."""
    tokens, key = folder / "tokens.csv", folder / "certificates" / "apiserver.key"
    tokens.write_text(f"{token},recorder,recorder,system:masters\n", encoding="utf-8")
    return [
        f"--etcd-servers=http://127.0.0.1:{etcd_port}",
        "--bind-address=127.0.0.1",
        f"--secure-port={port}",
        # A loopback address cannot be advertised; nothing ever connects to this documentation address.
        "--advertise-address=192.0.2.1",
        f"--cert-dir={key.parent}",
        f"--service-account-key-file={key}",
        f"--service-account-signing-key-file={key}",
        "--service-account-issuer=https://localhost",
        f"--token-auth-file={tokens}",
        "--authorization-mode=RBAC",
        "--allow-privileged=true",
        "--service-cluster-ip-range=10.96.0.0/16",
    ]


@contextmanager
def process(folder: Path, name: str, command: Sequence[str]) -> Iterator[Callable[[], None]]:
    """Run a program for the length of the block; gives a check that raises ServerError once it has ended."""
    log = folder / f"{name}.log"
    with log.open("wb") as output:
        child = subprocess.Popen(command, cwd=folder, stdout=output, stderr=subprocess.STDOUT)

    def check_alive() -> None:
        if child.poll() is not None:
            end = log.read_text(encoding="utf-8", errors="replace")[-2000:]
            raise ServerError(f"{name} ended with code {child.returncode}:\n{end}")

    try:
        yield check_alive
    finally:
        child.terminate()
        try:
            child.wait(timeout=20)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


def wait_until_ready(client: Client, check_alive: Callable[[], None]) -> None:
    """Wait until the server says it is ready; raises ServerError if it ends or takes too long."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        check_alive()
        try:
            if client.request("GET", "/readyz").code == 200:
                return
        except (OSError, http.client.HTTPException, ssl.SSLError):
            pass
        time.sleep(0.2)
    raise ServerError("the API server did not become ready")


def install_crds(client: Client, files: Sequence[Path]) -> None:
    """Create CRDs from their files and wait until each is served."""
    names: list[str] = []
    base = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
    for file in files:
        answer = client.request("POST", base, file.read_bytes(), "application/yaml")
        body = json.loads(answer.body)
        if answer.code != 201:
            raise ServerError(f"{file.name}: {body.get('message')}")
        names.append(body["metadata"]["name"])
    deadline = time.monotonic() + PATIENCE_SECONDS
    while any(not established(client, base, name) for name in names):
        if time.monotonic() > deadline:
            raise ServerError(f"not served: {', '.join(names)}")
        time.sleep(0.2)


def established(client: Client, base: str, name: str) -> bool:
    """Tell whether a CRD's objects are served."""
    status = json.loads(client.request("GET", f"{base}/{name}").body).get("status", {})
    return any(each["type"] == "Established" and each["status"] == "True" for each in status.get("conditions", []))
