"""Requests that a pod gets while it starts for the first time: they wait in the backlog of the socket that it inherits."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from knative.local.serving.http.upstreams import Response
from knative.local.serving.routing import StartFailed, call_early

OK = Response(204, {}, b"")


def starting() -> Any:
    """A pod whose start has not ended."""
    return SimpleNamespace(start=asyncio.get_running_loop().create_future())


async def test_a_pod_may_answer_before_a_probe_has_found_it_ready() -> None:
    async def answer() -> Response:
        return OK

    assert await call_early(starting(), answer()) is OK


async def test_a_pod_that_is_ready_has_the_time_that_it_needs() -> None:
    pod, done = starting(), asyncio.Event()

    async def answer() -> Response:
        await done.wait()
        return OK

    calling = asyncio.create_task(call_early(pod, answer()))
    pod.start.set_result(True)
    await asyncio.sleep(0)
    assert not calling.done()
    done.set()
    assert await calling is OK


async def test_a_request_leaves_a_pod_that_ended_before_it_was_ready() -> None:
    pod, has_ended = starting(), asyncio.Event()

    async def answer() -> Response:
        try:
            await asyncio.Event().wait()
        finally:
            has_ended.set()
        return OK

    calling = asyncio.create_task(call_early(pod, answer()))
    await asyncio.sleep(0)
    pod.start.set_result(False)
    with pytest.raises(StartFailed):
        await calling
    await asyncio.wait_for(has_ended.wait(), 5)


async def test_a_connection_that_breaks_counts_only_if_the_pod_was_ready() -> None:
    async def refuse() -> Response:
        raise ConnectionResetError

    for was_ready, error in ((True, ConnectionResetError), (False, StartFailed)):
        pod = starting()
        calling = asyncio.create_task(call_early(pod, refuse()))
        await asyncio.sleep(0)
        pod.start.set_result(was_ready)
        with pytest.raises(error):
            await calling


async def test_who_stops_waiting_ends_the_request() -> None:
    has_ended = asyncio.Event()

    async def answer() -> Response:
        try:
            await asyncio.Event().wait()
        finally:
            has_ended.set()
        return OK

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await call_early(starting(), answer())
    await asyncio.wait_for(has_ended.wait(), 5)
