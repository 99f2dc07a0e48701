"""Addresses of pods: one of each family, none twice, none again at once."""

from __future__ import annotations

import ipaddress

import pytest

from podfence.lab.pod_addresses import PodAddresses
from podfence.model.error import PodfenceError


def test_a_pod_gets_one_address_of_each_range() -> None:
    pool = PodAddresses(["10.244.1.0/24", "fd00:10:244:1::/64"])
    assert pool.take() == ("10.244.1.2", "fd00:10:244:1::2")
    assert pool.take() == ("10.244.1.3", "fd00:10:244:1::3")


def test_an_address_that_came_back_is_the_last_to_be_given_again() -> None:
    pool = PodAddresses(["10.0.0.0/29"])
    first = pool.take()
    pool.give_back(first)
    assert [pool.take() for _ in range(5)] == [(f"10.0.0.{n}",) for n in (3, 4, 5, 6, 2)]


def test_a_full_range_is_said_in_one_line_and_no_address_is_given_twice() -> None:
    pool = PodAddresses(["10.0.0.0/28"])
    given = [pool.take()[0] for _ in range(13)]
    assert len(set(given)) == 13
    assert all(ipaddress.ip_address(one) in ipaddress.ip_network("10.0.0.0/28") for one in given)
    assert "10.0.0.15" not in given
    with pytest.raises(PodfenceError, match=r"no pod address is free in 10\.0\.0\.0/28"):
        pool.take()
