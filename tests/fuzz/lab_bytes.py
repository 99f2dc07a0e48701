"""Bytes for the lab's servers: whatever comes in on a stream or as a datagram, they answer, refuse or hang up."""

from __future__ import annotations

import asyncio
import random
import struct
import zlib
from typing import cast

import dns.message

from podfence.lab.apiserver.channels import Channels, SpdyChannels, WebSocketChannels
from podfence.lab.apiserver.port_forward import PortForward
from podfence.lab.apiserver.remote_command import RemoteCommand, Wanted
from podfence.lab.apiserver.spdy_dictionary import DICTIONARY
from podfence.lab.apiserver.websocket import Tunnel, WebSocket
from podfence.lab.dns.server import DnsServer
from podfence.lab.interface import PodRuntime, Process
from podfence.lab.outside import outside_zone

_PATIENCE_S = 20
_NAMES = ["streamtype", "port", "requestid", "x"]
_VALUES = ["stdin", "stdout", "error", "data", "resize", "80", "0", "99999999999999", "7", ""]


class Scripted:
    """A connection whose client says what is written down, in pieces, and then goes."""

    def __init__(self, script: bytes, chance: random.Random) -> None:
        self._script, self._chance = script, chance

    async def read(self) -> bytes:
        await asyncio.sleep(0)
        size = self._chance.randrange(1, 200)
        piece, self._script = self._script[:size], self._script[size:]
        return piece

    async def write(self, data: bytes) -> None:
        await asyncio.sleep(0)

    async def close(self) -> None:
        pass


class Nowhere:
    """A runtime in which nothing can be reached."""

    async def connect(self, namespace: str, pod: str, port: int) -> tuple[int, int]:
        raise ConnectionRefusedError(111, f"{namespace}/{pod}:{port}")


async def _nothing() -> Process:
    raise FileNotFoundError(2, "no such program")


def fuzz_spdy_streams(seed: int) -> str | None:
    """Throw frames at exec and at port-forward, most of them almost right."""
    chance = random.Random(seed)
    return _hold(SpdyChannels(Scripted(_frames(chance), chance)), chance)


def fuzz_websocket_streams(seed: int) -> str | None:
    """Throw messages at exec, and SPDY through a tunnel at port-forward."""
    chance = random.Random(seed)
    protocol = chance.choice(["v5.channel.k8s.io", "v4.channel.k8s.io", "v4.base64.channel.k8s.io"])
    return _hold(WebSocketChannels(WebSocket(Scripted(_messages(chance), chance)), protocol), chance)


def fuzz_port_forward(seed: int) -> str | None:
    """Throw frames at port-forward, raw and through a tunnel."""
    chance = random.Random(seed)
    raw = Scripted(_frames(chance), chance)
    tunnelled = Scripted(_masked(_frames(chance), chance), chance)
    for stream in (raw, Tunnel(WebSocket(tunnelled), tunnelled)):
        asyncio.run(
            asyncio.wait_for(PortForward(stream, cast("PodRuntime", Nowhere()), "ns", "pod", "uid").run(), _PATIENCE_S)
        )
    return None


def fuzz_dns_messages(seed: int) -> str | None:
    """Throw damaged queries at the DNS server."""
    chance = random.Random(seed)
    name = ".".join(
        chance.choice(["www", "google", "com", "8", "x" * 63, "_tcp"]) for _ in range(chance.randrange(1, 4))
    )
    kind = chance.choice(["A", "AAAA", "SRV", "PTR", "ANY", "TXT", "SOA", "OPT", "AXFR"])
    query = dns.message.make_query(f"{name}.", kind, use_edns=chance.choice([-1, 0, 1])).to_wire()
    damaged = _damaged(query, chance)
    server = DnsServer(outside_zone())
    response = asyncio.run(server.respond(damaged, over_udp=chance.random() < 0.5))
    if response is not None and (len(response) < 12 or response[:2] != damaged[:2] or not response[2] & 0x80):
        return f"{damaged.hex()} was answered by {response.hex()}"
    return None


def _hold(channels: Channels, chance: random.Random) -> str | None:
    wanted = Wanted(*(chance.random() < 0.5 for _ in range(4)))
    command = RemoteCommand(channels, wanted, _nothing, is_ours=chance.random() < 0.5)
    asyncio.run(asyncio.wait_for(command.run(), _PATIENCE_S))
    return None


def _frames(chance: random.Random) -> bytes:
    deflate = zlib.compressobj(zdict=DICTIONARY)
    script = b""
    for number in range(chance.randrange(8)):
        kind, body = chance.choice([1, 1, 1, 2, 3, 4, 6, 7, 8, 9, 12]), chance.randbytes(chance.randrange(12))
        stream = struct.pack(">I", chance.choice([2 * number + 1, number, 1]))
        if kind == 1:
            texts = [chance.choice(choices) for _ in range(3) for choices in (_NAMES, _VALUES)]
            block = struct.pack(">I", 3) + b"".join(struct.pack(">I", len(one)) + one.encode() for one in texts)
            body = stream + bytes(6) + deflate.compress(block) + deflate.flush(zlib.Z_SYNC_FLUSH)
        elif chance.random() < 0.5:
            body = stream + body
        head = struct.pack(">HHI", 0x8003, kind, chance.choice([0, 1 << 24]) | len(body))
        if chance.random() < 0.3:
            head = stream + struct.pack(">I", chance.choice([0, 1 << 24]) | len(body))
        script += head + body
    return _damaged(script, chance) if chance.random() < 0.3 else script


def _messages(chance: random.Random) -> bytes:
    pieces = [chance.choice([b"\x00", b"0aGk=", b"\xff\x00", b"\x04{", b"\xff", b""]) for _ in range(6)]
    script = b"".join(_masked(piece + chance.randbytes(chance.randrange(9)), chance) for piece in pieces)
    return _damaged(script, chance) if chance.random() < 0.5 else script


def _masked(data: bytes, chance: random.Random) -> bytes:
    """Frame data as a client's message; a mask of zeros changes nothing."""
    length = bytes([0x80 | len(data)]) if len(data) < 126 else b"\xfe" + struct.pack(">H", len(data) & 0xFFFF)
    return bytes([chance.choice([0x82, 0x82, 0x82, 0x81, 0x02, 0x80, 0x89])]) + length + bytes(4) + data


def _damaged(data: bytes, chance: random.Random) -> bytes:
    changed = bytearray(data)
    for _ in range(chance.randrange(4)):
        place = chance.randrange(len(changed) + 1)
        changed[place : place + chance.randrange(4)] = chance.randbytes(chance.randrange(4))
    return bytes(changed)
