"""Requests to an application's URL go to its host, whatever its owner says."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from functions.deploy.adapters.application_requests import HttpApplicationRequests
from functions.runtime.config.settings import Settings


@asynccontextmanager
async def server(status: str) -> AsyncIterator[tuple[int, list[str]]]:
    """Yield the port of a server that answers everything with a status, and the request lines that it got."""
    lines: list[str] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        lines.append((await reader.readuntil(b"\r\n\r\n")).decode().partition("\r\n")[0])
        writer.write(f"HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n".encode())
        writer.close()

    listening = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with listening:
        yield listening.sockets[0].getsockname()[1], lines


@pytest.mark.parametrize("path", ["//127.0.0.1:{port}/a", "///127.0.0.1:{port}/a", "/\\\\127.0.0.1:{port}/a", "/@127.0.0.1:{port}/"])
async def test_a_health_path_leads_to_no_other_host(path: str) -> None:
    requests = HttpApplicationRequests(Settings({"CAPSULE_HEALTH_CHECK_KEY": ""}))
    async with server("500 Internal Server Error") as (other, of_other), server("200 OK") as (port, of_application):
        path = path.format(port=other)
        assert await requests.find_failure(f"http://127.0.0.1:{port}", path) is None
        assert of_other == [] and len(of_application) <= 1


async def test_a_health_path_is_requested_as_it_is() -> None:
    requests = HttpApplicationRequests(Settings({"CAPSULE_HEALTH_CHECK_KEY": ""}))
    async with server("200 OK") as (port, lines):
        for path in ("/", "/healthz?full=1&a=%2F", "/a//b"):
            assert await requests.find_failure(f"http://127.0.0.1:{port}", path) is None
    assert lines == ["GET / HTTP/1.1", "GET /healthz?full=1&a=%2F HTTP/1.1", "GET /a//b HTTP/1.1"]
