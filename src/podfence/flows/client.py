"""A reader of the sockets of agents: it asks (``request``), and records come back as JSON lines."""

from __future__ import annotations

import selectors
import socket
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

from podfence.flows.json_lines import from_json_line
from podfence.flows.record import FlowRecord, FlowsLost
from podfence.flows.request import FlowRequest
from podfence.model.error import PodfenceError

_RECEIVE_BYTES = 1 << 16
PATIENCE_S = 10.0
"""How long an agent may say nothing before it has sent what it keeps."""


def read_flows(
    paths: Sequence[Path], request: FlowRequest, patience_s: float = PATIENCE_S
) -> Iterator[FlowRecord | FlowsLost]:
    """Read records from agents as they send them; unless they are followed, until all have sent what they keep.

    Raises ``PodfenceError`` when an agent does not answer, or goes away while it is followed.
    """
    with ExitStack() as stack, selectors.DefaultSelector() as selector:
        for path in paths:
            opened = stack.enter_context(_connected(path))
            opened.sendall(request.line().encode() + b"\n")
            selector.register(opened, selectors.EVENT_READ, _Lines(path, opened))
        while selector.get_map():
            ready = selector.select(None if request.follow else patience_s)
            if not ready:
                silent = ", ".join(sorted(str(key.data.path) for key in selector.get_map().values()))
                raise PodfenceError(f"{silent}: the agent says nothing for {patience_s:g} s; is it stopped?")
            for key, _ in ready:
                lines: _Lines = key.data
                chunk = lines.received()
                if not chunk:
                    selector.unregister(lines.opened)
                    if request.follow:
                        raise PodfenceError(f"{lines.path}: the agent has ended")
                yield from lines.read(chunk)


class _Lines:
    """Puts lines together out of what one socket brings."""

    def __init__(self, path: Path, opened: socket.socket) -> None:
        self.path = path
        self.opened = opened
        self._rest = b""

    def received(self) -> bytes:
        try:
            return self.opened.recv(_RECEIVE_BYTES)
        except OSError as error:
            raise PodfenceError(f"{self.path}: {(error.strerror or str(error)).lower()}") from None

    def read(self, chunk: bytes) -> Iterator[FlowRecord | FlowsLost]:
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        for line in lines:
            yield from_json_line(line)


def _connected(path: Path) -> socket.socket:
    opened = socket.socket(socket.AF_UNIX)
    try:
        opened.connect(str(path))
    except OSError as error:
        opened.close()
        raise _unreachable(path, error) from None
    return opened


def _unreachable(path: Path, error: OSError) -> PodfenceError:
    if isinstance(error, FileNotFoundError):
        return PodfenceError(f"{path}: no such socket; is the agent running?")
    if isinstance(error, ConnectionRefusedError):
        return PodfenceError(f"{path}: no agent answers (it has ended and left its socket behind)")
    if isinstance(error, PermissionError):
        return PodfenceError(f"{path}: permission denied; run it as the agent's user or in its group")
    return PodfenceError(f"{path}: {(error.strerror or str(error)).lower()}")
