"""`GET /health`: how the platform is, from what its contexts last said of themselves.

Asking a context wakes its health function (and one database connection), and monitoring polls every few seconds for ever; so a poll asks
nobody. It is answered from the last round, with its age, corrected by what the gateway sees pass: an answer of any function of a context shows
that the context lives, a command without an answer that something is wrong. A round of questions is made only when there has been none yet (the
first poll after a start), or when `?fresh=1` asks for it, at most every few seconds however many ask.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import orjson
import psutil

from functions.runtime.messaging.bus import BrokerUnavailable, NoReply, Reply, Unroutable
from functions.wire.cloudevents import stamp

Ask = Callable[[str], Awaitable[Reply]]  # a context's name → the reply of its health function

PASS, WARN, FAIL = "pass", "warn", "fail"
WORDS = {PASS: "healthy", WARN: "degraded", FAIL: "unhealthy"}
SHORTEST_ROUND = 5.0  # seconds between two rounds


@dataclass
class _Seen:
    """What is known of one context."""

    said: Mapping[str, Any] | None = None  # its own document, or None: it did not answer
    asked_at: float = 0.0
    answered_at: float = 0.0
    silent_at: float = 0.0
    why: str = ""

    def check(self) -> str:
        if self.asked_at and self.said is None and self.answered_at < self.asked_at:
            return FAIL
        if self.silent_at > max(self.answered_at, self.asked_at):
            return WARN
        if self.said is None:
            return WARN if not self.answered_at else PASS
        return {"healthy": PASS, "degraded": WARN}.get(str(self.said.get("status", "")).lower(), FAIL)


@dataclass
class Health:
    contexts: Sequence[str]
    ask: Ask
    bus_connected: Callable[[], bool]
    version: str
    service: str = "capsule-gateway"
    _seen: dict[str, _Seen] = field(default_factory=dict)
    _round_at: float = 0.0
    _round: "asyncio.Task[None] | None" = None

    def __post_init__(self) -> None:
        self._seen = {context: _Seen() for context in self.contexts}

    def answered(self, context: str) -> None:
        """A function of that context has answered."""
        self._seen[context].answered_at = time.monotonic()

    def silent(self, context: str) -> None:
        """A function of that context has not."""
        self._seen[context].silent_at = time.monotonic()

    async def report(self, fresh: bool) -> tuple[int, dict[str, Any]]:
        """HTTP status and document: 503 when a context or the bus fails."""
        now = time.monotonic()
        if not self._round_at or (fresh and now - self._round_at > SHORTEST_ROUND):
            if self._round is None or self._round.done():
                self._round = asyncio.create_task(self._ask_all())
            await asyncio.shield(self._round)
        return self._document()

    async def _ask_all(self) -> None:
        await asyncio.gather(*(self._ask_one(context) for context in self.contexts))
        self._round_at = time.monotonic()

    async def _ask_one(self, context: str) -> None:
        seen = self._seen[context]
        try:
            reply = await self.ask(context)
        except (BrokerUnavailable, Unroutable, NoReply) as error:
            seen.asked_at, seen.said, seen.why = time.monotonic(), None, f"{type(error).__name__}: {error}"
            return
        seen.asked_at = seen.answered_at = time.monotonic()
        document = orjson.loads(reply.body) if reply.outcome == "done" and reply.body else None
        seen.said = document if isinstance(document, dict) else None
        seen.why = "" if seen.said else f"its health function answered {reply.status}"
        if seen.said is None:
            seen.answered_at = 0.0

    def _document(self) -> tuple[int, dict[str, Any]]:
        now = time.monotonic()
        connected = self.bus_connected()
        checks = {context: seen.check() for context, seen in self._seen.items()}
        worst = FAIL if not connected or FAIL in checks.values() else WARN if WARN in checks.values() else PASS
        memory = psutil.Process().memory_info().rss
        document = {
            "status": WORDS[worst],
            "service": self.service,
            "timestamp": stamp(datetime.now(UTC)),
            "ageSeconds": round(now - self._round_at, 1) if self._round_at else None,
            "metadata": {
                "version": self.version,
                "memory": {"used": round(memory / 1e6), "total": round(psutil.virtual_memory().total / 1e6), "unit": "MB"},
                "bus": {"connected": connected},
            },
            "checks": checks,
            "services": [self._service(context, seen, now) for context, seen in self._seen.items()],
        }
        return (503 if worst == FAIL else 200), document

    def _service(self, context: str, seen: _Seen, now: float) -> dict[str, Any]:
        said = dict(seen.said) if seen.said is not None else {"status": WORDS[seen.check()], "service": f"{context}-service"}
        return {
            **said,
            "check": seen.check(),
            "ageSeconds": round(now - seen.asked_at, 1) if seen.asked_at else None,
            "lastAnswerSeconds": round(now - seen.answered_at, 1) if seen.answered_at else None,
            **({"detail": seen.why} if seen.why else {}),
        }
