"""The fuzzers of the lab's servers, with the same few seeds each time."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.fuzz.lab_bytes import fuzz_dns_messages, fuzz_port_forward, fuzz_spdy_streams, fuzz_websocket_streams


@pytest.mark.parametrize("fuzz", [fuzz_dns_messages, fuzz_port_forward, fuzz_spdy_streams, fuzz_websocket_streams])
def test_nothing_that_comes_in_breaks_a_server(fuzz: Callable[[int], str | None]) -> None:
    assert [wrong for seed in range(100) if (wrong := fuzz(seed)) is not None] == []
