"""The world outside: who answers, and that it tells whose address arrived."""

from __future__ import annotations

import asyncio
import ipaddress
import socket

from podfence.lab.dns.zone import Record
from podfence.lab.outside import HOSTS, Opened, addresses, outside_zone, serve


def test_every_address_is_one_host_s() -> None:
    every = addresses()
    assert len(set(every)) == len(every)
    assert {"8.8.8.8", "1.1.1.1", "169.254.169.254"} <= set(every)
    assert {ipaddress.ip_address(one).version for one in every} == {4, 6}


def test_every_name_leads_to_its_addresses_and_back() -> None:
    zone = outside_zone()
    for host in HOSTS:
        for name in host.names:
            found = zone.find(name)
            assert found is not None
            assert {one.data for one in found.records} == {str(ipaddress.ip_address(one)) for one in host.addresses}
        for address in host.addresses:
            back = zone.find(ipaddress.ip_address(address).reverse_pointer)
            assert back is not None
            assert back.records == (Record("PTR", f"{host.names[0]}."),)


def test_it_answers_http_echoes_and_hangs_up_on_what_is_neither() -> None:
    async def talk(port: int, text: bytes) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(text)
        writer.write_eof()
        answer = await asyncio.wait_for(reader.read(), 10)
        writer.close()
        return answer

    async def story() -> None:
        listener = socket.create_server(("127.0.0.1", 0))
        echo = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        echo.bind(("127.0.0.1", 0))
        port, echo_address = listener.getsockname()[1], echo.getsockname()
        serving = asyncio.create_task(serve(Opened((listener,), (echo,), (), ())))
        answer = await talk(port, b"GET / HTTP/1.1\r\nHost: www.google.com\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 200 OK")
        assert answer.endswith(b"127.0.0.1 (127.0.0.1) saw 127.0.0.1\n")
        assert (await talk(port, b"HEAD / HTTP/1.1\r\n\r\n")).endswith(b"\r\n\r\n")
        assert await talk(port, b"\x16\x03\x01\x02\x00\x01\r\n\r\n") == b""
        client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        client.setblocking(False)
        loop = asyncio.get_running_loop()
        await loop.sock_sendto(client, b"hello", echo_address)
        assert await asyncio.wait_for(loop.sock_recv(client, 100), 10) == b"hello"
        client.close()
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)

    asyncio.run(story())
