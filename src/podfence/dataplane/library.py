"""libnftables within this process, by its C interface; an element takes it a tenth of a millisecond."""

from __future__ import annotations

import contextlib
import ctypes
import ctypes.util
import os
import socket
import stat
from typing import Final, Self

_NAMES = ("libnftables.so.1", "libnftables.so")
_WIDEST: Final = (1 << 31) - 1


class Library:
    """One context of libnftables, for the network namespace that the calling thread was in when it was loaded."""

    def __init__(self, functions: ctypes.CDLL) -> None:
        self._functions = functions
        functions.nft_ctx_new.restype = ctypes.c_void_p
        functions.nft_ctx_new.argtypes = [ctypes.c_uint32]
        functions.nft_ctx_free.restype = None
        functions.nft_run_cmd_from_buffer.argtypes = [ctypes.c_void_p, ctypes.c_char_p]
        functions.nft_ctx_get_error_buffer.restype = ctypes.c_char_p
        for name in ("nft_ctx_buffer_error", "nft_ctx_buffer_output", "nft_ctx_get_error_buffer", "nft_ctx_free"):
            getattr(functions, name).argtypes = [ctypes.c_void_p]
        before = _sockets().keys()
        self._context = functions.nft_ctx_new(0)
        for number, descriptor in _sockets().items():
            if number not in before:
                _widen_send_buffer(descriptor)
        functions.nft_ctx_buffer_error(self._context)
        functions.nft_ctx_buffer_output(self._context)

    @classmethod
    def load(cls) -> Self | None:
        """Load the library; ``None`` where it is not installed."""
        for name in _NAMES:
            try:
                return cls(ctypes.CDLL(name))
            except (OSError, AttributeError):
                continue
        return None

    def run(self, text: str) -> str:
        """Run commands as one transaction; gives the complaint, empty when all went well."""
        if self._functions.nft_run_cmd_from_buffer(self._context, text.encode()) == 0:
            return ""
        error: bytes | None = self._functions.nft_ctx_get_error_buffer(self._context)
        return (error or b"").decode(errors="replace") or "it does not say why"

    def close(self) -> None:
        """Give the context back."""
        if self._context:
            self._functions.nft_ctx_free(self._context)
            self._context = None


def _sockets() -> dict[int, int]:
    """Give the descriptor of each socket of this process, by the socket's own number."""
    found = {}
    for name in os.listdir("/proc/self/fd"):  # noqa: PTH208 (names, not paths)
        with contextlib.suppress(OSError):  # the listing's own descriptor is closed by now
            described = os.stat(int(name))  # noqa: PTH116 (a descriptor, no path)
            if stat.S_ISSOCK(described.st_mode):
                found[described.st_ino] = int(name)
    return found


def _widen_send_buffer(descriptor: int) -> None:
    """Make room for a large transaction in a socket of libnftables, as far as the machine allows (``wmem_max``).

    The kernel takes a transaction in one message, which must fit. nft itself widens the buffer by force, which needs
    root outside of any user namespace, and 1.0.6 tries nothing else.
    """
    with socket.socket(fileno=os.dup(descriptor)) as opened:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _WIDEST)
