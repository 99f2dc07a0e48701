"""Stories of a whole lab: from manifests to packets, with kubectl and with podfence, until nothing is left of it."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from queue import Queue
from threading import Thread

import pytest

from podfence.flows.client import read_flows
from podfence.flows.place import find_sockets
from podfence.flows.record import Carried, Ended, FlowRecord
from podfence.flows.request import FlowRequest
from podfence.flows.text import end_name
from podfence.lab.comparing import compare
from podfence.lab.folder import LabFolder
from podfence.lab.options import LabOptions
from podfence.model.error import PodfenceError
from tests.documents import ROOT
from tests.lab.whole import Whole, decoded, lab

pytestmark = pytest.mark.lab

needs_kubectl = pytest.mark.skipif(shutil.which("kubectl") is None, reason="needs kubectl")

SHOP = """\
apiVersion: v1
kind: Namespace
metadata: {name: shop}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: web, image: nginx, ports: [{name: http, containerPort: 80}]}]}
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec: {selector: {app: web}, ports: [{port: 8080, targetPort: http}]}
---
apiVersion: v1
kind: Pod
metadata: {name: client, namespace: shop, labels: {app: client}}
spec: {containers: [{name: c, image: agnhost}]}
"""
DENY = """\
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: deny-all, namespace: shop}
spec: {podSelector: {}, policyTypes: [Ingress, Egress]}
"""
ALLOW = """\
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec:
  podSelector: {matchLabels: {app: web}}
  ingress: [{from: [{podSelector: {matchLabels: {app: client}}}], ports: [{port: http}]}]
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: client, namespace: shop}
spec:
  podSelector: {matchLabels: {app: client}}
  policyTypes: [Egress]
  egress: [{to: [{podSelector: {matchLabels: {app: web}}}]}]
"""
DNS = """\
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: dns, namespace: shop}
spec:
  podSelector: {}
  policyTypes: [Egress]
  egress:
  - to: [{namespaceSelector: {}, podSelector: {matchLabels: {k8s-app: kube-dns}}}]
    ports: [{port: 53, protocol: UDP}, {port: 53}]
"""


@pytest.fixture(scope="module", params=[1, 3], ids=["one node", "three nodes"])
def whole(request: pytest.FixtureRequest) -> Iterator[Whole]:
    with lab(LabOptions(nodes=request.param)) as found:
        yield found


def address_of(whole: Whole, pods: str) -> str:
    """Give the address of the first pod of a selector."""
    text = whole.kubectl("get", "pods", "-n", "shop", "-l", pods, "-o", "jsonpath={.items[0].status.podIP}")
    assert text
    return text


@needs_kubectl
def test_deny_all_then_allow_one_then_the_forgotten_dns(whole: Whole) -> None:
    assert not whole.apply_text(SHOP).faults
    whole.ready()
    assert whole.connect("shop/client", "web:8080") == ""
    web = address_of(whole, "app=web")
    whole.apply_text(DENY)
    whole.ready()
    assert whole.connect("shop/client", f"{web}:80") == "TIMEOUT"
    whole.apply_text(ALLOW)
    whole.ready()
    assert whole.connect("shop/client", f"{web}:80") == ""
    assert whole.connect("shop/client", "web:8080").startswith("DNS")
    whole.apply_text(DNS)
    whole.ready()
    assert whole.connect("shop/client", "web.shop.svc.cluster.local:8080", timeout="3s") == ""
    flows = whole.podfence("flows", "--name", whole.folder.name).stdout
    assert f"shop/client → shop/{name_of(whole, 'app=web')}" in " ".join(flows.split())
    assert "default deny of shop/deny-all" in flows
    assert "a DNS query that no rule allows" in flows


def name_of(whole: Whole, pods: str) -> str:
    return whole.kubectl("get", "pods", "-n", "shop", "-l", pods, "-o", "jsonpath={.items[0].metadata.name}")


@needs_kubectl
def test_what_a_connection_carried_is_told_at_its_end_also_if_it_began_before_anybody_asked(whole: Whole) -> None:
    whole.apply_text(SHOP + "---\n" + ALLOW)
    whole.ready()
    assert whole.connect("shop/client", f"{address_of(whole, 'app=web')}:80") == ""
    followed = read_flows(find_sockets(whole.folder.name), FlowRequest(ended=True, follow=True))
    wanted = (line for line in followed if isinstance(line, FlowRecord) and line.ended and line.port.port == 80)
    found: Queue[FlowRecord] = Queue()
    Thread(target=lambda: found.put(next(wanted)), daemon=True).start()
    wait_until_ends_are_told(whole)
    # With the pod its connections are forgotten, and nobody has to wait until they run out.
    whole.kubectl("delete", "pod", "client", "-n", "shop", "--now")
    record = found.get(timeout=60)
    assert end_name(record.source) == "shop/client"
    assert end_name(record.destination).startswith("shop/web-")
    assert isinstance(record.ended, Ended)
    assert isinstance(record.ended.sent, Carried)
    # Three packets open the connection, two close it.
    assert record.ended.sent.packets >= 4
    assert record.ended.sent.bytes >= 4 * 40
    assert isinstance(record.ended.duration_s, float)


def wait_until_ends_are_told(whole: Whole) -> None:
    deadline_s = time.monotonic() + 20
    logs = [path.with_suffix(".log") for path in find_sockets(whole.folder.name)]
    while not all("ends of connections are told" in log.read_text() for log in logs):
        assert time.monotonic() < deadline_s
        time.sleep(0.02)


@needs_kubectl
def test_every_packet_does_what_the_policies_say(whole: Whole) -> None:
    whole.apply_text(SHOP + "---\n" + DENY + "---\n" + ALLOW)
    whole.ready()
    cells = compare(whole.folder, 0.5)
    assert len({cell.question.address.count(":") > 0 for cell in cells}) == 2
    assert {cell.arrived for cell in cells} == {True, False}
    assert [cell for cell in cells if not cell.agrees] == []
    done = whole.podfence("lab", "probe", "--name", whole.folder.name, "-o", "json")
    assert done.returncode == 0
    assert decoded(done.stdout)["summary"] == {"tried": len(cells), "different": 0}


@needs_kubectl
def test_kubectl_apply_goes_on_where_up_has_applied(whole: Whole, tmp_path: Path) -> None:
    policy = tmp_path / "policy.yaml"
    policy.write_text(DENY.replace("shop", "edited").replace("deny-all", "both"), encoding="utf-8")
    whole.apply_text("apiVersion: v1\nkind: Namespace\nmetadata: {name: edited}\n")
    whole.apply(policy)
    text = policy.read_text(encoding="utf-8").replace("name: both", "name: both, labels: {tier: web}")
    policy.write_text(text.replace(", policyTypes: [Ingress, Egress]", ""), encoding="utf-8")
    done = whole.run("kubectl", "apply", "-f", str(policy))
    assert (done.returncode, done.stderr) == (0, "")
    policy.write_text(policy.read_text(encoding="utf-8").replace(", labels: {tier: web}", ""), encoding="utf-8")
    whole.apply(policy)
    found = whole.kubectl("get", "networkpolicy", "both", "-n", "edited", "-o", "jsonpath={.spec.policyTypes}")
    assert found == '["Ingress"]'


def test_a_lab_is_named_where_manifests_are(whole: Whole) -> None:
    whole.apply_text((SHOP + "---\n" + DENY).replace("shop", "named"))
    name = f"lab:{whole.folder.name}"
    assert whole.podfence("why", "named/client", "named/web", "80", name).stdout.startswith("DENIED")
    assert "named" in whole.podfence("map", name).stdout
    assert whole.podfence("check", name, "--select", "PF001").returncode == 0
    assert "no lab 'nobody' runs" in whole.podfence("map", "lab:nobody").stderr


@needs_kubectl
def test_exec_gives_the_commands_own_code(whole: Whole) -> None:
    whole.apply_text(SHOP)
    whole.ready()
    name = whole.folder.name
    done = whole.podfence(
        "lab", "exec", "--name", name, "shop/client", "--", "sh", "-c", "echo out; echo err >&2; exit 7"
    )
    assert (done.returncode, done.stdout, done.stderr) == (7, "out\n", "err\n")
    counted = whole.run(
        *(sys.executable, "-m", "podfence", "lab", "exec", "-i", "--name", name, "shop/client", "--", "wc", "-c"),
        stdin="x" * 100_000,
    )
    assert (counted.returncode, counted.stdout.strip()) == (0, "100000")
    done = whole.run("kubectl", "exec", "-n", "shop", "client", "--", "sh", "-c", "exit 9")
    assert done.returncode == 9


@needs_kubectl
def test_who_debugs_a_pod_is_inside_its_network_and_its_policies(whole: Whole) -> None:
    whole.apply_text((SHOP + "---\n" + DENY).replace("shop", "debugged"))
    whole.ready()
    kubectl = ("kubectl", "--namespace=debugged")
    debug = (*kubectl, "debug", "client", "-i", "--image=nicolaka/netshoot", "--profile=general", "--target=c")
    own = "cat /proc/1/comm; ip -o -4 address show dev eth0"
    done = whole.run(*debug, "--container=look", "--", "sh", "-c", own)
    assert done.returncode == 0, done.stderr
    address = whole.kubectl("get", "pod", "client", "-n", "debugged", "-o", "jsonpath={.status.podIP}")
    assert f" {address}/32 " in done.stdout
    said = whole.kubectl("logs", "client", "-c", "look", "-n", "debugged")
    assert done.stdout.endswith(said)
    # The first process that it sees is its target's.
    assert said.partition("\n")[0] not in {"", "sh"}
    web = whole.kubectl("get", "pods", "-l", "app=web", "-n", "debugged", "-o", "jsonpath={.items[0].status.podIP}")
    tried = whole.run(*debug, "--container=try", "--", "/agnhost", "connect", f"{web}:80", "--timeout=1s")
    assert "TIMEOUT" in tried.stdout + tried.stderr
    ended = "jsonpath={.status.ephemeralContainerStatuses[*].state.terminated.exitCode}"
    assert whole.kubectl("get", "pod", "client", "-n", "debugged", "-o", ended).split()[0] == "0"


@needs_kubectl
def test_a_program_that_is_very_short_is_seen_by_whoever_runs_it(whole: Whole) -> None:
    whole.apply_text(SHOP.replace("shop", "short"))
    whole.ready()
    run = ("kubectl", "run", "once", "--namespace=short", "--image=busybox", "--rm", "--restart=Never")
    looked = whole.run(*run, "-i", "--", "wget", "--spider", "--timeout=5", "web:8080")
    assert looked.returncode == 0
    said = looked.stdout + looked.stderr
    assert re.search(r"^Connecting to web \(10\.96\.\d+\.\d+:8080\)\nremote file exists\n", said, re.MULTILINE)
    # Without a terminal kubectl asks for none, but the container has one.
    ended = whole.run(*run, "-ti", "--", "sh", "-c", "echo seen; exit 5")
    assert (ended.returncode, ended.stdout.split()[0]) == (5, "seen")
    assert "couldn't attach" not in looked.stderr + ended.stderr


@needs_kubectl
def test_nodes_say_what_they_are_and_the_cluster_where_its_names_are(whole: Whole) -> None:
    assert "<unknown>" not in whole.kubectl("get", "nodes", "-o", "wide")
    assert "CoreDNS is running at http://127.0.0.1:" in whole.kubectl("cluster-info")


@needs_kubectl
def test_the_api_server_passes_requests_on_to_what_stands_behind_a_service(whole: Whole) -> None:
    whole.apply_text(SHOP.replace("shop", "passed-on"))
    whole.ready()
    page = whole.kubectl("get", "--raw", "/api/v1/namespaces/passed-on/services/web:8080/proxy/")
    assert "Welcome to nginx!" in page
    web = whole.kubectl("get", "pods", "-l", "app=web", "-n", "passed-on", "-o", "jsonpath={.items[0].metadata.name}")
    refused = whole.run("kubectl", "get", "--raw", f"/api/v1/namespaces/passed-on/pods/{web}:81/proxy/")
    assert refused.returncode == 1
    assert refused.stderr.startswith("Error from server (ServiceUnavailable): error trying to reach service: dial tcp ")
    assert refused.stderr.endswith(":81: connect: connection refused\n")


@needs_kubectl
def test_who_debugs_a_node_is_in_its_network(whole: Whole) -> None:
    done = whole.run(
        *("kubectl", "debug", "node/node-1", "-i", "--image=busybox", "--profile=general"),
        *("--", "sh", "-c", "hostname; ip -o -4 address"),
    )
    node = whole.kubectl("get", "node", "node-1", "-o", "jsonpath={.status.addresses[0].address}")
    assert "\nnode-1\n" in done.stdout, done.stderr
    assert f" {node}/" in done.stdout
    whole.kubectl("delete", "pods", "--all", "--grace-period=0", "--force")


def test_a_deleted_namespace_takes_everything_with_it(whole: Whole) -> None:
    text = SHOP.replace("shop", "gone")
    whole.apply_text(text)
    whole.ready()
    whole.kubectl("delete", "namespace", "gone", "--timeout=60s")
    assert whole.run("kubectl", "get", "namespace", "gone").returncode == 1
    assert whole.kubectl("get", "pods,services,deployments", "-n", "gone", "--ignore-not-found") == ""


def test_an_agent_that_is_killed_comes_back_and_leaves_no_gap(whole: Whole) -> None:
    shut = (SHOP + "---\n" + DENY).replace("shop", "shut")
    whole.apply_text(shut)
    whole.ready()
    web = whole.kubectl("get", "pods", "-n", "shut", "-l", "app=web", "-o", "jsonpath={.items[0].status.podIP}")
    main = next(pid for pid in pids_of(whole.folder.name) if "podfence.lab.daemon" in command_of(pid))
    for _ in range(3):
        agents = [pid for pid in descendants(main) if "podfence agent" in command_of(pid)]
        assert agents
        for pid in agents:
            os.kill(pid, signal.SIGKILL)
        assert whole.connect("shut/client", f"{web}:80", timeout="300ms") == "TIMEOUT"
        whole.ready()


SHORT = """\
apiVersion: v1
kind: Pod
metadata: {name: short, namespace: fresh}
spec:
  restartPolicy: Never
  containers: [{name: c, image: agnhost, args: [connect, "ADDRESS:80", --timeout=500ms]}]
"""


@needs_kubectl
def test_a_pod_starts_once_its_agents_know_it_so_that_its_first_packet_passes(whole: Whole) -> None:
    whole.apply_text(SHOP.replace("shop", "fresh"))
    whole.ready()
    web = whole.kubectl("get", "pods", "-n", "fresh", "-l", "app=web", "-o", "jsonpath={.items[0].status.podIP}")
    main = next(pid for pid in pids_of(whole.folder.name) if "podfence.lab.daemon" in command_of(pid))
    agents = [pid for pid in descendants(main) if "podfence agent" in command_of(pid)]
    assert agents
    for pid in agents:
        os.kill(pid, signal.SIGSTOP)
    try:
        whole.apply_text(SHORT.replace("ADDRESS", web))
        whole.kubectl("wait", "-n", "fresh", "pod/short", "--for=jsonpath={.status.podIP}", "--timeout=20s")
    finally:
        for pid in agents:
            os.kill(pid, signal.SIGCONT)
    ended = "--for=jsonpath={.status.containerStatuses[0].state.terminated.reason}"
    whole.kubectl("wait", "-n", "fresh", "pod/short", ended, "--timeout=20s")
    assert whole.kubectl("get", "pod", "short", "-n", "fresh", "-o", "jsonpath={.status.phase}") == "Succeeded"


def test_a_status_does_not_call_enforced_what_an_agent_has_not_enforced(whole: Whole) -> None:
    whole.apply_text(SHOP.replace("shop", "late"))
    whole.ready()
    status = ("lab", "status", "--name", whole.folder.name)
    assert " enforced." in whole.podfence(*status).stdout
    main = next(pid for pid in pids_of(whole.folder.name) if "podfence.lab.daemon" in command_of(pid))
    agent = next(pid for pid in descendants(main) if "podfence agent --node node-1" in command_of(pid))
    os.kill(agent, signal.SIGSTOP)
    try:
        whole.apply_text(DENY.replace("shop", "late"))
        said = whole.podfence(*status).stdout
    finally:
        os.kill(agent, signal.SIGCONT)
    assert " not enforced." in said
    assert "the agent of node node-1 does not enforce the cluster after 1 s" in said


@needs_kubectl
def test_pods_of_nodes_that_a_kept_lab_no_longer_has_move_to_those_it_has(tmp_path: Path) -> None:
    data = str(tmp_path / "data.db")
    spread = SHOP.replace("shop", "spread").replace("replicas: 2", "replicas: 4")
    with lab(LabOptions(nodes=2, data=data)) as before:
        before.apply_text(spread)
        before.ready()
        assert before.kubectl("get", "nodes", "-o", "name").split() == ["node/node-1", "node/node-2"]
    with lab(LabOptions(nodes=1, data=data)) as after:
        after.ready()
        assert after.kubectl("get", "nodes", "-o", "name").split() == ["node/node-1"]
        where = after.kubectl(
            "get", "pods", "-n", "spread", "-l", "app=web", "-o", "jsonpath={.items[*].spec.nodeName}"
        )
        assert where.split() == ["node-1"] * 4


def test_up_refuses_options_that_a_running_lab_was_started_without(whole: Whole, tmp_path: Path) -> None:
    up = ("lab", "up", "--name", whole.folder.name)
    for option, value in (("--nodes", "9"), ("--data", str(tmp_path / "lab.db")), ("--crd-channel", "standard")):
        done = whole.podfence(*up, option, value)
        assert done.returncode == 2
        assert f"{option}, not {value}; end it first: podfence lab down --name {whole.folder.name}" in done.stderr
    assert whole.podfence(*up, "--timeout", "0").returncode == 2
    assert whole.podfence(*up, "--crd-channel", "experimental", "-q").returncode == 0


def test_a_lab_that_cannot_start_says_why_and_leaves_nothing(tmp_path: Path) -> None:
    notes = tmp_path / "notes.txt"
    notes.write_text("no database, but long enough to be looked at as one" * 20, encoding="utf-8")
    with (
        pytest.raises(PodfenceError, match=r"could not start: .*notes\.txt cannot hold the lab's objects"),
        lab(LabOptions(data=str(notes))),
    ):
        pass


def test_two_labs_run_beside_each_other_and_know_nothing_of_each_other() -> None:
    with lab() as one, lab() as other:
        one.apply_text(SHOP)
        one.ready()
        other.ready()
        assert "shop" in one.kubectl("get", "namespaces", "-o", "name")
        assert "shop" not in other.kubectl("get", "namespaces", "-o", "name")


def test_nothing_is_left_of_a_lab_whose_process_is_killed() -> None:
    with lab() as whole:
        whole.apply_text(SHOP)
        whole.ready()
        name = whole.folder.name
        processes = pids_of(name)
        main = next(pid for pid in processes if "podfence.lab.daemon" in command_of(pid))
        os.kill(main, signal.SIGKILL)
        end = time.monotonic() + 10
        while pids_of(name) and time.monotonic() < end:
            time.sleep(0.02)  # a process that is killed is gone when the kernel says so
        assert pids_of(name) == []
        assert whole.podfence("lab", "status").stdout.count(name) == 0
    assert not LabFolder(name).path.exists()


def pids_of(name: str) -> list[int]:
    """List the processes whose command line names a lab."""
    return [
        int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit() and name in command_of(int(path.name))
    ]


def command_of(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""


def descendants(root: int) -> list[int]:
    """List the processes that a process has started, and those that these have."""
    parents = {}
    for path in Path("/proc").iterdir():
        if path.name.isdigit():
            with contextlib.suppress(OSError):
                parents[int(path.name)] = int((path / "stat").read_text().rpartition(")")[2].split()[1])
    found: list[int] = []
    waiting = [root]
    while waiting:
        children = [pid for pid, parent in parents.items() if parent == waiting[0]]
        waiting = waiting[1:] + children
        found += children
    return found


def test_assertions_are_held_against_packets(whole: Whole, tmp_path: Path) -> None:
    whole.apply(ROOT / "examples" / "packets")
    whole.ready()
    file = tmp_path / "books.test.yaml"
    text = """\
apiVersion: podfence/v1
kind: ConnectivityTest
tests:
- {name: read, from: [default/client], to: [default/service/books], ports: [80], expect: allow, only: true}
- {name: ask nobody, from: [default/books], to: [internet, default/client], expect: deny}
"""
    file.write_text(text, "utf-8")
    held = whole.podfence("test", str(file), "--against", f"lab:{whole.folder.name}")
    assert (held.returncode, held.stderr) == (0, "")
    assert re.match(r"PASSED  2 tests, with [0-9]{2,} connections of real packets\.$", held.stdout.splitlines()[0])
    file.write_text(text.replace("expect: deny", "expect: allow"), "utf-8")
    refuted = whole.podfence("test", str(file), "--against", f"lab:{whole.folder.name}")
    assert refuted.returncode == 1
    assert "packets did not arrive (TIMEOUT), expected allowed" in refuted.stdout
