"""What a reader asks, as a line and back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from podfence.flows.request import FlowRequest, parse_request


@given(
    st.builds(
        FlowRequest,
        everything=st.booleans(),
        ended=st.booleans(),
        follow=st.booleans(),
        last=st.none() | st.integers(0, 10**9 - 1),
        since_s=st.none() | st.floats(allow_nan=False, allow_infinity=False),
    )
)
def test_what_was_asked_is_understood(request_: FlowRequest) -> None:
    assert parse_request(request_.line()) == request_


@pytest.mark.parametrize("line", ["", "hello", "last=x since=nan", "last=-1 since=inf", "last= since=", "a=b=c"])
def test_words_that_mean_nothing_are_passed_over(line: str) -> None:
    assert parse_request(line) == FlowRequest()


@given(st.text(max_size=40))
def test_any_line_is_a_request(line: str) -> None:
    parse_request(line)
