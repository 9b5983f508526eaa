"""Rules, alerts, addresses, channels and deliveries: one suite in memory and over PostgreSQL, and what only a database can decide."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import psycopg
import pytest

from functions.kernel import new_id
from functions.monitor.adapters.alerts import PostgresAlerts, PostgresRules
from functions.monitor.adapters.notifications import PostgresChannels
from functions.monitor.adapters.postgres import PostgresApplications
from functions.monitor.domain.alerts import Alert, Notice, State, incident_of, incident_of_deployment
from functions.monitor.domain.applications import Application
from functions.monitor.domain.notifications import Channel, Delivery, DeliveryState, notification
from functions.monitor.domain.rules import NoData, Observation, Rule, RuleKind, Verdict, presets
from functions.runtime.storage.database import Database
from tests.adapters.monitor_databases import Store, stored
from tests.servers import Databases

NOW = datetime.now(UTC).replace(microsecond=0)
MINUTE = timedelta(minutes=1)
BREACH, HEALTHY = Observation(Verdict.BREACHED, 0.5, 20), Observation(Verdict.HEALTHY, 0.0, 20)


@pytest.fixture(scope="module")
def urls() -> dict[str, str]:
    """One database for the module: tests use applications of their own."""
    return {}


@pytest.fixture(params=["memory", "native"])
async def store(request: pytest.FixtureRequest, urls: dict[str, str], postgres: Databases) -> AsyncIterator[Store]:
    async with stored(postgres, request.param, urls) as store:
        yield store


@pytest.fixture
async def database(urls: dict[str, str], postgres: Databases) -> AsyncIterator[Database]:
    async with stored(postgres, "native", urls) as store:
        assert store.database is not None
        yield store.database


def measured(application: UUID) -> Rule:
    return Rule(new_id(), application, RuleKind.ERROR_RATE, NOW, "staging", 0.25, 7 * MINUTE, MINUTE, 12, no_data=NoData.FIRE)


def failed(application: UUID, deployment: UUID | None = None, at: datetime = NOW) -> Alert:
    rule = Rule(new_id(), application, RuleKind.DEPLOYMENT_FAILED, NOW)
    alert, _ = Alert.of_deployment(rule, deployment_id=deployment or new_id(), environment="staging", summary="it failed", correlation_id="c1", at=at)
    return alert


async def test_the_newest_address_stays_whatever_comes_first(store: Store) -> None:
    user = new_id()
    async with store.transaction():
        assert await store.addresses.of(user) is None
        await store.addresses.keep(user, "new@example.org", NOW)
        await store.addresses.keep(user, "old@example.org", NOW - MINUTE)
        assert await store.addresses.of(user) == "new@example.org"
        await store.addresses.keep(user, "newest@example.org", NOW + MINUTE)
        assert await store.addresses.of(user) == "newest@example.org"


async def test_rules_come_back_as_they_were_and_go(store: Store) -> None:
    application, rule = new_id(), measured(new_id())
    rule = replace(rule, application_id=application)
    later = Rule(new_id(), application, RuleKind.DEPLOYMENT_FAILED, NOW + MINUTE)
    async with store.transaction():
        await store.rules.add(later)
        await store.rules.add(rule)
    async with store.transaction():
        assert list(await store.rules.of([application])) == [rule, later]
        assert list(await store.rules.of([application, new_id()], [RuleKind.ERROR_RATE])) == [rule]
        assert await store.rules.get(rule.id) == rule in await store.rules.firing_without_data() and await store.rules.get(new_id()) is None
        await store.rules.delete(rule.id, NOW)
        assert await store.rules.get(rule.id) is None and list(await store.rules.of([application])) == [later]


async def test_presets_are_made_once_even_after_one_was_deleted(store: Store) -> None:
    application = new_id()
    async with store.transaction():
        await store.rules.add_missing_presets(presets(application, NOW))
        first = list(await store.rules.of([application]))
        await store.rules.delete(first[0].id, NOW)
        await store.rules.add_missing_presets(presets(application, NOW))
        await store.rules.add(Rule(new_id(), application, first[0].kind, NOW))  # one of the user's own is no preset
    async with store.transaction():
        found = list(await store.rules.of([application]))
        assert [rule for rule in found if rule.preset] == first[1:] and len(found) == 3


async def test_an_application_has_its_presets_from_its_creation_on(store: Store) -> None:
    application, unknown, creation = new_id(), new_id(), NOW - MINUTE
    expected = list(presets(application, creation))
    async with store.transaction():
        await store.applications.keep([Application(unknown, UUID(int=1), "unknown")])  # by another event than that of its creation
        await store.applications.keep([Application(application, UUID(int=1), "known", created_at=creation)])
        assert list(await store.rules.of([application, unknown])) == expected
        assert list(await store.rules.of([application], [RuleKind.ERROR_RATE])) == expected[2:]
        assert await store.rules.get(expected[0].id) is None, "it is not stored"
    async with store.transaction():
        await store.rules.add_missing_presets(expected[:1])
        assert await store.rules.get(expected[0].id) == expected[0]
        assert list(await store.rules.of([application])) == expected
        await store.rules.delete(expected[0].id, NOW)
        assert list(await store.rules.of([application])) == expected[1:]


async def test_alerts_come_back_as_they_were_at_every_turn(store: Store) -> None:
    application = new_id()
    rule = measured(application)
    alert, _ = Alert.of_condition(rule, "staging", BREACH, NOW)
    async with store.transaction():
        await store.alerts.save(alert)
        assert await store.alerts.get(alert.id) == alert
    for move in (
        lambda: alert.observe(rule, BREACH, NOW + MINUTE),
        lambda: alert.notify(Notice.FIRING, NOW + MINUTE),
        lambda: alert.acknowledge(UUID(int=1), NOW + MINUTE),
        lambda: alert.observe(rule, HEALTHY, NOW + 2 * MINUTE),
        lambda: alert.end(NOW + 3 * MINUTE),
    ):
        move()
        async with store.transaction():
            await store.alerts.save(alert)
        async with store.transaction():
            assert await store.alerts.lock_one(alert.id) == alert
    assert (alert.state, alert.closed, alert.state_version) == (State.RESOLVED, True, 3)


async def test_open_alerts_are_found_by_incident_and_application(store: Store) -> None:
    application, deployment = new_id(), new_id()
    one, two = failed(application, deployment), failed(application)
    closed = failed(application)
    closed.end(NOW)
    async with store.transaction():
        for alert in (one, two, closed, failed(new_id())):
            await store.alerts.save(alert)
    async with store.transaction():
        incidents = [one.incident, closed.incident, "rule:none"]
        assert await store.alerts.open(incidents) == {one.incident: one}
        assert await store.alerts.lock(incidents) == {one.incident: one}
        assert list(await store.alerts.open_of(application)) == [one, two]
        assert await store.alerts.of_deployment(deployment) == one and await store.alerts.of_deployment(new_id()) is None
        assert closed.deployment_id is not None and await store.alerts.of_deployment(closed.deployment_id) == closed
    assert one.incident == incident_of_deployment(deployment)


async def test_alerts_are_listed_newest_first_without_those_that_came_to_nothing(store: Store) -> None:
    application, other = new_id(), new_id()
    rule = measured(application)
    alerts = [failed(application), failed(other), failed(application)]
    pending, _ = Alert.of_condition(rule, "staging", BREACH, NOW)
    nothing, _ = Alert.of_condition(rule, "production", BREACH, NOW)
    nothing.observe(rule, HEALTHY, NOW)
    alerts[0].resolve(NOW)
    async with store.transaction():
        for alert in (*alerts, pending, nothing):
            await store.alerts.save(alert)
    async with store.transaction():
        states = [*State]
        assert list(await store.alerts.page([application, other], states, None, 10)) == [pending, *reversed(alerts)]
        assert list(await store.alerts.page([application], states, None, 2)) == [pending, alerts[2]]
        assert list(await store.alerts.page([application], states, alerts[2].id, 2)) == [alerts[0]]
        assert list(await store.alerts.page([application], ["resolved"], None, 10)) == [alerts[0]]
        assert list(await store.alerts.page([], states, None, 10)) == []


async def test_closed_alerts_are_forgotten_and_open_ones_are_not(store: Store) -> None:
    long_ago = datetime(2001, 1, 1, tzinfo=UTC)
    still, over = failed(new_id(), at=long_ago), failed(new_id(), at=long_ago)
    over.end(long_ago)
    async with store.transaction():
        await store.alerts.save(still)
        await store.alerts.save(over)
    async with store.transaction():
        assert await store.alerts.forget(long_ago + MINUTE) == 1
        assert await store.alerts.get(over.id) is None and await store.alerts.get(still.id) == still


async def test_channels_come_and_go(store: Store) -> None:
    application = new_id()
    channel = Channel.open(application, "https://a.example/", "sealed:1:x", NOW)
    later = Channel.open(application, "https://b.example/", "whsec_old", NOW + MINUTE)
    async with store.transaction():
        await store.channels.add(later)
        await store.channels.add(channel)
    async with store.transaction():
        assert list(await store.channels.of(application)) == [channel, later] and await store.channels.get(channel.id) == channel
        assert await store.channels.seal(lambda secret: f"sealed:2:{secret}") >= 1, "one was stored before secrets were sealed"
        later = replace(later, secret="sealed:2:whsec_old")
        assert list(await store.channels.of(application)) == [channel, later]
        assert await store.channels.seal(str) == 0
        await store.channels.delete(channel.id, NOW)
        assert list(await store.channels.of(application)) == [later] and await store.channels.get(channel.id) is None


async def test_a_delivery_is_frozen_and_its_end_is_final(store: Store) -> None:
    application = Application(new_id(), UUID(int=1), "shop")
    content = notification(Notice.FIRING, application, [failed(application.id)], NOW)
    mail = Delivery.by_mail("ada@example.org", content, Notice.FIRING)
    hook = Delivery.to_webhook(Channel.open(application.id, "https://a.example/", "sealed:1:x", NOW), content, Notice.FIRING)
    async with store.transaction():
        await store.deliveries.add(mail)
        await store.deliveries.add(hook)
    async with store.transaction():
        assert await store.deliveries.get(mail.id) == mail and await store.deliveries.get(hook.id) == hook
        await store.deliveries.record_attempt(mail.id, "away")
        await store.deliveries.finish(mail.id, True, "sent", NOW)
        await store.deliveries.finish(mail.id, False, "too late", NOW + MINUTE)
        await store.deliveries.record_attempt(mail.id, "too late")
        await store.deliveries.finish(hook.id, False, "410 Gone", NOW)
    async with store.transaction():
        newest, oldest = await store.deliveries.of(application.id, None, 10)
        assert (oldest.state, oldest.attempts, oldest.answer, oldest.finished_at) == (DeliveryState.DELIVERED, 2, "sent", NOW)
        assert (newest.state, newest.attempts, newest.answer) == (DeliveryState.FAILED, 1, "410 Gone")
        assert list(await store.deliveries.of(application.id, newest.id, 10)) == [oldest]
        assert await store.deliveries.forget(datetime(2001, 1, 1, tzinfo=UTC)) == 0


# --- what only a database can decide


async def test_one_incident_has_one_open_alert(database: Database) -> None:
    alerts, application = PostgresAlerts(database), new_id()
    rule = measured(application)
    first, _ = Alert.of_condition(rule, "staging", BREACH, NOW)
    second, _ = Alert.of_condition(rule, "staging", BREACH, NOW)
    async with database.transaction():
        await alerts.save(first)
    with pytest.raises(psycopg.errors.UniqueViolation):
        async with database.transaction():
            await alerts.save(second)
    first.end(NOW)
    async with database.transaction():
        await alerts.save(first)
        await alerts.save(second)


async def test_two_who_see_the_same_condition_at_once_begin_one_alert(database: Database) -> None:
    alerts = PostgresAlerts(database)
    rule = measured(new_id())
    incident = incident_of(rule, "staging")
    both = asyncio.Barrier(2)

    async def see() -> bool:
        async with database.transaction():
            await both.wait()
            if incident in await alerts.lock([incident, f"other-{new_id()}"]):
                return False
            await asyncio.sleep(0.1)
            alert, _ = Alert.of_condition(rule, "staging", BREACH, NOW)
            await alerts.save(alert)
            return True

    assert sorted(await asyncio.gather(see(), see())) == [False, True]


async def test_who_tells_and_who_resolves_at_once_both_have_their_way(database: Database) -> None:
    """A notification and a measurement move the same alert: the second waits, and reads what the first wrote."""
    alerts, application = PostgresAlerts(database), new_id()
    alert = failed(application)
    async with database.transaction():
        await alerts.save(alert)
    read = asyncio.Event()

    async def notify() -> None:
        async with database.transaction():
            (found,) = await alerts.open_of(application)
            read.set()
            await asyncio.sleep(0.1)
            found.notify(Notice.FIRING, NOW)
            await alerts.save(found)

    async def resolve() -> None:
        await read.wait()
        async with database.transaction():
            found = (await alerts.lock([alert.incident]))[alert.incident]
            found.resolve(NOW)
            await alerts.save(found)

    await asyncio.gather(notify(), resolve())
    async with database.transaction():
        found = await alerts.get(alert.id)
    assert found is not None and (found.last_notice, found.state) == (Notice.FIRING, State.RESOLVED)


async def test_presets_that_are_made_at_once_are_made_once(database: Database) -> None:
    rules, application = PostgresRules(database), new_id()

    async def keep() -> None:
        async with database.transaction():
            await rules.add_missing_presets(presets(application, NOW))

    await asyncio.gather(*(keep() for _ in range(4)))
    async with database.transaction():
        assert len(await rules.of([application])) == 3


async def test_with_an_application_goes_what_its_owner_wanted_to_be_told(database: Database) -> None:
    applications, rules, channels = PostgresApplications(database), PostgresRules(database), PostgresChannels(database)
    long_ago = datetime(2001, 1, 1, tzinfo=UTC)
    gone, alive = Application(new_id(), UUID(int=1), "gone", long_ago), Application(new_id(), UUID(int=1), "alive")
    async with database.transaction():
        for application in (gone, alive):
            await applications.keep([application])
            await rules.add_missing_presets(presets(application.id, NOW))
            await channels.add(Channel.open(application.id, "https://a.example/", "sealed:1:x", NOW))
    async with database.transaction():
        assert await applications.forget_deleted(long_ago + MINUTE) == 1
        assert len(await rules.of([gone.id])) == 0 and len(await channels.of(gone.id)) == 0
        assert len(await rules.of([alive.id])) == 3 and len(await channels.of(alive.id)) == 1


async def test_an_ended_incident_is_remembered_until_it_is_restored_or_old(database: Database) -> None:
    alerts, incident, old = PostgresAlerts(database), f"schedule:{new_id()}", f"schedule:{new_id()}"
    long_ago = datetime(2001, 1, 1, tzinfo=UTC)
    async with database.transaction():
        for _ in range(2):
            await alerts.end_incident(incident, NOW)
        await alerts.end_incident(old, long_ago)
        assert await alerts.has_ended(incident) and await alerts.has_ended(old)
        await alerts.forget(long_ago + MINUTE)
        assert await alerts.has_ended(incident) and not await alerts.has_ended(old)
        await alerts.restore_incident(incident)
        assert not await alerts.has_ended(incident)
