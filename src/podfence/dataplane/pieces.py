"""Cuts the text of many commands into transactions that the kernel takes, where what it takes at once is bounded.

nft hands over a transaction in one message. Only in the machine's own user namespace may it make the socket's buffer
as large as it likes; elsewhere the kernel refuses what is larger than the buffer ("Message too long"). Nothing here
knows what may be cut: that is for whoever writes the commands to say.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Iterable, Iterator

_NETLINK_NETFILTER = 12
_SO_SNDBUFFORCE = 32
_OVERHEAD_BYTES = 32
"""What the kernel itself takes of a socket's buffer for a message (net/netlink/af_netlink.c, netlink_sendmsg)."""

_LINE_BYTES = 200
_ITEM_BYTES = 128
_CHARACTER_BYTES = 4
_QUOTED = re.compile(r'"[^"]*"')


def most_bytes() -> int | None:
    """Give the bytes that one transaction of this process may have, ``None`` when the kernel sets no bound.

    The kernel is asked for what nft will ask it for; nothing is sent.
    """
    try:
        with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _NETLINK_NETFILTER) as asked:
            size = asked.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF)
            try:
                asked.setsockopt(socket.SOL_SOCKET, _SO_SNDBUFFORCE, size)
            except PermissionError:
                return size - _OVERHEAD_BYTES
    except OSError:
        pass  # without nf_tables there is no transaction either, and nft says so better
    return None


def weight(line: str) -> int:
    """Say how many bytes of netlink a line of nft becomes at the most.

    Measured with nft 1.0.6: a rule of a policy is 440 bytes and 460 at the most, a chain 60, a set 100; an element is
    60, with a verdict 90, in an interval set 130, and 180 when it comes alone. A character in quotes is one byte.
    """
    bare = _QUOTED.sub("", line).rstrip(",")
    items = bare.count(",")
    return _LINE_BYTES + items * _ITEM_BYTES + len(bare) * _CHARACTER_BYTES + len(line) - len(bare)


def fits(text: str, most: int | None) -> bool:
    """Tell whether a text is one transaction."""
    return most is None or sum(map(weight, text.splitlines())) <= most


def cut(lines: Iterable[str], most: int | None) -> Iterator[str]:
    """Join lines to as few transactions as are sure to fit; none for no lines, one without a bound."""
    piece: list[str] = []
    size = 0
    for line in lines:
        added = weight(line)
        if piece and most is not None and size + added > most:
            yield _joined(piece)
            piece, size = [], 0
        piece.append(line)
        size += added
    if piece:
        yield _joined(piece)


def _joined(lines: Iterable[str]) -> str:
    return "".join(f"{line}\n" for line in lines)
