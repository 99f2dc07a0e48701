"""Whose connection it is that comes over loopback."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from podfence.lab.apiserver.loopback import is_welcome, owner

HEAD = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"


def line(local: str, remote: str, uid: int, inode: int) -> str:
    return f"   0: {local} {remote} 01 00000000:00000000 00:00000000 00000000 {uid:5} 0 {inode} 1 0000 20 4 0 10 -1\n"


def test_the_owner_is_that_of_the_clients_end() -> None:
    lines = [
        HEAD,
        line("0100007F:0050", "0100007F:C001", 0, 7),
        line("0100007F:C001", "0100007F:0050", 1000, 8),
        line("0100007F:C002", "0100007F:0050", 1001, 9),
    ]
    assert owner(lines, 0xC001, 0x50) == 1000


def test_a_socket_that_nobody_has_any_more_is_nobodys() -> None:
    assert owner([HEAD, line("0100007F:C001", "0100007F:0050", 0, 0)], 0xC001, 0x50) is None
    assert owner([HEAD], 0xC001, 0x50) is None


def test_who_comes_from_another_network_is_welcome() -> None:
    assert is_welcome(("172.18.0.2", 5), 6)


@pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="needs Linux")
def test_ones_own_connection_is_welcome() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)) as client:
            assert is_welcome(client.getsockname(), port)
            with open("/proc/net/tcp", encoding="ascii") as lines:  # noqa: PTH123 (as the kernel writes it)
                assert owner(lines, client.getsockname()[1], port) == os.geteuid()
