"""Addresses that get no e-mails: the contract of the list on memory and on PostgreSQL, and what is sent with it."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import pytest

from functions.auth.ports import Suppressions
from functions.kernel import Permanent, new_id
from functions.runtime.email.guarded import GuardedTransport
from functions.runtime.email.message import OutgoingEmail
from functions.runtime.email.refusals import AddressRefused
from functions.runtime.reliability.email_suppressions import EmailSuppressions
from functions.runtime.storage.database import Database
from functions.wire.email_suppression import Suppression, SuppressionReason
from tests.adapters.auth_stores import NOW
from tests.capsule import FixedClock
from tests.memory.runtime import MemoryEmailSuppressions

BOUNCE = Suppression("ada@example.org", SuppressionReason.BOUNCE, "550 5.1.1 no such user", NOW)
HOUR = timedelta(hours=1)


@dataclass
class CollectingPublisher:
    """In place of RabbitMQ: the rows of the outbox that are committed."""

    rows: list[Any] = field(default_factory=list)

    async def flush(self, rows: list[Any]) -> None:
        self.rows += rows


@dataclass
class Store:
    list: Suppressions
    database: Database | None = None

    def transaction(self) -> AbstractAsyncContextManager[Any]:
        return self.database.transaction() if self.database else nullcontext()


@pytest.fixture(scope="module")
def url(postgres: Any) -> str:
    return str(postgres.database("billing").functions_url)


@pytest.fixture
async def database(url: str) -> AsyncIterator[Database]:
    database = Database(url)
    async with database.transaction() as connection:
        await connection.execute("DELETE FROM email_suppressions")
        await connection.execute("DELETE FROM outbox")
    yield database
    await database.close()


@pytest.fixture(params=["memory", "postgres"])
def store(request: pytest.FixtureRequest) -> Store:
    if request.param == "memory":
        return Store(MemoryEmailSuppressions())
    database = request.getfixturevalue("database")
    return Store(EmailSuppressions("billing", database, CollectingPublisher(), FixedClock()), database)  # type: ignore[arg-type]


async def test_an_address_is_suppressed_until_it_is_lifted(store: Store) -> None:
    async with store.transaction():
        assert await store.list.find("Ada@Example.org") is None
        assert await store.list.suppress(BOUNCE)
        assert not await store.list.suppress(BOUNCE), "idempotent"
    async with store.transaction():
        assert await store.list.find("Ada@Example.org") == BOUNCE
        assert await store.list.lift("Ada@Example.org", NOW + HOUR)
        assert not await store.list.lift(BOUNCE.address, NOW + 2 * HOUR)
        assert await store.list.find(BOUNCE.address) is None


async def test_what_arrives_twice_late_or_in_another_order_changes_nothing(store: Store) -> None:
    async with store.transaction():
        await store.list.lift(BOUNCE.address, NOW + HOUR)  # before the bounce that it lifts
        assert not await store.list.suppress(BOUNCE)
        assert await store.list.find(BOUNCE.address) is None
        later = replace(BOUNCE, suppressed_at=NOW + 2 * HOUR, reason=SuppressionReason.COMPLAINT, detail="abuse")
        assert await store.list.suppress(later)
        await store.list.lift(BOUNCE.address, NOW + HOUR)  # again
        assert await store.list.find(BOUNCE.address) == later
        assert await store.list.find_lifted_at(BOUNCE.address) == NOW + HOUR


async def test_a_suppression_from_the_future_is_lifted_at_its_own_time(store: Store) -> None:
    async with store.transaction():
        await store.list.suppress(BOUNCE)
        found = await store.list.find(BOUNCE.address)
        assert found is not None and await store.list.lift(BOUNCE.address, found.lifting_time(NOW - HOUR))
        assert await store.list.find(BOUNCE.address) is None


@pytest.mark.parametrize("is_bounce_first", [True, False])
async def test_a_complaint_stays_one_when_the_address_bounces_too(store: Store, is_bounce_first: bool) -> None:
    complaint = replace(BOUNCE, reason=SuppressionReason.COMPLAINT, detail="abuse")
    later = replace(BOUNCE, suppressed_at=NOW + HOUR)
    async with store.transaction():
        for each in (later, complaint) if is_bounce_first else (complaint, later):
            assert await store.list.suppress(each)
        assert not await store.list.suppress(complaint) and not await store.list.suppress(later)
        assert await store.list.find(BOUNCE.address) == replace(complaint, suppressed_at=later.suppressed_at)
        await store.list.lift(BOUNCE.address, NOW + 2 * HOUR)
        assert not await store.list.suppress(complaint)
        last = replace(BOUNCE, suppressed_at=NOW + 3 * HOUR)
        assert await store.list.suppress(last)
        assert await store.list.find(BOUNCE.address) == last, "the complaint is lifted"


async def test_the_domain_is_compared_in_ascii(store: Store) -> None:
    async with store.transaction():
        await store.list.suppress(replace(BOUNCE, address="ada@xn--bcher-kva.example"))
        found = await store.list.find("Ada@Bücher.example")
        assert found is not None and found.address == "ada@xn--bcher-kva.example"
        assert await store.list.list_page("bücher.example", after=None, limit=5) == [found]
        assert await store.list.lift("ada@bücher.example", NOW + HOUR)
        assert await store.list.find_lifted_at("ada@xn--bcher-kva.example") == NOW + HOUR


async def test_the_list_is_searched_and_paged(store: Store) -> None:
    async with store.transaction():
        for name in "cabd":
            await store.list.suppress(replace(BOUNCE, address=f"{name}@example.org"))
        await store.list.suppress(replace(BOUNCE, address="x@other.org"))
        await store.list.lift("d@example.org", NOW + HOUR)
        first = await store.list.list_page("@EXAMPLE", after=None, limit=2)
        assert [each.address for each in first] == ["a@example.org", "b@example.org"]
        assert [each.address for each in await store.list.list_page("@example", after="b@example.org", limit=5)] == ["c@example.org"]


@dataclass
class Server:
    """A mail server that knows some addresses and takes no spam."""

    sent: list[str] = field(default_factory=list)

    async def send(self, email: OutgoingEmail) -> None:
        if email.to.startswith("gone@"):
            raise AddressRefused("550 5.1.1 no such user")
        if email.to.startswith("strict@"):
            raise Permanent("554 5.7.1 spam")
        self.sent.append(email.to)


def email_to(address: str, *, is_requested_again: bool = False) -> OutgoingEmail:
    return OutgoingEmail(new_id(), address, "Hello", "text", "<p>html</p>", is_requested_again=is_requested_again)


async def test_a_refused_address_gets_no_more_and_the_other_contexts_learn_it(database: Database) -> None:
    publisher, server = CollectingPublisher(), Server()
    suppressions = EmailSuppressions("billing", database, publisher, FixedClock())  # type: ignore[arg-type]
    guarded = GuardedTransport(server, suppressions)
    await guarded.send(email_to("ada@example.org"))
    await guarded.send(email_to("gone@example.org"))
    (row,) = publisher.rows
    assert row.routing_key == "email-address.suppressed" and b"gone@example.org" in row.body and b"5.1.1" in row.body
    server.send = lambda email: (_ for _ in ()).throw(AssertionError("nothing is sent to it"))  # type: ignore[method-assign]
    await guarded.send(email_to("Gone@example.org"))
    assert server.sent == ["ada@example.org"] and len(publisher.rows) == 1


async def test_a_refused_message_is_an_error_and_suppresses_nothing(database: Database) -> None:
    suppressions = EmailSuppressions("billing", database, CollectingPublisher(), FixedClock())  # type: ignore[arg-type]
    with pytest.raises(Permanent, match=r"5\.7\.1"):
        await GuardedTransport(Server(), suppressions).send(email_to("strict@example.org"))
    assert not await suppressions.is_suppressed("strict@example.org")


async def test_a_link_that_its_owner_asks_for_is_sent_after_a_bounce_but_not_after_a_complaint(database: Database) -> None:
    suppressions, server = EmailSuppressions("billing", database, CollectingPublisher(), FixedClock()), Server()  # type: ignore[arg-type]
    async with database.transaction():
        await suppressions.suppress(BOUNCE)
        await suppressions.suppress(replace(BOUNCE, address="eve@example.org", reason=SuppressionReason.COMPLAINT))
    guarded = GuardedTransport(server, suppressions)
    for address in (BOUNCE.address, "eve@example.org"):
        await guarded.send(email_to(address))
        await guarded.send(email_to(address, is_requested_again=True))
    assert server.sent == [BOUNCE.address]
