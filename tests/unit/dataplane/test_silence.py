"""When a connection was last heard of, by what the kernel tells when it forgets it."""

from __future__ import annotations

from pathlib import Path

import pytest

from podfence.dataplane.conntrack import Tuple
from podfence.dataplane.endings import Ending
from podfence.dataplane.silence import is_switched_on, last_packet_ns, read_timeouts

TIMEOUTS = {
    "tcp_timeout_established": 432_000,
    "tcp_timeout_unacknowledged": 300,
    "tcp_timeout_time_wait": 120,
    "tcp_timeout_close": 10,
    "udp_timeout": 30,
    "udp_timeout_stream": 120,
    "icmp_timeout": 30,
}
TCP, UDP, ICMP, GRE = 6, 17, 1, 47
ESTABLISHED, TIME_WAIT, CLOSE = 3, 7, 8
STARTED_S = 1_000_000


def ending(
    protocol: int, age_s: float, tcp_state: int | None = None, remaining_s: int = 0, *, is_assured: bool = False
) -> Ending:
    one = Tuple(1, 2, protocol, 3, 4)
    started_ns = STARTED_S * 10**9
    stopped_ns = started_ns + int(age_s * 1e9)
    return Ending(one, one, 0, None, None, started_ns, stopped_ns, remaining_s, tcp_state, is_assured)


@pytest.mark.parametrize(
    ("found", "lasted_s"),
    [
        pytest.param(ending(TCP, 122.5, TIME_WAIT), 2.5, id="closed in order, and remembered to the end"),
        pytest.param(ending(TCP, 10.25, CLOSE), 0.25, id="reset"),
        pytest.param(ending(TCP, 5.0, TIME_WAIT, remaining_s=117), 3.0, id="deleted while it was remembered"),
        pytest.param(ending(TCP, 50.0, ESTABLISHED, remaining_s=431_989), 40.0, id="deleted while open"),
        pytest.param(ending(TCP, 50.0, ESTABLISHED, remaining_s=295), 46.0, id="deleted while a packet had no answer"),
        pytest.param(ending(TCP, 340.0, ESTABLISHED), 40.0, id="given up without an answer"),
        pytest.param(ending(UDP, 31.0), 1.0, id="a question"),
        pytest.param(ending(UDP, 150.0, is_assured=True), 30.0, id="a stream"),
        pytest.param(ending(ICMP, 30.0), 0.0, id="one packet"),
        pytest.param(ending(UDP, 29.9), 0.0, id="clocks that differ a little"),
    ],
)
def test_the_time_that_it_is_remembered_is_taken_off(found: Ending, lasted_s: float) -> None:
    last_ns = last_packet_ns(found, TIMEOUTS)
    assert last_ns is not None
    assert (last_ns - STARTED_S * 10**9) / 1e9 == lasted_s


@pytest.mark.parametrize(
    "found",
    [
        pytest.param(ending(TCP, 100.0), id="no state"),
        pytest.param(ending(TCP, 100.0, 99), id="a state that nobody knows"),
        pytest.param(ending(GRE, 100.0), id="a protocol that nobody knows"),
        pytest.param(ending(TCP, 1.0, TIME_WAIT), id="less than the system's time-out"),
        pytest.param(ending(TCP, 100.0, 1), id="a time-out that the system does not tell"),
    ],
)
def test_in_doubt_it_is_not_known(found: Ending) -> None:
    assert last_packet_ns(found, TIMEOUTS) is None


def test_time_outs_and_switches_are_read_and_what_is_not_there_is_none(tmp_path: Path) -> None:
    folder = tmp_path / "proc/sys/net/netfilter"
    folder.mkdir(parents=True)
    files = {"udp_timeout": "30\n", "tcp_timeout_close": "?", "acct": "1\n", "events": "2\n", "timestamp": "0\n"}
    for name, text in files.items():
        (folder / f"nf_conntrack_{name}").write_text(text)
    assert read_timeouts(tmp_path) == {"udp_timeout": 30}
    switches = ("acct", "events", "timestamp", "none")
    assert [is_switched_on(name, tmp_path) for name in switches] == [True, True, False, False]
    assert read_timeouts(tmp_path / "none") == {}
