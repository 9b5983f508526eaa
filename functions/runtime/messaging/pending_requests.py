"""Requests that wait for their reply, by correlation id."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass


class NoReply(Exception):
    """No reply arrived in time, or the connection was lost while waiting. The outcome is unknown."""


@dataclass(frozen=True, slots=True)
class Reply:
    """`outcome`: done, rejected or failed. `status`: the HTTP status it suggests. `body`: the result or a problem document, JSON."""

    outcome: str
    status: int
    headers: Mapping[str, str]
    body: bytes


class PendingRequests:
    def __init__(self) -> None:
        self._replies: dict[str, asyncio.Future[Reply]] = {}

    def __contains__(self, correlation_id: str) -> bool:
        return correlation_id in self._replies

    def start(self, correlation_id: str, timeout_seconds: float) -> "tuple[asyncio.Future[Reply], asyncio.TimerHandle]":
        """Return the future of a reply, which fails with NoReply after the time, and its timer. End it with `finish`."""
        loop = asyncio.get_running_loop()
        reply: asyncio.Future[Reply] = loop.create_future()
        self._replies[correlation_id] = reply
        return reply, loop.call_later(timeout_seconds, _expire, reply, timeout_seconds)

    def finish(self, correlation_id: str, timer: asyncio.TimerHandle) -> None:
        timer.cancel()
        self._replies.pop(correlation_id, None)

    def settle(self, correlation_id: str, headers: Mapping[str, str], body: bytes) -> None:
        """Hand a reply to its request; a reply that nothing waits for is dropped."""
        reply = self._replies.get(correlation_id)
        if reply is not None and not reply.done():
            reply.set_result(Reply(headers.get("outcome", "failed"), int(headers.get("status", "500")), headers, body))

    def fail_all(self, error: str) -> None:
        replies, self._replies = self._replies, {}
        for reply in replies.values():
            if not reply.done():
                reply.set_exception(NoReply(f"the connection to RabbitMQ was lost before the reply arrived: {error}"))


def _expire(reply: "asyncio.Future[Reply]", seconds: float) -> None:
    if not reply.done():
        reply.set_exception(NoReply(f"no reply within {seconds:g} s"))
