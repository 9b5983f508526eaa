"""Alerts on PostgreSQL: constraints decide between transactions that run at once."""

import asyncio
from datetime import UTC, datetime
from uuid import UUID

import psycopg
import pytest

from functions.kernel import new_id
from functions.monitor.adapters.alerts import PostgresAlerts, PostgresRules
from functions.monitor.adapters.notifications import PostgresChannels
from functions.monitor.adapters.postgres import PostgresApplications
from functions.monitor.domain.alerts import Alert, Notice, State, incident_of
from functions.monitor.domain.applications import Application
from functions.monitor.domain.notifications import Channel
from functions.monitor.domain.rules import presets
from functions.runtime.storage.database import Database
from tests.adapters.monitor_alerts import BREACH, MINUTE, NOW, database, failed, measured, store, urls

__all__ = ["database", "store", "urls"]


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
