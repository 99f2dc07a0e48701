"""Cluster DNS: every kind of name that the specification knows, what is not there, and what nobody should send."""

from __future__ import annotations

import asyncio
import socket
import struct

import dns.asyncquery
import dns.exception
import dns.flags
import dns.message
import dns.opcode
import dns.query
import dns.rcode
import dns.rdatatype
import pytest
from hypothesis import given
from hypothesis import strategies as st

from podfence.lab.dns.cluster import ClusterZone, cluster_zone
from podfence.lab.dns.server import DnsServer
from podfence.lab.dns.upstream import ask_servers
from podfence.lab.interface import Object
from podfence.lab.outside import outside_zone


def service(name: str, **spec: object) -> Object:
    return {"metadata": {"namespace": "shop", "name": name}, "spec": spec}


def a_slice(name: str, *endpoints: Object, family: str = "IPv4") -> Object:
    labels = {"kubernetes.io/service-name": name}
    ports = [{"name": "sql", "port": 5432, "protocol": "TCP"}]
    metadata = {"namespace": "shop", "labels": labels}
    return {"metadata": metadata, "addressType": family, "endpoints": list(endpoints), "ports": ports}


HTTP = {"name": "http", "port": 80, "protocol": "TCP"}
SERVICES = (
    service("web", clusterIP="10.96.0.7", clusterIPs=["10.96.0.7", "fd00:96::7"], ports=[HTTP]),
    service("db", clusterIP="None", ports=[{"name": "sql", "port": 5432}]),
    service("mail", type="ExternalName", externalName="www.google.com"),
    service("alias", type="ExternalName", externalName="web.shop.svc.cluster.local"),
    service("loop", type="ExternalName", externalName="loop.shop.svc.cluster.local"),
)
SLICES = (
    a_slice(
        "db",
        {"addresses": ["10.244.0.5"], "hostname": "db-0", "conditions": {"ready": True}},
        {"addresses": ["10.244.0.6"], "conditions": {}},
        {"addresses": ["10.244.0.9"], "conditions": {"ready": False}},
    ),
    a_slice("db", {"addresses": ["fd00:244::5"], "hostname": "db-0", "conditions": {"ready": True}}, family="IPv6"),
    a_slice("web", {"addresses": ["10.244.0.8"], "conditions": {"ready": True}}),
)


@pytest.fixture(scope="module")
def zone() -> ClusterZone:
    return cluster_zone(SERVICES, SLICES, ["shop", "default"], ["10.96.0.10", "fd00:96::a"])


def ask(zone: ClusterZone, name: str, kind: str = "A", **more: object) -> dns.message.Message:
    query = dns.message.make_query(name, kind, **more)  # type: ignore[arg-type]
    wire = asyncio.run(DnsServer(zone).respond(query.to_wire(), over_udp=True))
    assert wire is not None
    response = dns.message.from_wire(wire)
    assert query.is_response(response)
    return response


def data(response: dns.message.Message) -> list[str]:
    return sorted(str(one) for rrset in response.answer for one in rrset)


@pytest.mark.parametrize(
    ("name", "kind", "expected"),
    [
        ("web.shop.svc.cluster.local.", "A", ["10.96.0.7"]),
        ("WEB.Shop.SVC.cluster.LOCAL.", "AAAA", ["fd00:96::7"]),
        ("db.shop.svc.cluster.local.", "A", ["10.244.0.5", "10.244.0.6"]),
        ("db.shop.svc.cluster.local.", "AAAA", ["fd00:244::5"]),
        ("db-0.db.shop.svc.cluster.local.", "A", ["10.244.0.5"]),
        ("10-244-0-6.db.shop.svc.cluster.local.", "A", ["10.244.0.6"]),
        ("10-244-0-8.web.shop.svc.cluster.local.", "A", ["10.244.0.8"]),
        ("_http._tcp.web.shop.svc.cluster.local.", "SRV", ["0 100 80 web.shop.svc.cluster.local."]),
        (
            "_sql._tcp.db.shop.svc.cluster.local.",
            "SRV",
            ["0 100 5432 10-244-0-6.db.shop.svc.cluster.local.", "0 100 5432 db-0.db.shop.svc.cluster.local."],
        ),
        ("10-244-3-9.default.pod.cluster.local.", "A", ["10.244.3.9"]),
        ("fd00-244--9.default.pod.cluster.local.", "AAAA", ["fd00:244::9"]),
        ("7.0.96.10.in-addr.arpa.", "PTR", ["web.shop.svc.cluster.local."]),
        ("5.0.244.10.in-addr.arpa.", "PTR", ["db-0.db.shop.svc.cluster.local."]),
        ("alias.shop.svc.cluster.local.", "A", ["10.96.0.7", "web.shop.svc.cluster.local."]),
        ("dns-version.cluster.local.", "TXT", ['"1.1.0"']),
        ("ns.dns.cluster.local.", "A", ["10.96.0.10"]),
        ("cluster.local.", "NS", ["ns.dns.cluster.local."]),
    ],
)
def test_names_of_the_specification(zone: ClusterZone, name: str, kind: str, expected: list[str]) -> None:
    response = ask(zone, name, kind)
    assert data(response) == expected
    assert response.rcode() == dns.rcode.NOERROR
    assert response.flags & dns.flags.AA


def test_a_service_record_brings_the_addresses_along(zone: ClusterZone) -> None:
    response = ask(zone, "_http._tcp.web.shop.svc.cluster.local.", "SRV")
    assert sorted(str(one) for rrset in response.additional for one in rrset) == ["10.96.0.7", "fd00:96::7"]


@pytest.mark.parametrize(
    "name",
    [
        "absent.shop.svc.cluster.local.",
        "web.absent.svc.cluster.local.",
        "db-1.db.shop.svc.cluster.local.",
        "10-244-0-9.db.shop.svc.cluster.local.",
        "10-244-3-9.absent.pod.cluster.local.",
        "no-address.default.pod.cluster.local.",
        "1.10-244-3-9.default.pod.cluster.local.",
        # What a resolver tries on its way through the search path.
        "web.shop.svc.cluster.local.shop.svc.cluster.local.",
        "www.google.com.svc.cluster.local.",
        "www.google.com.cluster.local.",
    ],
)
def test_what_is_not_there_does_not_exist(zone: ClusterZone, name: str) -> None:
    response = ask(zone, name)
    assert response.rcode() == dns.rcode.NXDOMAIN
    assert response.authority[0].rdtype == dns.rdatatype.SOA


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("web.shop.svc.cluster.local.", "MX"),
        ("10-244-3-9.default.pod.cluster.local.", "AAAA"),
        ("shop.svc.cluster.local.", "A"),
        ("svc.cluster.local.", "A"),
        ("default.pod.cluster.local.", "A"),
        ("_tcp.web.shop.svc.cluster.local.", "A"),
    ],
)
def test_a_name_without_such_records_exists_and_says_nothing(zone: ClusterZone, name: str, kind: str) -> None:
    response = ask(zone, name, kind)
    assert (response.rcode(), response.answer) == (dns.rcode.NOERROR, [])
    assert response.authority[0].rdtype == dns.rdatatype.SOA


def test_an_alias_that_leads_to_itself_comes_to_an_end(zone: ClusterZone) -> None:
    assert len(ask(zone, "loop.shop.svc.cluster.local.").answer) < 20


def test_everything_at_once_is_answered_with_few_words(zone: ClusterZone) -> None:
    assert data(ask(zone, "web.shop.svc.cluster.local.", "ANY")) == ['"RFC8482" ""']


@pytest.mark.parametrize(("edns", "payload", "limit"), [(-1, 0, 512), (0, 4096, 1232), (0, 100, 512)])
def test_too_long_an_answer_is_cut_and_says_so(edns: int, payload: int, limit: int) -> None:
    endpoints = [{"addresses": [f"10.244.1.{number}"], "conditions": {}} for number in range(200)]
    zone = cluster_zone([service("many", clusterIP="None")], [a_slice("many", *endpoints)], ["shop"], [])
    query = dns.message.make_query("many.shop.svc.cluster.local.", "A", use_edns=edns, payload=payload or None)
    server = DnsServer(zone)
    wire = asyncio.run(server.respond(query.to_wire(), over_udp=True))
    assert wire is not None
    assert len(wire) <= limit
    assert dns.message.from_wire(wire).flags & dns.flags.TC
    whole = asyncio.run(server.respond(query.to_wire(), over_udp=False))
    assert whole is not None
    assert len(data(dns.message.from_wire(whole))) == 200


def outside(query: dns.message.Message) -> dns.message.Message:
    wire = asyncio.run(DnsServer(outside_zone()).respond(query.to_wire(), over_udp=False))
    assert wire is not None
    return dns.message.from_wire(wire)


async def upstream(query: dns.message.Message) -> dns.message.Message:
    return await asyncio.to_thread(outside, query)


def sockets_of_one_port() -> tuple[socket.socket, socket.socket]:
    """Open both at a port that nobody has for either."""
    for _ in range(100):
        streams = socket.create_server(("127.0.0.1", 0))
        datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            datagrams.bind(streams.getsockname())
        except OSError:
            streams.close()
            datagrams.close()
        else:
            return datagrams, streams
    raise AssertionError("no port is free for both")


async def connect(address: str, port: int, protocol: str) -> socket.socket:
    opened = socket.socket(socket.AF_INET, socket.SOCK_DGRAM if protocol == "UDP" else socket.SOCK_STREAM)
    opened.setblocking(False)
    await asyncio.get_running_loop().sock_connect(opened, (address, port))
    return opened


async def broken(_: dns.message.Message) -> dns.message.Message:
    raise OSError("no route")


@pytest.mark.parametrize(
    ("name", "kind", "expected", "code"),
    [
        ("www.google.com.", "A", ["142.250.72.196"], "NOERROR"),
        ("mail.shop.svc.cluster.local.", "A", ["142.250.72.196", "www.google.com."], "NOERROR"),
        ("8.8.8.8.in-addr.arpa.", "PTR", ["dns.google."], "NOERROR"),
        ("nobody.example.", "A", [], "NXDOMAIN"),
    ],
)
def test_other_names_are_asked_outside(zone: ClusterZone, name: str, kind: str, expected: list[str], code: str) -> None:
    query = dns.message.make_query(name, kind)
    wire = asyncio.run(DnsServer(zone, upstream).respond(query.to_wire(), over_udp=True))
    assert wire is not None
    response = dns.message.from_wire(wire)
    assert (data(response), dns.rcode.to_text(response.rcode())) == (expected, code)
    assert query.is_response(response)


def test_no_answer_from_outside_is_a_failure_and_no_outside_a_refusal(zone: ClusterZone) -> None:
    query = dns.message.make_query("www.google.com.", "A").to_wire()
    for server, code in ((DnsServer(zone, broken), dns.rcode.SERVFAIL), (DnsServer(zone), dns.rcode.REFUSED)):
        wire = asyncio.run(server.respond(query, over_udp=True))
        assert wire is not None
        assert dns.message.from_wire(wire).rcode() == code


def test_both_transports_serve_on_the_sockets_they_are_given(zone: ClusterZone) -> None:
    async def story() -> None:
        datagrams, streams = sockets_of_one_port()
        port = datagrams.getsockname()[1]
        serving = asyncio.create_task(DnsServer(zone).serve([datagrams], [streams]))
        query = dns.message.make_query("web.shop.svc.cluster.local.", "A")
        over_udp = await dns.asyncquery.udp(query, "127.0.0.1", 10, port)
        over_tcp = await dns.asyncquery.tcp(query, "127.0.0.1", 10, port)
        through = await ask_servers(["127.0.0.1"], connect, port)(query)
        assert data(over_udp) == data(over_tcp) == data(through) == ["10.96.0.7"]
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)

    asyncio.run(story())


OUTSIDE = DnsServer(outside_zone())


def test_a_cut_answer_is_asked_for_again_as_a_stream() -> None:
    endpoints = [{"addresses": [f"10.244.1.{number}"], "conditions": {}} for number in range(200)]
    many = cluster_zone([service("many", clusterIP="None")], [a_slice("many", *endpoints)], ["shop"], [])

    async def story() -> dns.message.Message:
        datagrams, streams = sockets_of_one_port()
        port = datagrams.getsockname()[1]
        serving = asyncio.create_task(DnsServer(many).serve([datagrams], [streams]))
        query = dns.message.make_query("many.shop.svc.cluster.local.", "A", use_edns=0)
        try:
            return await ask_servers(["127.0.0.1"], connect, port)(query)
        finally:
            serving.cancel()
            await asyncio.gather(serving, return_exceptions=True)

    assert len(data(asyncio.run(story()))) == 200


def test_a_zone_that_holds_nonsense_fails_alone() -> None:
    zone = cluster_zone([service("bad", type="ExternalName", externalName="a" * 70), *SERVICES], [], ["shop"], [])
    assert ask(zone, "bad.shop.svc.cluster.local.").rcode() == dns.rcode.SERVFAIL
    assert data(ask(zone, "web.shop.svc.cluster.local.")) == ["10.96.0.7"]


def code_of(message: bytes) -> int | None:
    responding = OUTSIDE.respond(message, over_udp=True)
    try:
        responding.send(None)  # it waits for nobody, so no loop is needed
    except StopIteration as done:
        wire: bytes | None = done.value
    return None if wire is None else dns.message.from_wire(wire).rcode()


def test_what_is_no_question_is_told_so_or_ignored() -> None:
    query = dns.message.make_query("example.com.", "A")
    wire = query.to_wire()
    update = dns.message.make_query("example.com.", "A")
    update.set_opcode(dns.opcode.NOTIFY)
    chaos = dns.message.make_query("version.bind.", "TXT", "CH")
    newer = dns.message.make_query("example.com.", "A", use_edns=1)
    assert code_of(b"short") is None
    assert code_of(dns.message.make_response(query).to_wire()) is None
    assert code_of(wire[:12]) == dns.rcode.FORMERR
    assert code_of(wire[:-3]) == dns.rcode.FORMERR
    assert code_of(wire[:4] + struct.pack("!H", 0) + wire[6:12]) == dns.rcode.FORMERR
    assert code_of(update.to_wire()) == dns.rcode.NOTIMP
    assert code_of(chaos.to_wire()) == dns.rcode.REFUSED
    assert code_of(dns.message.make_query("example.com.", "AXFR").to_wire()) == dns.rcode.REFUSED
    assert code_of(newer.to_wire()) == dns.rcode.BADVERS


@given(st.binary(max_size=600))
def test_bytes_of_any_kind_are_answered_or_ignored(message: bytes) -> None:
    code_of(message)


@given(st.binary(min_size=1, max_size=60), st.integers(0, 80), st.booleans())
def test_a_damaged_query_is_answered_or_ignored(noise: bytes, at: int, inserts: bool) -> None:  # noqa: FBT001
    wire = dns.message.make_query("web.shop.svc.cluster.local.", "A", use_edns=0).to_wire()
    place = min(at, len(wire))
    damaged = wire[:place] + noise + (wire[place:] if inserts else wire[place + len(noise) :])
    code_of(damaged)
