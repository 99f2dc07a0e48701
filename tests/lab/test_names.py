"""Hosts by name with real packets: a pod looks a name up and connects, as programs do, and nobody else may."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from itertools import count

import pytest

from podfence.lab.comparing import compare
from podfence.lab.options import LabOptions
from tests.lab.test_whole_lab import command_of, descendants, pids_of
from tests.lab.whole import Whole, lab

pytestmark = pytest.mark.lab

NUMBERS = count(1)
DOCKER = "34.96.108.209"
GOOGLE, GOOGLE_6 = "142.250.72.196", "[2607:f8b0:4004:800::2004]"

PODS = "".join(
    f"apiVersion: v1\nkind: Pod\nmetadata: {{name: {name}, labels: {{app: client}}}}\n"
    f"spec: {{nodeName: {node}, containers: [{{name: c, image: agnhost, ports: [{{containerPort: 9}}]}}]}}\n---\n"
    for name, node in (("one", "node-1"), ("other", "node-1"), ("far", "node-2"))
)
NAMES = """\
apiVersion: policy.networking.k8s.io/v1alpha2
kind: ClusterNetworkPolicy
metadata: {name: names}
spec:
  tier: Admin
  priority: 10
  subject: {namespaces: {matchLabels: {kubernetes.io/metadata.name: default}}}
  egress:
  - {name: dns, action: Accept, to: [{namespaces: {matchLabels: {kubernetes.io/metadata.name: kube-system}}}]}
  - {name: hosts, action: Accept, to: [{domainNames: [www.google.com, "*.example.com"]}]}
  - {name: rest, action: Deny, to: [{networks: [0.0.0.0/0, "::/0"]}]}
"""
ASK_OVER_TCP = """\
import socket, struct, sys
name = b"".join(bytes([len(part)]) + part for part in sys.argv[1].encode().split(b".")) + b"\\0"
question = struct.pack("!HHHHHH", 7, 256, 1, 0, 0, 0) + name + struct.pack("!HH", 1, 1)
with socket.create_connection(("10.96.0.10", 53), 5) as stream:
    stream.sendall(struct.pack("!H", len(question)) + question)
    size, = struct.unpack("!H", stream.recv(2, socket.MSG_WAITALL))
    sys.stdout.write(str(len(stream.recv(size, socket.MSG_WAITALL)) == size))
"""


FORGE = """\
import re, socket, struct, subprocess, sys, time
resolver, own, host, port = sys.argv[1], sys.argv[2], sys.argv[3], 41000
def checksum(data):
    return 0xFFFF - (int.from_bytes(data + bytes(len(data) % 2), "big") % 0xFFFF or 0xFFFF)
def name(text):
    return b"".join(bytes([len(part)]) + part for part in text.encode().split(b".")) + b"\\0"
asker = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
asker.bind((own, port))
asker.settimeout(2)
question = name("kubernetes.io") + struct.pack("!HH", 1, 1)
asker.sendto(struct.pack("!HHHHHH", 7, 256, 1, 0, 0, 0) + question, ("10.96.0.10", 53))
asker.recvfrom(4096)
question = name("www.example.com") + struct.pack("!HH", 1, 1)
answer = struct.pack("!HHHHHH", 7, 0x8180, 1, 1, 0, 0) + question + struct.pack("!HHHIH", 0xC00C, 1, 1, 60, 4)
answer += socket.inet_aton(host)
udp = struct.pack("!HHHH", 53, port, 8 + len(answer), 0) + answer
head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 1, 0, 64, 17, 0, *map(socket.inet_aton, (resolver, own)))
head = head[:10] + struct.pack("!H", checksum(head)) + head[12:]
routes = open("/proc/net/arp").read()
gateway = bytes.fromhex(re.search(r"(?:[0-9a-f]{2}:){5}[0-9a-f]{2}", routes)[0].replace(":", ""))
with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as wire:
    wire.bind(("eth0", 0))
    wire.send(gateway + wire.getsockname()[4] + b"\\x08\\x00" + head + udp)
try:
    print("told by", asker.recvfrom(4096)[1][0])
except TimeoutError:
    print("told nothing")
"""
ON_THE_NODE = """\
apiVersion: v1
kind: Pod
metadata: {name: on-the-node, namespace: kube-system, labels: {k8s-app: node-local-dns}}
spec:
  hostNetwork: true
  nodeName: node-1
  containers:
  - name: c
    image: busybox
    command:
    - python3
    - -c
    - |
      import contextlib, socket, struct
      server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
      server.bind(("172.18.0.2", 53))
      while True:
          asked, client = server.recvfrom(4096)
          end = asked.index(0, 12) + 5
          record = struct.pack("!HHHIH", 0xC00C, 1, 1, 30, 4) + bytes((142, 250, 72, 196))
          with contextlib.suppress(PermissionError):
              server.sendto(asked[:2] + struct.pack("!HHHHH", 0x8180, 1, 1, 0, 0) + asked[12:end] + record, client)
---
"""


@pytest.fixture(scope="module")
def whole() -> Iterator[Whole]:
    with lab(LabOptions(nodes=2)) as found:
        found.apply_text(PODS + NAMES)
        found.ready()
        yield found


def fresh(whole: Whole, node: str = "node-1") -> str:
    """Make a pod that has not been told anything."""
    name = f"new-{next(NUMBERS)}"
    whole.apply_text(PODS.partition("---")[0].replace("name: one", f"name: {name}").replace("node-1", node))
    whole.ready()
    return name


def run(whole: Whole, pod: str, *command: str) -> str:
    done = whole.podfence("lab", "exec", "--name", whole.folder.name, pod, "--", *command)
    return done.stdout + done.stderr


def test_a_pod_reaches_a_host_once_it_has_looked_it_up_and_no_other_pod_does(whole: Whole) -> None:
    pod = fresh(whole)
    assert whole.connect(pod, f"{GOOGLE}:80") == "TIMEOUT"
    assert whole.connect(pod, "www.google.com:80") == ""
    assert whole.connect(pod, f"{GOOGLE}:80") == ""
    assert whole.connect("other", f"{GOOGLE}:80") == "TIMEOUT"
    assert whole.connect(pod, "github.com:80") == "TIMEOUT"
    denied = [line for line in flows(whole).splitlines() if pod in line and "DROP" in line]
    assert any("github.com (" in line for line in denied), denied


def test_the_first_packet_after_the_answer_passes(whole: Whole) -> None:
    pod = fresh(whole)
    # A packet that is dropped comes again after a second: then the answer came before the kernel knew.
    assert whole.connect(pod, "www.example.com:80", timeout="900ms") == ""
    assert "DROP" not in "".join(line for line in flows(whole).splitlines() if pod in line)


def flows(whole: Whole) -> str:
    return whole.podfence("flows", "--name", whole.folder.name).stdout


def test_ipv6_and_answers_over_tcp_are_learnt(whole: Whole) -> None:
    pod = fresh(whole)
    assert whole.connect(pod, f"{GOOGLE_6}:80") == "TIMEOUT"
    assert run(whole, pod, "nslookup", "www.google.com").count("Address") >= 2
    assert whole.connect(pod, f"{GOOGLE_6}:80") == ""
    another = fresh(whole)
    assert run(whole, another, "python3", "-c", ASK_OVER_TCP, "www.example.com") == "True"
    assert whole.connect(another, "93.184.215.14:80") == ""


def test_a_pod_on_another_node_than_its_resolver_is_told_as_well(whole: Whole) -> None:
    assert whole.connect("far", "www.google.com:80") == ""


def test_a_resolver_on_the_pods_own_node_is_heard_as_well(whole: Whole) -> None:
    pod = fresh(whole)
    node = "  - {name: node, action: Accept, to: [{networks: [172.18.0.2/32]}]}\n"
    whole.apply_text(ON_THE_NODE + NAMES.replace("  - {name: hosts", node + "  - {name: hosts"))
    whole.ready()
    assert GOOGLE in run(whole, pod, "dig", "@172.18.0.2", "www.google.com", "+time=2")
    assert whole.connect(pod, f"{GOOGLE}:80") == ""
    whole.apply_text(NAMES)
    whole.ready()


def test_an_answer_of_anybody_else_opens_nothing(whole: Whole) -> None:
    pod = fresh(whole)
    whole.apply_text(
        NAMES.replace(
            "  - {name: hosts", "  - {name: other, action: Accept, to: [{networks: [8.8.8.8/32]}]}\n  - {name: hosts"
        )
    )
    whole.ready()
    assert "142.250.72.196" in run(whole, pod, "dig", "@8.8.8.8", "www.google.com")
    assert whole.connect(pod, f"{GOOGLE}:80") == "TIMEOUT"
    whole.apply_text(NAMES)
    whole.ready()


def test_a_pod_cannot_forge_an_answer_of_a_resolver_on_another_node(whole: Whole) -> None:
    dns = ("get", "pods", "-n", "kube-system", "-l", "k8s-app=kube-dns", "-o")
    address, node = whole.kubectl(*dns, "jsonpath={.items[0]['status.podIP','spec.nodeName']}").split()
    liar = fresh(whole, "node-2" if node == "node-1" else "node-1")
    own = whole.kubectl("get", "pod", liar, "-o", "jsonpath={.status.podIP}")
    assert whole.connect(liar, f"{DOCKER}:80") == "TIMEOUT"
    said = run(whole, liar, "python3", "-c", FORGE, address, own, DOCKER)
    assert said in {"told nothing\n", f"told by {address}\n", "told by 10.96.0.10\n"}
    assert whole.connect(liar, f"{DOCKER}:80") == "TIMEOUT"


INNER = """\
apiVersion: v1
kind: Service
metadata: {name: inner}
spec: {clusterIP: None, ports: [{port: 80}]}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: inner-1, labels: {kubernetes.io/service-name: inner}}
addressType: IPv4
ports: [{port: 80}]
endpoints: [{addresses: [172.18.0.2]}, {addresses: [172.18.0.3]}]
---
"""


def test_a_name_that_leads_to_nodes_opens_no_node(whole: Whole) -> None:
    names = NAMES.replace("www.google.com,", "www.google.com, inner.default.svc.cluster.local,")
    whole.apply_text(INNER + names)
    whole.ready()
    pod = fresh(whole)
    assert "172.18.0.3" in run(whole, pod, "nslookup", "inner.default.svc.cluster.local")
    for node in ("172.18.0.2", "172.18.0.3"):
        assert whole.connect(pod, f"{node}:80") == "TIMEOUT"
    whole.apply_text(NAMES)
    whole.ready()


def test_what_pods_were_told_outlives_the_agent_and_a_change_of_the_policy(whole: Whole) -> None:
    pod = fresh(whole)
    assert whole.connect(pod, "www.google.com:80") == ""
    before = agent(whole)
    os.kill(before, signal.SIGKILL)
    assert whole.connect(pod, f"{GOOGLE}:80") == ""
    whole.apply_text(NAMES.replace("www.google.com,", "www.google.com, api.github.com,"))
    whole.ready()
    assert agent(whole) != before
    assert whole.connect(pod, f"{GOOGLE}:80") == ""
    assert whole.connect(pod, "api.github.com:80") == ""


def agent(whole: Whole) -> int:
    """Find the process of the first node's agent."""
    main = next(pid for pid in pids_of(whole.folder.name) if "podfence.lab.daemon" in command_of(pid))
    return next(pid for pid in descendants(main) if "podfence agent --node node-1" in command_of(pid))


def test_all_packets_do_as_the_policies_say(whole: Whole) -> None:
    cells = compare(whole.folder, 1.0)
    assert [cell for cell in cells if not cell.agrees] == []
    assert {name for cell in cells for name in cell.question.hosts} >= {"www.google.com", "www.example.com"}
