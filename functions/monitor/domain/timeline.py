"""The timeline of a correlation id: request → command → events → functions, built from the log lines of gateway and functions.

An execution names the message it handled, the messages it emitted, and the message that caused its own. Several functions may handle one message, so
the cause of an execution is the one that emitted its message; if that line is missing, the one that handled the causing message.
"""

import heapq
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal, TypeVar
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, Field, ValidationError

from functions.kernel import Caller
from functions.monitor.domain.sanitizing import bounded
from functions.wire.log_lines import MAX_LINE_BYTES

REQUEST, FUNCTIONS = '{"log":"request"', '{"log":"functions"'
Milliseconds = Annotated[float, Field(ge=0, le=1e9)]
Line = TypeVar("Line", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Execution:
    at: datetime
    correlation: str
    kind: str
    context: str
    name: str
    outcome: str
    detail: str
    duration_ms: float
    message: str | None
    type: str | None
    causation: str | None
    actor: UUID | None
    trace: str | None
    emitted: tuple[str, ...]
    attempt: int
    cold: bool

    @property
    def end(self) -> datetime:
        return self.at + timedelta(milliseconds=self.duration_ms)


@dataclass(frozen=True, slots=True)
class TimelineNode:
    """An execution, its cause (None for the first one) and the number of causes before it."""

    execution: Execution
    cause: Execution | None
    depth: int


class _FunctionExecution(BaseModel):
    at: AwareDatetime
    message: str | None = None
    type: str | None = None
    correlation: str
    causation: str | None = None
    actor: str | None = None
    trace: str | None = None
    outcome: str
    detail: str = ""
    ms: Milliseconds = 0.0
    emitted: tuple[str, ...] = ()
    attempt: int = Field(default=1, ge=0, le=1_000_000)
    cold: bool = False


class _FunctionLine(_FunctionExecution):
    log: Literal["function"]
    function: str
    context: str
    kind: str


class _FunctionsLine(BaseModel):
    """Of executions of one function that ended together (`runtime.execution.execution_log`)."""

    log: Literal["functions"]
    function: str
    context: str
    kind: str
    executions: tuple[_FunctionExecution, ...]


class _RequestLine(BaseModel):
    log: Literal["request"]
    at: AwareDatetime
    method: str
    path: str
    status: int
    ms: Milliseconds
    correlation: str
    actor: str | None = None
    trace: str | None = None


def read(line: str) -> Sequence[Execution]:
    """Return the executions of a line; none of a line that is not an entry of the execution log."""
    if not line.startswith("{"):
        return ()
    found = _read(line)
    return found if not found or _is_bounded(line) else [_bounded(each) for each in found]


def _read(line: str) -> Sequence[Execution]:
    if line.startswith(FUNCTIONS):
        functions = _validated(_FunctionsLine, line)
        return [_execution(each, functions.function, functions.context, functions.kind) for each in functions.executions] if functions else ()
    is_request = line.startswith(REQUEST)  # as the gateway writes it: not the other model first
    if not is_request and (function := _validated(_FunctionLine, line)) is not None:
        return (_execution(function, function.function, function.context, function.kind),)
    request = _of_request(line)
    return () if request is None else (request,)


def _execution(call: _FunctionExecution, name: str, context: str, kind: str) -> Execution:
    return Execution(
        at=call.at,
        correlation=call.correlation,
        kind=kind,
        context=context,
        name=name,
        outcome=call.outcome,
        detail=call.detail,
        duration_ms=call.ms,
        message=call.message,
        type=call.type,
        causation=call.causation,
        actor=_uuid(call.actor),
        trace=call.trace,
        emitted=call.emitted,
        attempt=call.attempt,
        cold=call.cold,
    )


def _of_request(line: str) -> Execution | None:
    request = _validated(_RequestLine, line)
    if request is None:
        return None
    return Execution(
        at=request.at,
        correlation=request.correlation,
        kind="request",
        context="gateway",
        name=f"{request.method} {request.path.partition('?')[0]}",  # the query string may hold personal data
        outcome=str(request.status),
        detail="",
        duration_ms=request.ms,
        message=None,
        type=None,
        causation=None,
        actor=_uuid(request.actor),
        trace=request.trace,
        emitted=(),
        attempt=1,
        cold=False,
    )


def _is_bounded(line: str) -> bool:
    """Whether no text in a line of JSON needs `bounded`: it is short, and has no escapes and nothing beyond ASCII. Nearly every one."""
    return "\\" not in line and line.isascii() and len(line) <= MAX_LINE_BYTES


def _bounded(execution: Execution) -> Execution:
    texts = {each.name: getattr(execution, each.name) for each in fields(execution)}
    changed: dict[str, Any] = {name: bounded(text) for name, text in texts.items() if isinstance(text, str)}
    return replace(execution, **changed, emitted=tuple(map(bounded, execution.emitted)))


def arrange(executions: Iterable[Execution]) -> list[TimelineNode]:
    """Order by start, but never before the cause: clocks of two machines may differ."""
    known = sorted(executions, key=lambda execution: execution.at)
    causes = _causes(known)
    children: dict[int | None, list[int]] = {}
    for place, cause in enumerate(causes):
        children.setdefault(cause, []).append(place)

    placed: list[TimelineNode] = []
    ready = [(place, 0) for place in children.get(None, [])]
    while ready:
        place, depth = heapq.heappop(ready)
        cause = causes[place]
        placed.append(TimelineNode(known[place], None if cause is None else known[cause], depth))
        for child in children.get(place, []):
            heapq.heappush(ready, (child, depth + 1))
    return placed


def visible(placed: Sequence[TimelineNode], caller: Caller) -> list[TimelineNode]:
    """The executions that the caller may see: those on their behalf, and those without an actor that followed from them. A client may choose a
    correlation id, so knowing one grants nothing."""
    if caller.is_admin:
        return list(placed)
    seen: set[int] = set()
    kept: list[TimelineNode] = []
    for place in placed:  # causes come first
        actor = place.execution.actor
        if actor == caller.user_id or (actor is None and place.cause is not None and id(place.cause) in seen):
            seen.add(id(place.execution))
            kept.append(place)
    return kept


def _causes(known: Sequence[Execution]) -> list[int | None]:
    """For each execution the place of the one that caused it."""
    emitters: dict[str, int] = {}
    handlers: dict[str, int] = {}
    for place, execution in enumerate(known):
        for emitted in execution.emitted:
            emitters.setdefault(emitted.rpartition(":")[2], place)
        if execution.message is not None:
            handlers.setdefault(execution.message, place)

    causes: list[int | None] = []
    request: dict[UUID | None, int] = {}
    for place, execution in enumerate(known):
        if execution.kind == "request":
            request[execution.actor] = place
            causes.append(None)
        elif execution.message in emitters:
            causes.append(emitters[execution.message])
        elif execution.causation is not None:
            causes.append(handlers.get(execution.causation))
        elif execution.kind in ("command", "query"):  # the gateway's line names no message: the same caller's latest request asked for it
            causes.append(request.get(execution.actor))
        else:
            causes.append(None)
    for place in range(len(causes)):  # a cycle of causes: the earliest execution starts it
        passed, current = {place}, causes[place]
        while current is not None and current not in passed:
            passed.add(current)
            current = causes[current]
        if current == place:
            causes[place] = None
    return causes


def _validated(model: type[Line], line: str) -> Line | None:
    try:
        return model.model_validate_json(line)
    except ValidationError:
        return None


def _uuid(text: str | None) -> UUID | None:
    try:
        return UUID(text) if text else None
    except ValueError:
        return None
