"""What possible pods declare: a number on each side of every cut that rules make."""

from __future__ import annotations

from podfence.engine.port_declarations import declarations
from podfence.model.net import Protocol
from podfence.model.policy import PortName, PortRange

HTTP = PortName("http", Protocol.TCP)


def test_without_names_nothing_is_declared() -> None:
    found = declarations([PortRange(Protocol.TCP, 80, 80)])
    assert (found.listed, found.complete) == (((),), True)


def test_a_name_is_declared_not_at_all_or_in_each_piece_of_its_protocol() -> None:
    found = declarations([HTTP, PortRange(Protocol.TCP, 80, 90), PortRange(Protocol.UDP, 1, 5)])
    assert found.listed[0] == ()
    assert [(port.protocol, port.number) for (port,) in found.listed[1:]] == [
        (Protocol.TCP, 8080),
        (Protocol.TCP, 79),
        (Protocol.TCP, 90),
    ]
    assert found.complete


def test_two_names_are_declared_alone_and_together() -> None:
    found = declarations([HTTP, PortName("dns", Protocol.UDP)])
    assert [tuple(port.name for port in declared) for declared in found.listed] == [
        (),
        ("dns",),
        ("http",),
        ("dns", "http"),
    ]


def test_too_many_names_are_declared_one_by_one_and_that_is_said() -> None:
    found = declarations([PortName(f"port{number}", Protocol.TCP) for number in range(12)])
    assert max(map(len, found.listed)) == 1
    assert len(found.listed) == 13
    assert not found.complete
