"""`GET /health`: the state of the platform, from the last report of each context.

Asking a context wakes its health function and one database connection, and monitoring polls every few seconds for ever.
So a poll asks no context that is known to work: it gets the last reports with their age, corrected by the traffic that
the gateway sees. A good reply of any function of a context shows that the context works; a reply with 5xx, or none,
makes it suspect. A poll asks

    a context that is suspect, or whose last report was not good    at most every 5 seconds, so recovery shows as well
    a context whose last report is older than MAX_AGE_SECONDS       so no number in the answer is older
    every context                                                   on the first poll after the start, and for `?fresh=1`
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
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
"""Between two questions to one context."""
MAX_AGE_SECONDS = 300.0
"""How old a report may be. Traffic shows that a context works, but not how long its outbox is or how many dead letters it has."""
MAX_WAIT_SECONDS = 2.0
"""How long a poll waits for contexts of which something is known already."""
SERVER_ERROR = 500


@dataclass
class _ContextState:
    """Times are `time.monotonic()`; 0 means never. `report` is None if the context did not reply. `missed_at`: of a request without a good reply."""

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

    def is_due(self, now: float, *, is_fresh: bool) -> bool:
        """Whether a poll asks the context."""
        if not self.asked_at:
            return True
        if now - self.asked_at < MIN_ROUND_SECONDS:
            return False
        return is_fresh or self.check() != PASS or now - self.asked_at > MAX_AGE_SECONDS


@dataclass(frozen=True, slots=True)
class Report:
    """The last report of a context. `age_seconds`: None before the first one. `messages`: its backlog."""

    context: str
    check: str
    age_seconds: float | None
    messages: Mapping[str, Any]


@dataclass
class Health:
    contexts: Sequence[str]
    ask: AskHealth
    is_bus_connected: Callable[[], bool]
    version: str
    service: str = "capsule-gateway"
    now: Callable[[], float] = lambda: time.monotonic()
    _states: dict[str, _ContextState] = field(default_factory=dict)
    _details: Callable[[], Mapping[str, Mapping[str, Any]]] = dict
    """What the gateway itself knows about the contexts, for their entries."""
    _round: "asyncio.Task[None] | None" = None

    def __post_init__(self) -> None:
        self._states = {context: _ContextState() for context in self.contexts}

    def add_details(self, details: Callable[[], Mapping[str, Mapping[str, Any]]]) -> None:
        """Set what the entries of the contexts have in addition: context → fields."""
        self._details = details

    def record_reply(self, context: str, status: int) -> None:
        """Note that a function of the context replied. `status`: the HTTP status of the reply."""
        if status >= SERVER_ERROR:
            self.record_missing_reply(context)
        else:
            self._states[context].replied_at = self.now()

    def record_missing_reply(self, context: str) -> None:
        """Note that a function of the context did not reply, or failed."""
        self._states[context].missed_at = self.now()

    async def report(self, is_fresh: bool) -> tuple[int, dict[str, Any]]:
        """Return HTTP status and document: 503 when a context fails or RabbitMQ is not connected. `is_fresh`: ask the contexts first."""
        due = [context for context, state in self._states.items() if state.is_due(self.now(), is_fresh=is_fresh)]
        if due and (self._round is None or self._round.done()):
            self._round = asyncio.create_task(self._ask_all(due))
        if self._round is not None and not self._round.done():
            is_first = any(not state.asked_at for state in self._states.values())
            await asyncio.wait({self._round}, timeout=None if is_first or is_fresh else MAX_WAIT_SECONDS)
        return self._document()

    def reports(self) -> Iterator[Report]:
        """What is known about each context. Asks none."""
        now = self.now()
        for context, state in self._states.items():
            messages = _metadata(state).get("messages") or {}
            yield Report(context, state.check(), now - state.asked_at if state.asked_at else None, messages)

    async def _ask_all(self, contexts: Sequence[str]) -> None:
        await asyncio.gather(*(self._ask_one(context) for context in contexts))

    async def _ask_one(self, context: str) -> None:
        state = self._states[context]
        try:
            reply = await self.ask(context)
        except (BrokerUnavailable, Unroutable, NoReply) as error:
            state.asked_at, state.report, state.error = self.now(), None, f"{type(error).__name__}: {error}"
            return
        state.asked_at = state.replied_at = self.now()
        document = orjson.loads(reply.body) if reply.outcome == "done" and reply.body else None
        state.report = document if isinstance(document, dict) else None
        state.error = "" if state.report else f"the health function replied with status {reply.status}"
        if state.report is None:
            state.replied_at = 0.0

    def _document(self) -> tuple[int, dict[str, Any]]:
        now = self.now()
        times = [state.asked_at for state in self._states.values()]
        is_connected = self.is_bus_connected()
        checks = {context: state.check() for context, state in self._states.items()}
        worst = FAIL if not is_connected or FAIL in checks.values() else WARN if WARN in checks.values() else PASS
        details = self._details()
        memory_bytes = psutil.Process().memory_info().rss
        document = {
            "status": STATUS_BY_CHECK[worst],
            "service": self.service,
            "timestamp": stamp(datetime.now(UTC)),
            "ageSeconds": round(now - min(times), 1) if times and all(times) else None,
            "metadata": {
                "version": self.version,
                "memory": {"used": round(memory_bytes / 1e6), "total": round(psutil.virtual_memory().total / 1e6), "unit": "MB"},
                "bus": {"connected": is_connected},
            },
            "checks": checks,
            "notices": [notice for state in self._states.values() for notice in _metadata(state).get("notices") or ()],
            "services": [self._service(context, state, now, details.get(context)) for context, state in self._states.items()],
        }
        return (503 if worst == FAIL else 200), document

    def _service(self, context: str, state: _ContextState, now: float, details: Mapping[str, Any] | None) -> dict[str, Any]:
        default = {"status": STATUS_BY_CHECK[state.check()], "service": f"{context}-service"}
        return {
            **(state.report if state.report is not None else default),
            "check": state.check(),
            "ageSeconds": round(now - state.asked_at, 1) if state.asked_at else None,
            "lastAnswerSeconds": round(now - state.replied_at, 1) if state.replied_at else None,
            **({"detail": state.error} if state.error else {}),
            **({"gateway": details} if details else {}),
        }


def _metadata(state: _ContextState) -> Mapping[str, Any]:
    """What a context reported of itself; empty before its first report."""
    metadata: Mapping[str, Any] = (state.report or {}).get("metadata") or {}
    return metadata
