"""`GET /health`: whom a poll asks, and what errors and silence mean. Time is a number."""

import asyncio
from collections import Counter
from dataclasses import dataclass, field

import orjson

from functions.edge.gateway.health import MAX_AGE_SECONDS, MIN_ROUND_SECONDS, Health
from functions.runtime.messaging.bus import NoReply, Reply


@dataclass
class Platform:
    """Two contexts, the gateway's health report about them, and the questions that they got."""

    health: Health = field(init=False)
    time: float = 1000.0
    polled: Counter[str] = field(default_factory=Counter)
    down: set[str] = field(default_factory=set)
    silent: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.health = Health(["auth", "deploy"], self.ask, lambda: True, "1.0", now=lambda: self.time)

    async def ask(self, context: str) -> Reply:
        self.polled[context] += 1
        if context in self.silent:
            raise NoReply
        if context in self.down:
            return Reply("failed", 503, {}, b"{}")
        return Reply("done", 200, {}, orjson.dumps({"status": "healthy"}))

    async def poll(self, after: float = 0.0, *, is_fresh: bool = False) -> tuple[int, dict[str, str]]:
        """HTTP status, and the check of each context."""
        self.time += after
        status, document = await self.health.report(is_fresh)
        return status, document["checks"]


async def test_the_first_poll_asks_and_later_ones_wake_nobody() -> None:
    platform = Platform()
    assert await platform.poll() == (200, {"auth": "pass", "deploy": "pass"})
    for _ in range(20):
        assert (await platform.poll(10))[0] == 200
    assert platform.polled == {"auth": 1, "deploy": 1}


async def test_an_error_reply_makes_a_context_suspect_and_a_poll_asks_it_again() -> None:
    platform = Platform()
    await platform.poll()
    platform.down.add("deploy")
    platform.time += 60
    platform.health.record_reply("deploy", 503)
    assert await platform.poll() == (503, {"auth": "pass", "deploy": "fail"})
    assert platform.polled == {"auth": 1, "deploy": 2}, "the other one sleeps on"


async def test_recovery_shows_without_a_request() -> None:
    platform = Platform()
    platform.down.add("auth")
    assert (await platform.poll())[0] == 503
    platform.down.clear()
    assert (await platform.poll(MIN_ROUND_SECONDS - 1))[0] == 503, "it was polled a moment ago"
    assert await platform.poll(2) == (200, {"auth": "pass", "deploy": "pass"})
    assert platform.polled == {"auth": 2, "deploy": 1}


async def test_no_reply_makes_a_context_suspect() -> None:
    platform = Platform()
    await platform.poll()
    platform.silent.add("auth")
    platform.time += 60
    platform.health.record_missing_reply("auth")
    assert await platform.poll() == (503, {"auth": "fail", "deploy": "pass"})
    platform.silent.clear()
    platform.time += 60
    platform.health.record_reply("auth", 200)
    assert (await platform.poll())[1]["auth"] == "pass"


async def test_nothing_is_older_than_the_stated_age() -> None:
    platform = Platform()
    await platform.poll()
    platform.down.add("deploy")
    platform.time += MAX_AGE_SECONDS - 1
    platform.health.record_reply("auth", 200)
    assert (await platform.poll())[0] == 200
    assert platform.polled == {"auth": 1, "deploy": 1}
    assert await platform.poll(2) == (503, {"auth": "pass", "deploy": "fail"})
    assert platform.polled == {"auth": 2, "deploy": 2}, "a request has shown that auth works, but not its numbers"


async def test_rejections_of_a_function_are_signs_of_life() -> None:
    platform = Platform()
    await platform.poll()
    platform.health.record_reply("auth", 404)
    assert (await platform.poll(10))[0] == 200
    assert platform.polled["auth"] == 1


async def test_a_fresh_poll_asks_all_and_many_polls_ask_once() -> None:
    platform = Platform()
    await platform.poll()
    platform.time += 10
    await asyncio.gather(*(platform.poll(is_fresh=True) for _ in range(20)))
    assert platform.polled == {"auth": 2, "deploy": 2}
