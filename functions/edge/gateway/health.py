"""`GET /health`: the state of the platform, from the last report of each context.

Asking a context wakes its health function and one database connection, and monitoring polls every few seconds for ever.
So a poll asks no function: it gets the last round of reports with its age, corrected by the traffic that the gateway
sees. A reply of any function of a context shows that the context works; a request without a reply shows a fault. The
gateway asks the contexts only on the first poll after its start, and for `?fresh=1`, at most every 5 seconds.
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

AskHealth = Callable[[str], Awaitable[Reply]]
"""Context → the reply of its health function."""

PASS, WARN, FAIL = "pass", "warn", "fail"
STATUS_BY_CHECK = {PASS: "healthy", WARN: "degraded", FAIL: "unhealthy"}
CHECK_BY_STATUS = {status: check for check, status in STATUS_BY_CHECK.items()}
MIN_ROUND_SECONDS = 5.0


@dataclass
class _ContextState:
    """Times are `time.monotonic()`; 0 means never. `report` is None if the context did not reply."""

    report: Mapping[str, Any] | None = None
    asked_at: float = 0.0
    replied_at: float = 0.0
    missed_at: float = 0.0
    error: str = ""

    def check(self) -> str:
        if self.asked_at and self.report is None and self.replied_at < self.asked_at:
            return FAIL
        if self.missed_at > max(self.replied_at, self.asked_at):
            return WARN
        if self.report is None:
            return PASS if self.replied_at else WARN
        return CHECK_BY_STATUS.get(str(self.report.get("status", "")).lower(), FAIL)


@dataclass
class Health:
    contexts: Sequence[str]
    ask: AskHealth
    is_bus_connected: Callable[[], bool]
    version: str
    service: str = "capsule-gateway"
    _states: dict[str, _ContextState] = field(default_factory=dict)
    _round_at: float = 0.0
    _round: "asyncio.Task[None] | None" = None

    def __post_init__(self) -> None:
        self._states = {context: _ContextState() for context in self.contexts}

    def record_reply(self, context: str) -> None:
        """Note that a function of the context replied."""
        self._states[context].replied_at = time.monotonic()

    def record_missing_reply(self, context: str) -> None:
        """Note that a function of the context did not reply."""
        self._states[context].missed_at = time.monotonic()

    async def report(self, is_fresh: bool) -> tuple[int, dict[str, Any]]:
        """Return HTTP status and document: 503 when a context fails or RabbitMQ is not connected. `is_fresh`: ask the contexts first."""
        now = time.monotonic()
        if not self._round_at or (is_fresh and now - self._round_at > MIN_ROUND_SECONDS):
            if self._round is None or self._round.done():
                self._round = asyncio.create_task(self._ask_all())
            await asyncio.shield(self._round)
        return self._document()

    async def _ask_all(self) -> None:
        await asyncio.gather(*(self._ask_one(context) for context in self.contexts))
        self._round_at = time.monotonic()

    async def _ask_one(self, context: str) -> None:
        state = self._states[context]
        try:
            reply = await self.ask(context)
        except (BrokerUnavailable, Unroutable, NoReply) as error:
            state.asked_at, state.report, state.error = time.monotonic(), None, f"{type(error).__name__}: {error}"
            return
        state.asked_at = state.replied_at = time.monotonic()
        document = orjson.loads(reply.body) if reply.outcome == "done" and reply.body else None
        state.report = document if isinstance(document, dict) else None
        state.error = "" if state.report else f"the health function replied with status {reply.status}"
        if state.report is None:
            state.replied_at = 0.0

    def _document(self) -> tuple[int, dict[str, Any]]:
        now = time.monotonic()
        is_connected = self.is_bus_connected()
        checks = {context: state.check() for context, state in self._states.items()}
        worst = FAIL if not is_connected or FAIL in checks.values() else WARN if WARN in checks.values() else PASS
        memory_bytes = psutil.Process().memory_info().rss
        document = {
            "status": STATUS_BY_CHECK[worst],
            "service": self.service,
            "timestamp": stamp(datetime.now(UTC)),
            "ageSeconds": round(now - self._round_at, 1) if self._round_at else None,
            "metadata": {
                "version": self.version,
                "memory": {"used": round(memory_bytes / 1e6), "total": round(psutil.virtual_memory().total / 1e6), "unit": "MB"},
                "bus": {"connected": is_connected},
            },
            "checks": checks,
            "services": [self._service(context, state, now) for context, state in self._states.items()],
        }
        return (503 if worst == FAIL else 200), document

    def _service(self, context: str, state: _ContextState, now: float) -> dict[str, Any]:
        default = {"status": STATUS_BY_CHECK[state.check()], "service": f"{context}-service"}
        return {
            **(state.report if state.report is not None else default),
            "check": state.check(),
            "ageSeconds": round(now - state.asked_at, 1) if state.asked_at else None,
            "lastAnswerSeconds": round(now - state.replied_at, 1) if state.replied_at else None,
            **({"detail": state.error} if state.error else {}),
        }
