"""How long a connection had been silent when connection tracking forgot it.

Connection tracking remembers a connection for a while after its last packet, two minutes after the end of TCP, so
that the time between its first packet and its ending is no duration. What is left without that while is.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from podfence.dataplane.endings import Ending

_FOLDER: Final = "proc/sys/net/netfilter"
_PREFIX: Final = "nf_conntrack_"

_TCP, _UDP, _ICMP, _ICMPV6 = 6, 17, 1, 58

# By the number of the state. In an established connection a packet without answer shortens what it is given.
_OF_TCP: Final = {
    1: ("tcp_timeout_syn_sent",),
    2: ("tcp_timeout_syn_recv",),
    3: ("tcp_timeout_established", "tcp_timeout_unacknowledged"),
    4: ("tcp_timeout_fin_wait",),
    5: ("tcp_timeout_close_wait",),
    6: ("tcp_timeout_last_ack",),
    7: ("tcp_timeout_time_wait",),
    8: ("tcp_timeout_close",),
}
_OF_OTHERS: Final = {_ICMP: ("icmp_timeout",), _ICMPV6: ("icmpv6_timeout",)}

# The kernel counts time-outs in ticks of its own, and stamps times by another clock.
_ROUNDING_NS: Final = 10**9


def read_timeouts(root: Path = Path("/")) -> Mapping[str, int]:
    """Read what connection tracking gives each protocol and state, in seconds, by the last part of its sysctl."""
    found = {}
    for file in (root / _FOLDER).glob(f"{_PREFIX}*timeout*"):
        try:
            found[file.name.removeprefix(_PREFIX)] = int(file.read_text(encoding="ascii"))
        except (OSError, ValueError):
            continue
    return found


def is_switched_on(name: str, root: Path = Path("/")) -> bool:
    """Tell whether a switch of connection tracking, such as ``acct``, is on; off where it is not there."""
    try:
        return (root / _FOLDER / f"{_PREFIX}{name}").read_text(encoding="ascii").strip() != "0"
    except OSError:
        return False


def last_packet_ns(ending: Ending, timeouts: Mapping[str, int]) -> int | None:
    """Tell when a connection was last heard of, in nanoseconds since the epoch; ``None`` when that is not known.

    Exact where it ran out; at most a second late where it was deleted before, since the kernel then tells what was
    left in whole seconds.
    """
    if ending.started_ns is None or ending.stopped_ns is None:
        return None
    for name in _names(ending):
        silent_s = timeouts.get(name, 0) - (ending.remaining_s + 1 if ending.remaining_s else 0)
        last_ns = ending.stopped_ns - max(0, silent_s) * 10**9
        if name in timeouts and last_ns >= ending.started_ns - _ROUNDING_NS:
            return max(last_ns, ending.started_ns)
    return None


def _names(ending: Ending) -> tuple[str, ...]:
    protocol = ending.original.protocol
    if protocol == _TCP:
        return _OF_TCP.get(-1 if ending.tcp_state is None else ending.tcp_state, ())
    if protocol == _UDP:
        return ("udp_timeout_stream" if ending.is_assured else "udp_timeout",)
    return _OF_OTHERS.get(protocol, ())
