"""Who is at the other end of a connection over loopback, as the kernel knows it.

The lab's API asks nobody for a password. What keeps other users of the machine out of it is that their connections
bear their number.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Final

LOOPBACK: Final = "127.0.0.1"
_SOCKETS: Final = Path("/proc/net/tcp")
_LOCAL, _REMOTE, _UID, _INODE = 1, 2, 7, 9


def is_welcome(peer: tuple[str, int], own_port: int) -> bool:
    """Tell whether a connection comes from this user or from root; from other networks than loopback all are welcome.

    Inside of the lab the API is open to every pod, as its network is nobody else's.
    """
    address, port = peer[:2]
    if address != LOOPBACK:
        return True
    with _SOCKETS.open(encoding="ascii") as lines:
        return owner(lines, port, own_port) in {0, os.geteuid()}


def owner(lines: Iterable[str], port: int, own_port: int) -> int | None:
    """Find the user whose socket on loopback leads from one port to another, in the form of ``/proc/net/tcp``.

    ``None`` when there is none, or nobody has it any more: the kernel counts such sockets as root's.
    """
    wanted = [f"0100007F:{port:04X}", f"0100007F:{own_port:04X}"]
    for line in lines:
        fields = line.split()
        if fields[_LOCAL : _REMOTE + 1] == wanted and fields[_INODE] != "0":
            return int(fields[_UID])
    return None
