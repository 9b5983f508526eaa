"""The lines of the execution log: executions that end together share one, and each of them is read as one with a line of its own."""

import asyncio
import json
from datetime import UTC, datetime
from typing import Any

import pytest

from functions.kernel import Declaration
from functions.monitor.domain.timeline import read
from functions.runtime.config.registry import find
from functions.runtime.execution.execution_log import ExecutionLog
from functions.runtime.execution.execution_metrics import ExecutionMetrics
from functions.wire.cloudevents import Message, new_message
from functions.wire.log_lines import MAX_LINE_BYTES

AT = datetime(2026, 5, 20, 10, 30, tzinfo=UTC)


class NoBus:
    async def publish_unconfirmed(self, exchange: str, routing_key: str, headers: dict[str, str], body: bytes) -> bool:
        return True


def message(declaration: Declaration) -> Message:
    parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    return new_message(declaration.name, "/capsule/test", b"{}", AT, correlationid="c" * 128, causation="m0", traceparent=parent)


def lines_of(count: int, capfd: pytest.CaptureFixture[str], *, names: tuple[str, ...] = ("auth.register",), **fields: Any) -> list[str]:
    """The lines of executions of which each function has `count`, in one turn of the event loop."""

    async def run() -> None:
        metrics = ExecutionMetrics(NoBus())
        log = ExecutionLog(metrics)
        for name in names:
            for _ in range(count):
                log.write(find(name), message(find(name)), AT, 1.5, **{"outcome": "done", **fields})
        await asyncio.sleep(0)
        await metrics.close()

    asyncio.run(run())
    return capfd.readouterr().err.splitlines()


def test_an_execution_alone_has_a_line_of_its_own(capfd: pytest.CaptureFixture[str]) -> None:
    [line] = lines_of(1, capfd)
    assert json.loads(line)["log"] == "function"
    [execution] = read(line)
    assert (execution.name, execution.context, execution.kind, execution.outcome) == ("auth.register", "auth", "command", "done")
    assert execution.cold and execution.causation == "m0" and execution.trace == "0af7651916cd43dd8448eb211c80319c"


def test_executions_of_one_function_that_end_together_share_a_line(capfd: pytest.CaptureFixture[str]) -> None:
    lines = lines_of(3, capfd, names=("auth.register", "auth.verify_email"), emitted=("user.created:m9",))
    found = [read(line) for line in lines]
    assert [[each.name for each in executions] for executions in found] == [["auth.register"] * 3, ["auth.verify_email"] * 3]
    assert len({each.message for executions in found for each in executions}) == 6
    assert {(each.emitted, each.duration_ms, each.attempt) for executions in found for each in executions} == {(("user.created:m9",), 1.5, 1)}


def test_no_shared_line_is_so_long_that_it_is_cut(capfd: pytest.CaptureFixture[str]) -> None:
    emitted = tuple(f"{'x' * 60}:{number:036}" for number in range(4))
    lines = lines_of(170, capfd, outcome="rejected", detail="d" * 100, emitted=emitted)
    assert len(lines) == 4 and max(map(len, lines)) <= MAX_LINE_BYTES
    assert sum(len(read(line)) for line in lines) == 170


def test_an_execution_with_much_to_say_has_a_line_of_its_own(capfd: pytest.CaptureFixture[str]) -> None:
    lines = lines_of(2, capfd, outcome="failed", detail="d" * 400)
    assert [json.loads(line)["log"] for line in lines] == ["function", "function"]
