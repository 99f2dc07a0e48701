"""Messages to the kernel's routing, compared with bytes written by hand from the layouts in linux/rtnetlink.h."""

from __future__ import annotations

import pytest

from podfence.lab.rtnetlink import add_address, add_blackhole, add_route, link_up


def test_a_route_over_a_gateway_has_the_layout_of_the_kernels_header() -> None:
    body = add_route("10.0.0.0/8", 2, "169.254.1.1").body
    assert body.hex() == (
        "02080000fe04000104000000"  # AF_INET, /8, table main, static, universe, unicast; RTNH_F_ONLINK
        "080001000a000000"  # RTA_DST
        "0800040002000000"  # RTA_OIF
        "08000500a9fe0101"  # RTA_GATEWAY
    )


def test_a_route_to_a_link_has_the_scope_of_the_link_for_ipv4_only() -> None:
    assert add_route("10.0.0.1/32", 2).body[6] == 253
    assert add_route("fd00::1/128", 2).body[6] == 0
    assert add_route("0.0.0.0/0", 2, "10.0.0.1").body[6] == 0


def test_a_black_hole_names_no_link() -> None:
    assert add_blackhole("10.244.1.0/24").body.hex() == "02180000fe04000600000000" + "080001000af40100"


@pytest.mark.parametrize(("address", "family"), [("10.0.0.1", 2), ("fd00::1", 10)])
def test_an_address_is_permanent_and_not_searched_for_duplicates(address: str, family: int) -> None:
    body = add_address(7, address, 32).body
    assert body[:8] == bytes([family, 32, 0x82, 0, 7, 0, 0, 0])


def test_a_link_is_switched_on_by_its_flag_and_the_change_mask() -> None:
    assert link_up(5).body.hex() == "00000000" + "05000000" + "01000000" + "01000000"
