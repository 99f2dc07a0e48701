"""Logs of containers: lines with their time, bounded, followed to the end."""

from __future__ import annotations

import asyncio
import random

from podfence.lab.container_log import ContainerLog


def read(log: ContainerLog, *, follow: bool = False) -> list[tuple[float, bytes]]:
    async def collect() -> list[tuple[float, bytes]]:
        return [line async for line in log.read(follow=follow)]

    return asyncio.run(collect())


def test_a_line_has_the_time_of_its_end_and_keeps_its_newline() -> None:
    log = ContainerLog()
    log.write(1.0, b"one\ntw")
    log.write(2.0, b"o\n")
    assert read(log) == [(1.0, b"one\n"), (2.0, b"two\n")]


def test_a_last_line_without_newline_comes_at_the_end() -> None:
    log = ContainerLog()
    log.write(1.0, b"bye")
    assert read(log) == []
    log.close(2.0)
    assert read(log) == [(2.0, b"bye")]


def test_the_two_streams_do_not_mix_within_a_line() -> None:
    log = ContainerLog()
    log.write(1.0, b"out", 1)
    log.write(1.0, b"err\n", 2)
    log.write(2.0, b"put\n", 1)
    assert [line for _, line in read(log)] == [b"err\n", b"output\n"]


def test_the_oldest_lines_go_when_there_is_too_much() -> None:
    log = ContainerLog()
    for number in range(1000):
        log.write(number, b"%d " % number + b"x" * 10_000 + b"\n")
    lines = read(log)
    assert sum(len(line) for _, line in lines) <= 4 << 20
    assert lines[-1][1].startswith(b"999 ")
    assert [int(line.split()[0]) for _, line in lines] == list(range(1000 - len(lines), 1000))


def test_whatever_is_written_in_whatever_pieces_is_read_whole() -> None:
    chance = random.Random(7)
    text = bytes(chance.choices(b"ab\r\n", k=5000)) + b"c" * 40_000 + b"\n"
    log = ContainerLog()
    rest = text
    while rest:
        size = chance.randint(1, 300)
        log.write(0.0, rest[:size])
        rest = rest[size:]
    log.close(0.0)
    assert b"".join(line for _, line in read(log)) == text


def test_a_follower_gets_new_lines_until_the_container_ends() -> None:
    async def story() -> list[bytes]:
        log = ContainerLog()
        log.write(1.0, b"old\n")

        async def follow() -> list[bytes]:
            return [line async for _, line in log.read(follow=True)]

        followers = [asyncio.ensure_future(follow()) for _ in range(2)]
        for text in (b"new\n", b"er\n"):
            await asyncio.sleep(0)
            log.write(2.0, text)
        log.close(3.0)
        first, second = await asyncio.gather(*followers)
        assert first == second
        return first

    assert asyncio.run(story()) == [b"old\n", b"new\n", b"er\n"]
