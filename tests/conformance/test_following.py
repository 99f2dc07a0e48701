"""The store follows a real API server: changes, a restart, a compaction, a CRD that comes, and no permission too many.

Takes some seconds, and minutes when the server has to be built: only with PODFENCE_CONFORMANCE in the environment.
"""

from __future__ import annotations

import asyncio
import http.client
import json
import os
import shutil
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from podfence.kube.client import Client
from podfence.kube.config import connection
from podfence.kube.kinds import WATCHED
from podfence.kube.patience import Time
from podfence.kube.reading import read_kind
from podfence.kube.store import Store
from podfence.manifests.gather import gather
from podfence.model.change import Change
from podfence.model.objects import Pod
from podfence.model.policy import Policy
from tests.conformance import client as admin
from tests.conformance import server, tools

pytestmark = [
    pytest.mark.go,
    pytest.mark.skipif(not os.environ.get("PODFENCE_CONFORMANCE"), reason="takes long: set PODFENCE_CONFORMANCE=1"),
    pytest.mark.skipif(shutil.which("etcd") is None, reason="needs etcd"),
]

AGENT_TOKEN = "agent-token"  # noqa: S105 (of a server that lives as long as the test)
PODS = "/api/v1/namespaces/default/pods"
POLICIES = "/apis/networking.k8s.io/v1/namespaces/default/networkpolicies"


async def soon(seconds: float) -> None:
    """Sleep, but never long: what is tried here is not patience."""
    await asyncio.sleep(min(seconds, 0.2))


class Servers:
    """One etcd, and API servers on it that come and go."""

    def __init__(self, folder: Path, etcd_port: int, program: Path) -> None:
        self.folder = folder
        self.etcd_port = etcd_port
        self.port, self.other_port = server.free_ports(2)
        self._program = program
        self._running: dict[int, tuple[subprocess.Popen[bytes], admin.Client]] = {}

    def start(self, port: int) -> admin.Client:
        """Start an API server; gives an administrator's client once it is ready."""
        token = f"admin-{port}"
        flags = server.apiserver_flags(self.folder, self.etcd_port, port, token)
        flags += [f"--disable-admission-plugins={server.WITHOUT}"]  # no controller makes ServiceAccounts here
        with (self.folder / "tokens.csv").open("a", encoding="utf-8") as tokens:
            tokens.write(f"{AGENT_TOKEN},agent,agent\n")
        with (self.folder / f"apiserver-{port}.log").open("ab") as log:
            running = subprocess.Popen([str(self._program), *flags], stdout=log, stderr=log)
        found = admin.Client(port, token, self.etcd_port)
        self._running[port] = running, found

        def check_alive() -> None:
            if running.poll() is not None:
                raise server.ServerError(f"the API server ended with code {running.returncode}")

        server.wait_until_ready(found, check_alive)
        return found

    def stop(self, port: int) -> None:
        """End an API server as a crash would; asked to end it would wait for its watches."""
        running, client = self._running.pop(port)
        client.close()
        running.kill()
        running.wait()

    def stop_all(self) -> None:
        """Stop every API server."""
        for port in list(self._running):
            self.stop(port)

    def compact(self) -> None:
        """Make etcd forget everything but the present."""
        revision = int(self._etcd("/v3/kv/range", {"key": "AA=="})["header"]["revision"])
        self._etcd("/v3/kv/compaction", {"revision": str(revision), "physical": True})

    def _etcd(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        caller = http.client.HTTPConnection("127.0.0.1", self.etcd_port, timeout=20)
        caller.request("POST", path, json.dumps(body))
        answer: dict[str, Any] = json.loads(caller.getresponse().read())
        caller.close()
        return answer


@pytest.fixture
def servers(tmp_path: Path) -> Any:  # noqa: ANN401 (a generator fixture)
    program = tools.build_apiserver(tools.require_go())
    etcd_port, peer_port = server.free_ports(2)
    command = [tools.require_etcd(), *server.etcd_flags(tmp_path, etcd_port, peer_port)]
    with server.process(tmp_path, "etcd", command):
        found = Servers(tmp_path, etcd_port, program)
        try:
            yield found
        finally:
            found.stop_all()


def send(client: admin.Client, method: str, path: str, body: object = None) -> dict[str, Any]:
    """Send a request as the administrator, which must succeed."""
    answer = client.request(method, path, None if body is None else json.dumps(body).encode())
    assert answer.code < 300, answer.body
    value: dict[str, Any] = json.loads(answer.body)
    return value


def grant(client: admin.Client) -> None:
    """Grant the agent what it watches, and nothing else."""
    rules = [{"apiGroups": [kind.group], "resources": [kind.plural], "verbs": ["list", "watch"]} for kind in WATCHED]
    rbac = "/apis/rbac.authorization.k8s.io/v1"
    send(client, "POST", f"{rbac}/clusterroles", {"metadata": {"name": "agent"}, "rules": rules})
    binding = {
        "metadata": {"name": "agent"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "agent"},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "agent"}],
    }
    send(client, "POST", f"{rbac}/clusterrolebindings", binding)


def kubeconfig(folder: Path, port: int) -> str:
    """Write the agent's kubeconfig; the certificate is one that the server made for itself."""
    content = {
        "current-context": "agent",
        "clusters": [
            {"name": "c", "cluster": {"server": f"https://127.0.0.1:{port}", "insecure-skip-tls-verify": True}}
        ],
        "users": [{"name": "u", "user": {"token": AGENT_TOKEN}}],
        "contexts": [{"name": "agent", "context": {"cluster": "c", "user": "u"}}],
    }
    path = folder / "kubeconfig"
    path.write_text(json.dumps(content))
    return str(path)


def create_pod(client: admin.Client, name: str, address: str) -> None:
    """Create a pod and let it run, as a kubelet would say."""
    spec = {"nodeName": "n1", "containers": [{"name": "main", "image": "x"}]}
    send(client, "POST", PODS, {"metadata": {"name": name, "labels": {"app": name}}, "spec": spec})
    pod = send(client, "GET", f"{PODS}/{name}")
    pod["status"] = {"phase": "Running", "podIP": address, "podIPs": [{"ip": address}]}
    send(client, "PUT", f"{PODS}/{name}/status", pod)


def delete_pod(client: admin.Client, name: str) -> None:
    send(client, "DELETE", f"{PODS}/{name}?gracePeriodSeconds=0")


@asynccontextmanager
async def followed(path: str) -> AsyncIterator[tuple[Store, Callable[[Callable[[], bool]], Awaitable[list[Change]]]]]:
    """Follow the cluster; gives the store, and a wait for the batches until something holds."""
    async with Client(connection(path)) as client:
        store = Store(client, node="n1", time=Time(sleep=soon))
        running = asyncio.create_task(store.run())
        try:
            async with asyncio.timeout(60):
                await store.wait_synced()
            async with aclosing(store.changes()) as batches:

                async def until(holds: Callable[[], bool]) -> list[Change]:
                    """Take batches, one at least, until something holds."""
                    found: list[Change] = []
                    async with asyncio.timeout(60):
                        while not found or not holds():
                            found += await anext(batches)
                    return found

                yield store, until
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)


def pods(store: Store) -> list[str]:
    return [pod.name for pod in store.snapshot().pods]


def policies(store: Store) -> list[str]:
    return [policy.ref.name for policy in store.snapshot().policies]


def test_the_store_follows_a_real_server_with_the_permissions_of_an_agent(servers: Servers) -> None:
    asyncio.run(_story(servers))


async def _story(servers: Servers) -> None:
    do = asyncio.to_thread
    root = await do(servers.start, servers.port)
    await do(grant, root)
    await do(create_pod, root, "a", "10.1.0.1")
    await do(create_pod, root, "b", "10.1.0.2")
    path = await do(kubeconfig, servers.folder, servers.port)

    async with followed(path) as (store, until):
        assert pods(store) == ["a", "b"]

        # Changes, as they come.
        spec = {"podSelector": {}, "ingress": [{"from": [{"ipBlock": {"cidr": "10.0.0.0/8"}}]}]}
        await do(send, root, "POST", POLICIES, {"metadata": {"name": "web"}, "spec": spec})
        await do(delete_pod, root, "a")
        changes = await until(lambda: (pods(store), policies(store)) == (["b"], ["web"]))
        kinds = [type(change.before or change.after) for change in changes]
        assert kinds.count(Pod) >= 1
        assert kinds.count(Policy) == 1

        # A custom kind that comes while we look on.
        await do(server.install_crds, root, tools.policy_crds(tools.require_go(), "experimental"))
        guard = {
            "apiVersion": "policy.networking.k8s.io/v1alpha2",
            "kind": "ClusterNetworkPolicy",
            "metadata": {"name": "guard"},
            "spec": {
                "tier": "Admin",
                "priority": 1,
                "subject": {"namespaces": {}},
                "ingress": [{"action": "Deny", "from": [{"namespaces": {}}]}],
            },
        }
        await do(send, root, "POST", "/apis/policy.networking.k8s.io/v1alpha2/clusternetworkpolicies", guard)
        await until(lambda: policies(store) == ["guard", "web"])

        # The server restarts: nothing is lost, and what comes after is seen.
        await do(servers.stop, servers.port)
        root = await do(servers.start, servers.port)
        assert policies(store) == ["guard", "web"]
        await do(create_pod, root, "c", "10.1.0.3")
        await until(lambda: pods(store) == ["b", "c"])

        # While it is away, things go and come elsewhere, and the past is forgotten: only a new list can tell.
        await do(servers.stop, servers.port)
        other = await do(servers.start, servers.other_port)
        await do(delete_pod, other, "b")
        await do(send, other, "DELETE", f"{POLICIES}/web")
        await do(create_pod, other, "d", "10.1.0.4")
        await do(servers.stop, servers.other_port)
        await do(servers.compact)
        lists = store.health["pods"].lists
        await do(servers.start, servers.port)
        await until(lambda: (pods(store), policies(store)) == (["c", "d"], ["guard"]))
        assert store.health["pods"].lists > lists

        # What was followed is what a list gives.
        async with Client(connection(path)) as client:
            listed = [item for kind in WATCHED for item in await read_kind(client, kind)]
        wanted, found = gather(listed).snapshot, store.snapshot()
        assert found.pods == wanted.pods
        assert found.policies == wanted.policies
        assert found.namespaces == wanted.namespaces
