"""The whole agent against a real API server, in a network of its own: permissions, a restart, a compaction.

Run by ``test_agent.py`` in a network namespace where nothing else is; ends with code 0 when all of it came true.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from tests.conformance import client as admin
from tests.conformance import server, tools
from tests.conformance.test_following import POLICIES, Servers, create_pod, kubeconfig, send
from tests.documents import ROOT

_PATIENCE_S = 60.0
NFT = ["list", "table", "inet", "podfence"]


def main(folder: Path) -> int:
    """Run the story; what does not come true is an ``AssertionError``."""
    subprocess.run([tool("ip"), "link", "set", "lo", "up"], check=True)
    etcd_port, peer_port = server.free_ports(2)
    command = [tools.require_etcd(), *server.etcd_flags(folder, etcd_port, peer_port)]
    with server.process(folder, "etcd", command):
        servers = Servers(folder, etcd_port, tools.build_apiserver(tools.require_go()))
        try:
            story(servers, folder)
        finally:
            servers.stop_all()
    return 0


def story(servers: Servers, folder: Path) -> None:
    """Enforce, lose the server, and go on from what it holds when it is back."""
    client = servers.start(servers.port)
    grant_role_of_deployment(client)
    send(client, "POST", "/api/v1/nodes", {"metadata": {"name": "n1"}})
    create_pod(client, "web", "10.244.0.2")
    create_policy(client, "first")
    with (folder / "agent.log").open("wb") as log:
        agent = subprocess.Popen(agent_command(folder, servers.port), stdout=log, stderr=log)
    try:
        wait(lambda: "default/first" in enforced(), "the first policy is enforced")
        # Later a server that has just started may refuse for a moment what it has yet to read of its roles.
        assert "forbidden" not in (folder / "agent.log").read_text("utf-8")
        servers.stop(servers.port)
        assert "default/first" in enforced()
        client = servers.start(servers.port)
        create_policy(client, "second")
        wait(lambda: "default/second" in enforced(), "what came after a restart is enforced")
        servers.stop(servers.port)
        other = servers.start(servers.other_port)
        send(other, "DELETE", f"{POLICIES}/first")
        servers.compact()
        servers.stop(servers.other_port)
        servers.start(servers.port)
        wait(lambda: "default/first" not in enforced(), "what was deleted before a compaction is gone")
        assert "default/second" in enforced()
        assert agent.poll() is None
    finally:
        agent.terminate()
        agent.wait(30)
    assert "default/second" in enforced(), "an agent that ends leaves what it enforced"


def agent_command(folder: Path, port: int) -> list[str]:
    """Give the command of an agent whose only permissions are those that it was granted."""
    command = [sys.executable, "-m", "podfence", "agent", "--node", "n1", "--kubeconfig", kubeconfig(folder, port)]
    return [*command, "--listen", "127.0.0.1:9470", "--flows-socket", str(folder / "flows.sock")]


def grant_role_of_deployment(client: admin.Client) -> None:
    """Create the ClusterRole that is deployed, and bind it to the agent's user."""
    documents: list[dict[str, Any]] = list(yaml.safe_load_all((ROOT / "deploy" / "rbac.yaml").read_text("utf-8")))
    (role,) = (one for one in documents if one["kind"] == "ClusterRole")
    rbac = "/apis/rbac.authorization.k8s.io/v1"
    send(client, "POST", f"{rbac}/clusterroles", role)
    binding = {
        "metadata": {"name": "agent"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role["metadata"]["name"]},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "agent"}],
    }
    send(client, "POST", f"{rbac}/clusterrolebindings", binding)


def create_policy(client: admin.Client, name: str) -> None:
    """Create a policy that isolates every pod."""
    send(
        client, "POST", POLICIES, {"metadata": {"name": name}, "spec": {"podSelector": {}, "policyTypes": ["Ingress"]}}
    )


def tool(name: str) -> str:
    """Find a program of the machine."""
    return shutil.which(name, path="/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin") or name


def enforced() -> str:
    """List what the kernel enforces, nothing where there is no table."""
    return subprocess.run([tool("nft"), *NFT], capture_output=True, text=True, check=False).stdout


def wait(holds: Callable[[], bool], what: str) -> None:
    """Wait until something holds."""
    end = time.monotonic() + _PATIENCE_S
    while not holds():
        assert time.monotonic() < end, f"not within {_PATIENCE_S:g} s: {what}"
        time.sleep(0.1)


if __name__ == "__main__":
    sys.exit(main(Path(json.loads(sys.argv[1]))))
