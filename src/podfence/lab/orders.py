"""What the lab's server asks of the zygote, and what it hears back; one message is one packet of a socket pair.

Descriptors travel beside a message: those that an answer speaks of, in its order.
"""

from __future__ import annotations

import array
import socket

import msgspec

MOST_BYTES = 180_000
"""The largest message: a socket of this kind takes about 200 kB at once."""
_MOST_DESCRIPTORS = 8


class AddNode(msgspec.Struct, frozen=True, tag=True):
    """Make a node's network with its addresses and the ranges of its pods."""

    name: str
    addresses: tuple[str, ...]
    pod_cidrs: tuple[str, ...]


class AddOutside(msgspec.Struct, frozen=True, tag=True):
    """Make the world outside with its addresses; ``inside`` are the ranges that it finds its way back to."""

    addresses: tuple[str, ...]
    inside: tuple[str, ...]


class AddPod(msgspec.Struct, frozen=True, tag=True):
    """Make a pod's network behind a node."""

    key: str
    node: str
    addresses: tuple[str, ...]


class Remove(msgspec.Struct, frozen=True, tag=True):
    """Take a place away: ``node/NAME``, ``pod/KEY`` or ``outside``."""

    place: str


class Route(msgspec.Struct, frozen=True, tag=True):
    """Have the ground send a range to a node, or to none any more."""

    network: str
    node: str | None


class OpenVolumes(msgspec.Struct, frozen=True, tag=True):
    """Give the folder in which the volumes of pods lie, as a descriptor; containers see none but their own of it."""


class RemoveFolder(msgspec.Struct, frozen=True, tag=True):
    """Delete a folder of the volumes' folder with all that is in it; one that is not there is no error."""

    name: str


class Mount(msgspec.Struct, frozen=True):
    """A volume at a path of a container.

    What is shown is ``inner`` within ``folder``, from which nothing leads out; ``folder`` lies in the volumes' folder.
    A part of ``inner`` that is missing is made, in the end a file with ``is_file``, else a folder.
    """

    name: str
    path: str
    folder: str
    inner: str = ""
    read_only: bool = False
    is_file: bool = False


class Start(msgspec.Struct, frozen=True, tag=True):
    """Start a program; answered by ``Started`` with its streams, later by ``Ended``.

    In ``place``'s network. With ``files`` it is the first process of a new container, which shows ``mounts``; with
    ``joins`` (the number of a running program) it enters that one's namespaces; with both it is a container of its own
    that shares only that one's processes. With neither it sees what the ground sees and keeps its rights, as the
    programs of a node do. ``stand_in`` runs instead where the program does not exist.
    """

    number: int
    place: str
    command: tuple[str, ...]
    environment: dict[str, str]
    folder: str = "/"
    stdin: bool = False
    tty: bool = False
    files: dict[str, str] | None = None
    mounts: tuple[Mount, ...] = ()
    hostname: str = ""
    joins: int | None = None
    stand_in: tuple[str, ...] = ()


class Signal(msgspec.Struct, frozen=True, tag=True):
    """Send a signal to a program, or to its whole process group; one that has ended is no error."""

    number: int
    signal: int
    group: bool


class OpenSocket(msgspec.Struct, frozen=True, tag=True):
    """Open a socket in a place's network: bound to an address, and listening if it is TCP, or connected to it."""

    place: str
    protocol: str
    address: str
    port: int
    connect: bool = False


class Done(msgspec.Struct, frozen=True, tag=True):
    """The order was carried out; a socket that was asked for is beside it."""


class Started(msgspec.Struct, frozen=True, tag=True):
    """The program runs (``pid`` as the ground counts); beside it stdin, stdout, stderr as far as it has them."""

    pid: int
    is_stand_in: bool = False


class Failed(msgspec.Struct, frozen=True, tag=True):
    """The order was refused by the kernel or made no sense; ``error`` is an errno, 0 for an unknown place."""

    error: int
    message: str


class Ended(msgspec.Struct, frozen=True, tag=True):
    """A program ended, with its exit code or 128 + the signal."""

    number: int
    code: int


Order = AddNode | AddOutside | AddPod | Remove | Route | Start | Signal | OpenSocket | OpenVolumes | RemoveFolder
Report = Done | Started | Failed | Ended


class OrderPacket(msgspec.Struct, frozen=True):
    """An order with the number that its answer repeats."""

    sequence: int
    order: Order


class ReportPacket(msgspec.Struct, frozen=True):
    """A report; ``sequence`` is 0 for news that nobody asked for."""

    sequence: int
    report: Report


_encoder = msgspec.msgpack.Encoder()
decode_order = msgspec.msgpack.Decoder(OrderPacket).decode
decode_report = msgspec.msgpack.Decoder(ReportPacket).decode


def encode(packet: OrderPacket | ReportPacket) -> bytes:
    """Write a message; raises ``OSError`` (E2BIG) when it is too large to be sent."""
    data = _encoder.encode(packet)
    if len(data) > MOST_BYTES:
        raise OSError(7, "Argument list too long")
    return data


def send(channel: socket.socket, data: bytes, descriptors: tuple[int, ...] = ()) -> None:
    """Send one packet with descriptors beside it."""
    rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors))] if descriptors else []
    channel.sendmsg([data], rights)


def receive(channel: socket.socket) -> tuple[bytes, list[int]]:
    """Receive one packet; empty when the other side is gone. Descriptors are closed on exec."""
    data, ancillary, _, _ = channel.recvmsg(
        MOST_BYTES, socket.CMSG_SPACE(_MOST_DESCRIPTORS * 4), socket.MSG_CMSG_CLOEXEC
    )
    descriptors = array.array("i")
    for level, kind, content in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            descriptors.frombytes(content[: len(content) - len(content) % descriptors.itemsize])
    return data, list(descriptors)
