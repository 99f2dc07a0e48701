"""List and watch against a server that follows a script: each fault of the network or the server is one test."""

from __future__ import annotations

import asyncio
import socket

import pytest

from podfence.kube.client import Client
from podfence.kube.config import of_server
from podfence.kube.patience import LONGEST_S, MOST_ASKED_FOR_S
from podfence.kube.reflector import QUIET_S, WATCH_S, Reflector
from tests.protocol.script import (
    PATH,
    FakeTime,
    Step,
    bookmark,
    error,
    event,
    listing,
    name_of,
    play,
    refusing,
    watching,
)
from tests.protocol.web import Reply, Request


def test_a_list_comes_as_one_replace_and_each_change_as_it_happens() -> None:
    played = play(
        listing(5, "a", "b"),
        watching(5, event("MODIFIED", "a", 6), event("DELETED", "b", 7), event("ADDED", "c", 8), then="silence"),
        until="put c",
    )
    assert played.events == ["replace a b", "put a", "drop b", "put c"]
    assert played.time.slept == []


def test_pages_are_one_list() -> None:
    played = play(
        listing(5, "a", next_page="x", limit="500"),
        listing(5, "b", next_page="y", continue_="x"),
        listing(5, "c", continue_="y"),
        watching(5, event("ADDED", "d", 6)),
        until="put d",
    )
    assert played.events == ["replace a b c", "put d"]


def test_no_items_are_null_to_go_and_an_empty_list_to_us() -> None:
    assert play(listing(5), watching(5, event("ADDED", "a", 6)), until="put a").events == ["replace", "put a"]


def test_an_orderly_end_goes_on_from_the_last_event() -> None:
    played = play(
        listing(5, "a"), watching(5, event("ADDED", "b", 9)), watching(9, event("ADDED", "c", 10)), until="put c"
    )
    assert played.events == ["replace a", "put b", "put c"]
    assert played.reflector.health.lists == 1


def test_a_bookmark_moves_the_place_to_go_on_from_and_is_nothing_else() -> None:
    played = play(listing(5, "a"), watching(5, bookmark(77)), watching(77, event("ADDED", "b", 78)), until="put b")
    assert played.events == ["replace a", "put b"]


def test_410_within_the_stream_lists_again_so_that_no_deletion_is_lost() -> None:
    played = play(listing(5, "a", "b"), watching(5, error(410, "too old")), listing(50, "b"), until="replace b")
    assert played.events == ["replace a b", "replace b"]
    assert "too old" in played.notices[0]


def test_410_as_the_answer_to_a_watch_lists_again() -> None:
    played = play(listing(5, "a"), refusing(410, watch=True), listing(50, "b"), until="replace b")
    assert played.events == ["replace a", "replace b"]


def test_410_of_a_page_token_lists_everything_in_one_piece() -> None:
    async def whole(request: Request, reply: Reply) -> None:
        assert "limit" not in request.query
        assert "continue" not in request.query
        await listing(9, "b", "c")(request, reply)

    played = play(listing(5, "a", next_page="x"), refusing(410, watch=False), whole, until="replace b c")
    assert played.events == ["replace b c"]


def test_a_connection_cut_in_the_middle_of_a_line_loses_no_event() -> None:
    played = play(
        listing(5, "a"),
        watching(5, event("ADDED", "b", 6), '{"type":"DELETED","object":{"metadata":{"na', then="cut"),
        listing(6, limit="1"),
        watching(6, event("DELETED", "a", 7)),
        until="drop a",
    )
    assert played.events == ["replace a", "put b", "drop a"]
    assert played.reflector.health.lists == 1


@pytest.mark.parametrize("code", [429, 500, 503])
def test_a_server_that_is_busy_is_asked_again_after_the_time_it_names(code: int) -> None:
    played = play(refusing(code, headers={"Retry-After": "7"}), listing(5, "a"), until="replace a")
    assert played.time.slept == [7.0]


def test_an_endless_retry_after_is_not_obeyed() -> None:
    played = play(refusing(429, headers={"Retry-After": "99999999"}), listing(5, "a"), until="replace a")
    assert played.time.slept == [MOST_ASKED_FOR_S]


def test_an_error_within_the_stream_that_is_no_410_goes_on_from_where_it_was() -> None:
    played = play(
        listing(5, "a"),
        watching(5, error(500, "etcd is ill")),
        listing(5, limit="1"),
        watching(5, event("ADDED", "b", 6)),
        until="put b",
    )
    assert played.events == ["replace a", "put b"]
    assert played.reflector.health.trouble == ""


def test_silence_is_taken_for_a_dead_connection() -> None:
    played = play(
        listing(5, "a"),
        watching(5, then="silence"),
        listing(5, limit="1"),
        watching(5, event("ADDED", "b", 6)),
        until="put b",
        quiet_s=0.05,
    )
    assert played.events == ["replace a", "put b"]
    assert "no answer in time" in played.notices[0]


def test_an_answer_that_never_comes_is_waited_for_less_long_than_a_watch_lasts() -> None:
    assert QUIET_S < WATCH_S


def test_a_server_that_is_away_for_an_hour_is_asked_ever_less_often_and_never_given_up() -> None:
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        port = nobody.getsockname()[1]
    time, notices = FakeTime(), list[str]()

    async def wait_an_hour() -> None:
        async with Client(of_server(f"http://127.0.0.1:{port}")) as client:
            stream = Reflector(client, PATH, name_of, time=time.time, notice=notices.append).stream()
            waiting = asyncio.ensure_future(anext(stream))
            await time.until(3600)
            assert not waiting.done()
            waiting.cancel()
            await asyncio.gather(waiting, return_exceptions=True)
            await stream.aclose()

    asyncio.run(wait_an_hour())
    assert time.slept[:4] == [0.2, 0.4, 0.8, 1.6]
    assert set(time.slept[10:]) == {LONGEST_S}
    assert "connection refused" in notices[0]


@pytest.mark.parametrize(("luck", "pause"), [(0.0, 0.1), (1.0, pytest.approx(0.3))])
def test_chance_keeps_many_clients_from_coming_back_at_once(luck: float, pause: float) -> None:
    played = play(refusing(500), listing(5, "a"), until="replace a", luck=luck)
    assert played.time.slept == [pause]


def test_a_restart_with_a_younger_store_lists_again() -> None:
    played = play(
        listing(900, "a", "b"),
        watching(900, then="cut"),
        listing(12, limit="1"),
        listing(12, "b"),
        watching(12, event("ADDED", "c", 13)),
        until="put c",
    )
    assert played.events == ["replace a b", "replace b", "put c"]
    assert "went back in time" in played.notices[1]


def test_an_event_older_than_what_was_seen_lists_again() -> None:
    played = play(listing(900, "a"), watching(900, event("ADDED", "b", 13)), listing(13, "b"), until="replace b")
    assert played.events == ["replace a", "replace b"]


@pytest.mark.parametrize(
    "refusal",
    [
        watching(900, error(504, "Too large resource version: 900, current: 12")),
        refusing(504, "Too large resource version: 900, current: 12", watch=True),
        refusing(400, "invalid resource version", watch=True),
    ],
)
def test_a_version_that_the_server_does_not_know_lists_again(refusal: Step) -> None:
    played = play(listing(900, "a"), refusal, listing(12, "b"), until="replace b")
    assert played.events == ["replace a", "replace b"]


def test_a_line_that_is_no_event_lists_again_for_it_may_have_been_a_deletion() -> None:
    played = play(listing(5, "a"), watching(5, "not JSON\n"), listing(6, "b"), until="replace b")
    assert played.events == ["replace a", "replace b"]


def test_a_list_that_is_no_list_is_asked_for_again() -> None:
    async def page(_request: Request, reply: Reply) -> None:
        await reply.whole(200, "<html>log in</html>")

    assert play(page, listing(5, "a"), until="replace a").events == ["replace a"]


def test_an_event_may_come_in_pieces_and_two_in_one() -> None:
    line = '{"type":"ADDED","object":{"metadata":{"name":"b","resourceVersion":"6"}}}\n'
    played = play(
        listing(5, "a"),
        watching(5, line[:20], line[20:50], line[50:] + line.replace('"b"', '"c"').replace("6", "7"), then="silence"),
        until="put c",
    )
    assert played.events == ["replace a", "put b", "put c"]


def test_a_watch_that_ends_at_once_again_and_again_is_not_asked_for_without_pause() -> None:
    ends = [watching(5) for _ in range(6)]
    played = play(listing(5, "a"), *ends, watching(5, event("ADDED", "b", 6)), until="put b")
    assert played.time.slept == [0.2, 0.4, 0.8, 1.6, 3.2, 6.4]


def test_410_after_each_list_is_not_answered_without_pause() -> None:
    rounds = [step for _ in range(4) for step in (listing(5, "a"), watching(5, error(410)))]
    played = play(*rounds, listing(9, "b"), until="replace b")
    assert played.time.slept == [0.2, 0.4, 0.8, 1.6]


def test_403_is_waited_out_for_somebody_may_grant_it() -> None:
    played = play(refusing(403, "pods is forbidden"), listing(5, "a"), until="replace a")
    assert played.reflector.health.failures == 1


def test_watches_do_not_all_end_at_once() -> None:
    def asked(luck: float) -> str:
        played = play(listing(5), watching(5, event("ADDED", "a", 6)), until="put a", luck=luck)
        return played.requests[1].query["timeoutSeconds"]

    assert (asked(0.0), asked(1.0)) == ("240", "480")
