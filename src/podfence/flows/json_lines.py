"""Flow records as JSON lines, written and read back; the form is that of ``record``."""

from __future__ import annotations

import msgspec

from podfence.flows.record import FlowRecord, FlowsLost
from podfence.model.error import PodfenceError


class _Kind(msgspec.Struct):
    kind: str


_encoder = msgspec.json.Encoder()
_kind = msgspec.json.Decoder(_Kind)
_flow = msgspec.json.Decoder(FlowRecord)
_lost = msgspec.json.Decoder(FlowsLost)


def to_json_line(line: FlowRecord | FlowsLost) -> bytes:
    """Write one line, its line break included."""
    return _encoder.encode(line) + b"\n"


def from_json_line(text: bytes) -> FlowRecord | FlowsLost:
    """Read one line; raises ``PodfenceError`` when it is something else."""
    try:
        return _lost.decode(text) if _kind.decode(text).kind == "FlowsLost" else _flow.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise PodfenceError(f"not a flow record: {error}; is the agent of another version?") from None
