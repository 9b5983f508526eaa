"""What a declaration derives and what holds a function to it."""

import logging
from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

import pytest

from functions.kernel import (
    ANYONE,
    Caller,
    Conflict,
    Delayed,
    Done,
    Event,
    Invalid,
    Model,
    Order,
    Origin,
    Readdressed,
    Scale,
    command,
    on,
    query,
    saga,
)
from functions.kernel.declaration_rules import check_batch_handler
from functions.kernel.decorators import declarations_of
from functions.runtime.config.registry import Registry, UnknownFunction, find
from functions.runtime.execution import contracts
from functions.runtime.execution.context import UndeclaredEvent, UndeclaredRejection
from functions.wire.amqp import UnsupportedPika, check_pika


class Opened(Event, type="probe.opened", subject="id"):
    id: UUID


class AccountClosed(Event, type="probe.account-closed", subject="id"):
    id: UUID


async def opened(events: Sequence[Opened]) -> Sequence[Done[None]]:
    """Batch handler."""
    return [Done(None) for _ in events]


async def opened_by(events: Sequence[Opened], origin: Origin) -> Sequence[Done[None]]:
    """Batch handler that asks for what only one message has."""
    return [Done(None) for _ in events]


def test_a_batch_handler_takes_a_sequence_and_depends_on_no_single_message() -> None:
    [declaration] = declarations_of(on()(opened))
    check_batch_handler(declaration)
    assert declaration.is_batch_handler and declaration.input is Opened and declaration.output is type(None)
    for refused in (on(order=Order.STRICT)(opened), on()(opened_by)):
        [declaration] = declarations_of(refused)
        with pytest.raises(TypeError, match="Sequence"):
            check_batch_handler(declaration)


class ShowBalance(Model):
    pass


class Balance(Model):
    pass


async def balances(requests: Sequence[ShowBalance], callers: Sequence[Caller]) -> Sequence[Balance]:
    """Query of a batch."""
    return [Balance() for _ in requests]


async def balance(request: ShowBalance, callers: Sequence[Caller]) -> Balance:
    """Query of one message with the callers of several."""
    return Balance()


def test_a_query_may_take_a_sequence_with_the_caller_of_each_message() -> None:
    [declaration] = declarations_of(query(scale=Scale(batch=8))(balances))
    check_batch_handler(declaration)
    assert declaration.input is ShowBalance and declaration.output is Balance and declaration.needs_caller
    [declaration] = declarations_of(query(allow=ANYONE)(balances))
    with pytest.raises(TypeError, match="signed-in"):
        check_batch_handler(declaration)
    [declaration] = declarations_of(query()(balance))
    with pytest.raises(TypeError, match="takes one message"):
        check_batch_handler(declaration)


class Taken(Conflict):
    """The name is taken."""


class TakenTwice(Taken):
    """The name is taken twice."""


class Open(Model):
    pass


@command(rejects=[Taken], emits=[Opened])
async def open_account(request: Open) -> Done[None]:
    return Done(None)


[OPEN] = declarations_of(open_account)
OPENED, CLOSED = Opened(id=UUID(int=1)), AccountClosed(id=UUID(int=1))


def test_a_saga_derives_one_function_for_each_event() -> None:
    @saga(emits=[Opened])
    async def account_saga(event: Opened | AccountClosed) -> Done[None]:
        return Done(None)

    derived = declarations_of(account_saga)
    assert [(each.name.partition(".")[2], each.input, each.message_type, each.emits) for each in derived] == [
        ("on_opened", Opened, "probe.opened", (Opened,)),
        ("on_account_closed", AccountClosed, "probe.account-closed", (Opened,)),
    ]
    assert {each.handler for each in derived} == {account_saga}


def test_a_saga_of_something_else_than_events_is_refused() -> None:
    with pytest.raises(TypeError, match="union of Events"):

        @saga()
        async def odd_saga(event: Open) -> Done[None]:
            return Done(None)


def test_a_function_of_a_saga_is_found_by_its_name() -> None:
    by_name = Registry.load(["auth"]).by_name
    for name in ("auth.on_customer_created", "auth.on_quota_granted", "auth.on_payment_account_changed"):
        assert find(name) == by_name[name]
        assert find(name).name == name
    for name in ("auth.registration_saga", "auth.on_nothing", "nowhere.register", "auth"):
        with pytest.raises(UnknownFunction):
            find(name)


def test_declared_events_and_rejections_pass() -> None:
    contracts.check_events(OPEN, (OPENED, Delayed(OPENED, timedelta(1)), Readdressed("probe.open", {}, b"")), is_strict=True)
    contracts.check_rejection(OPEN, Taken(), is_strict=True)
    contracts.check_rejection(OPEN, TakenTwice(), is_strict=True)
    contracts.check_rejection(OPEN, Invalid(), is_strict=True)


def test_undeclared_ones_are_errors_where_that_is_configured_and_log_lines_otherwise(caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(UndeclaredEvent, match="publishes AccountClosed: add to its `emits`"):
        contracts.check_events(OPEN, (OPENED, Delayed(CLOSED, timedelta(1))), is_strict=True)
    with pytest.raises(UndeclaredRejection, match="rejects with Conflict: add it to its `rejects`"):
        contracts.check_rejection(OPEN, Conflict(), is_strict=True)
    with caplog.at_level(logging.ERROR, "capsule.contracts"):
        contracts.check_events(OPEN, (CLOSED,), is_strict=False)
        contracts.check_rejection(OPEN, Conflict(), is_strict=False)
    assert [line.rpartition(": ")[2] for line in caplog.messages] == ["add to its `emits`", "add it to its `rejects`"]


@pytest.mark.parametrize("version", ["1.2.0", "2.0.0", "1.5.0", "10.3.1"])
def test_an_unsupported_pika_is_named_with_the_range_to_install(version: str) -> None:
    check_pika("1.3.2")
    with pytest.raises(UnsupportedPika, match=rf"pika {version} is installed.*pika>=1\.3\.2,<1\.5"):
        check_pika(version)
