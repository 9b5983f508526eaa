"""After a transaction of several messages a moment passes in which more arrive: when it ends, and when there is none."""

import asyncio
from collections.abc import Sequence
from itertools import count
from types import SimpleNamespace
from typing import Any

import pytest

from functions.kernel import Kind, Scale
from functions.runtime.execution import batches
from functions.runtime.execution.batches import PAUSE_AFTER, Batches
from functions.runtime.execution.transactions import SKIPPED, Committed, Execution

NEVER = 600.0
ENOUGH = 16
IDS = count()


class RecordedBatches(Batches):
    """Whose transactions do nothing, with the size of each."""

    def __init__(self) -> None:
        super().__init__(context=None)  # type: ignore[arg-type]
        self.sizes: list[int] = []

    async def _commit(self, batch: Sequence[Any]) -> Sequence[Committed | None]:
        self.sizes.append(len(batch))
        return [SKIPPED] * len(batch)


def function(kind: Kind = Kind.COMMAND, *, concurrency: int = 64) -> Any:
    return SimpleNamespace(declaration=SimpleNamespace(kind=kind, scale=Scale(concurrency=concurrency, batch=ENOUGH)))


async def send(sent_to: Batches, receiver: Any, number: int) -> list["asyncio.Task[Committed | None]"]:
    """Let messages arrive, and everything happen that follows without time."""
    message: Any = SimpleNamespace(attempt=1)
    executions = [Execution(receiver, message, None, (), ("/test", str(next(IDS)), ""), None) for _ in range(number)]
    tasks = [asyncio.create_task(sent_to.execute(each)) for each in executions]
    for _ in range(10):
        await asyncio.sleep(0)
    return tasks


@pytest.fixture(autouse=True)
def pauses_do_not_end_by_themselves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "COMMAND_PAUSE_SECONDS", NEVER)
    monkeypatch.setattr(batches, "EVENT_PAUSE_SECONDS", NEVER)


@pytest.mark.parametrize("kind", [Kind.COMMAND, Kind.EVENT])
async def test_messages_that_follow_a_transaction_of_several_share_one(kind: Kind) -> None:
    sent_to, receiver = RecordedBatches(), function(kind)
    await send(sent_to, receiver, PAUSE_AFTER)
    waiting = [task for _ in range(ENOUGH - 1) for task in await send(sent_to, receiver, 1)]
    assert sent_to.sizes == [PAUSE_AFTER] and not any(each.done() for each in waiting)
    waiting += await send(sent_to, receiver, 1)
    assert sent_to.sizes == [PAUSE_AFTER, ENOUGH], "as many as a transaction takes do not wait"
    assert await asyncio.gather(*waiting) == [SKIPPED] * ENOUGH


async def test_what_a_process_takes_at_a_time_is_enough() -> None:
    sent_to, receiver = RecordedBatches(), function(concurrency=PAUSE_AFTER)
    await send(sent_to, receiver, PAUSE_AFTER)
    await send(sent_to, receiver, PAUSE_AFTER)
    assert sent_to.sizes == [PAUSE_AFTER, PAUSE_AFTER]


async def test_a_pause_ends_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "COMMAND_PAUSE_SECONDS", 0.0)
    sent_to, receiver = RecordedBatches(), function()
    await send(sent_to, receiver, PAUSE_AFTER)
    assert await asyncio.gather(*await send(sent_to, receiver, 2)) == [SKIPPED] * 2
    assert sum(sent_to.sizes) == PAUSE_AFTER + 2


async def test_a_transaction_of_few_is_followed_by_no_pause() -> None:
    sent_to, receiver = RecordedBatches(), function()
    await send(sent_to, receiver, PAUSE_AFTER - 1)
    await send(sent_to, receiver, 1)
    assert sent_to.sizes == [PAUSE_AFTER - 1, 1]


async def test_a_message_of_another_function_waits_for_none() -> None:
    sent_to, receiver, other = RecordedBatches(), function(Kind.EVENT), function()
    await send(sent_to, receiver, PAUSE_AFTER)
    await send(sent_to, receiver, 1)
    await send(sent_to, other, 1)
    assert sent_to.sizes == [PAUSE_AFTER, 2]
