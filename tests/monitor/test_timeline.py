"""The timeline is put together from lines: order, causes, and who may see what."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from functions.kernel import Caller
from functions.monitor.domain.timeline import Execution, TimelineNode, arrange, read, visible

START = datetime(2026, 5, 20, 10, 30, tzinfo=UTC)
ADA, BOB = UUID(int=1), UUID(int=2)


def function_line(**fields: Any) -> str:
    line = {
        "log": "function",
        "at": "2026-05-20T10:30:00.123Z",
        "function": "auth.register",
        "context": "auth",
        "kind": "command",
        "message": "m1",
        "type": "auth.register",
        "correlation": "c1",
        "causation": None,
        "actor": None,
        "trace": "0af7651916cd43dd8448eb211c80319c",
        "outcome": "done",
        "detail": "",
        "ms": 12.3,
        "emitted": ["user.created:m2"],
        "attempt": 1,
        "cold": True,
    }
    return json.dumps({**line, **fields})


def execution(
    name: str, at: float, *, message: str | None = None, causation: str | None = None, emitted: list[str] | None = None, **fields: Any
) -> Execution:
    kind = fields.pop("kind", "event")
    actor = fields.pop("actor", None)
    return Execution(
        at=START + timedelta(milliseconds=at),
        correlation="c1",
        kind=kind,
        context=name.partition(".")[0],
        name=name,
        outcome="done",
        detail="",
        duration_ms=1.0,
        message=message,
        type=None,
        causation=causation,
        actor=actor,
        trace=None,
        emitted=tuple(f"x:{message}" for message in emitted or []),
        attempt=fields.pop("attempt", 1),
        cold=False,
    )


def summaries(placed: list[TimelineNode]) -> list[tuple[str, str | None, int]]:
    return [(place.execution.name, place.cause.name if place.cause else None, place.depth) for place in placed]


def test_a_functions_line_is_read() -> None:
    [found] = read(function_line(actor=str(ADA)))
    assert (found.name, found.kind, found.message, found.emitted, found.actor, found.duration_ms) == (
        "auth.register",
        "command",
        "m1",
        ("user.created:m2",),
        ADA,
        12.3,
    )


def test_a_gateways_line_is_read_without_its_query_string() -> None:
    line = {
        "log": "request",
        "at": "2026-05-20T10:30:00Z",
        "method": "GET",
        "path": "/v1/verify?token=x",
        "status": 200,
        "ms": 3,
        "correlation": "c1",
        "trace": "0af7651916cd43dd8448eb211c80319c",
    }
    [found] = read(json.dumps(line))
    assert (found.kind, found.name, found.outcome, found.message) == ("request", "GET /v1/verify", "200", None)
    assert found.trace == "0af7651916cd43dd8448eb211c80319c"


@pytest.mark.parametrize(
    "line",
    [
        "",
        "Traceback (most recent call last):",
        "{",
        "{}",
        '{"log": "function"}',
        '{"log": "other", "at": "2026-05-20T10:30:00Z"}',
        "[1]",
        function_line(at="yesterday"),
        function_line(at="2026-05-20T10:30:00"),
        function_line(ms="1e999"),
        function_line(attempt=10**12),
    ],
)
def test_other_lines_are_none_of_the_timelines(line: str) -> None:
    assert not read(line)


def test_texts_of_a_line_can_be_stored() -> None:
    [found] = read(function_line(detail="a\x00b", emitted=["a\x00:1"], function="f\x00"))
    assert "\x00" not in found.detail + found.name + found.emitted[0]


def test_executions_that_share_a_line_are_those_of_a_line_each() -> None:
    one, other = (
        json.loads(function_line(message=message, cold=False, emitted=[], actor=actor)) for message, actor in (("m1", str(ADA)), ("m2", None))
    )
    short = [{name: value for name, value in each.items() if value and name not in ("log", "function", "context", "kind")} for each in (one, other)]
    line = {"log": "functions", "function": "auth.register", "context": "auth", "kind": "command", "executions": short}
    assert [*read(json.dumps(line, separators=(",", ":")))] == [*read(json.dumps(one)), *read(json.dumps(other))]


@pytest.mark.parametrize("executions", [None, [], [{}], [{"at": "2026-05-20T10:30:00Z"}], {"at": "2026-05-20T10:30:00Z"}])
def test_a_shared_line_without_executions_is_none_of_the_timelines(executions: object) -> None:
    line = {"log": "functions", "function": "auth.register", "context": "auth", "kind": "command", "executions": executions}
    assert not read(json.dumps(line, separators=(",", ":")))


def test_from_request_over_command_and_events_to_functions() -> None:
    placed = arrange(
        [
            execution("deploy.on_user_created", 40, message="e1", causation="m1"),
            execution("billing.on_customer_created", 60, message="e2", causation="e1"),
            execution("billing.on_user_created", 30, message="e1", causation="m1", emitted=["e2"]),
            execution("auth.register", 10, message="m1", emitted=["e1"], kind="command", actor=ADA),
            execution("POST /v1/users", 5, kind="request", actor=ADA),
        ]
    )
    assert summaries(placed) == [
        ("POST /v1/users", None, 0),
        ("auth.register", "POST /v1/users", 1),
        ("billing.on_user_created", "auth.register", 2),
        ("deploy.on_user_created", "auth.register", 2),
        ("billing.on_customer_created", "billing.on_user_created", 3),  # emitted it; deploy handled the same message and did not
    ]


def test_nothing_stands_before_its_cause_even_when_clocks_disagree() -> None:
    placed = arrange([execution("b.on", 0, message="e1", causation="m1"), execution("a.do", 100, message="m1", emitted=["e1"], kind="command")])
    assert summaries(placed) == [("a.do", None, 0), ("b.on", "a.do", 1)]


def test_each_attempt_is_shown_and_a_missing_line_does_not_break_the_story() -> None:
    placed = arrange(
        [
            execution("b.on", 10, message="e1", causation="m1", attempt=1),
            execution("b.on", 20, message="e1", causation="m1", attempt=2, emitted=["e2"]),
            execution("c.on", 30, message="e2", causation="e1"),
            execution("d.on", 40, message="e9", causation="e8"),
        ]
    )
    assert summaries(placed) == [("b.on", None, 0), ("b.on", None, 0), ("c.on", "b.on", 1), ("d.on", None, 0)]
    assert placed[2].cause is placed[1].execution


def test_lines_that_cause_each_other_are_shown_once() -> None:
    placed = arrange(
        [
            execution("a.on", 0, message="m1", causation="m2", emitted=["m2"]),
            execution("b.on", 10, message="m2", causation="m1", emitted=["m1"]),
            execution("c.on", 20, message="m3", causation="m3", emitted=["m3"]),
        ]
    )
    assert summaries(placed) == [("a.on", None, 0), ("b.on", "a.on", 1), ("c.on", None, 0)]


def test_a_caller_sees_their_own_and_what_followed_from_it() -> None:
    placed = arrange(
        [
            execution("POST /v1/apps", 0, kind="request", actor=ADA),
            execution("deploy.create", 1, message="m1", emitted=["e1"], kind="command", actor=ADA),
            execution("monitor.on_application_created", 2, message="e1", causation="m1"),
            # the same correlation id, chosen by others
            execution("deploy.create", 3, message="m9", emitted=["e9"], kind="command", actor=BOB),
            execution("monitor.on_application_created", 4, message="e9", causation="m9"),
            execution("auth.login", 5, message="m10", kind="command"),
        ]
    )
    assert [place.execution.message for place in visible(placed, Caller(ADA))] == [None, "m1", "e1"]
    assert [place.execution.message for place in visible(placed, Caller(BOB))] == ["m9", "e9"]
    assert visible(placed, Caller(UUID(int=3))) == []
    assert len(visible(placed, Caller(UUID(int=3), frozenset({"admin"})))) == 6
