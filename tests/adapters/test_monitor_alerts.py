"""Rules, alerts, addresses, channels and deliveries: one suite in memory and over PostgreSQL, and what only a database can decide."""

from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

from functions.kernel import new_id
from functions.monitor.domain.alerts import Alert, Notice, State, incident_of_deployment
from functions.monitor.domain.applications import Application
from functions.monitor.domain.notifications import Channel, Delivery, DeliveryState, notification
from functions.monitor.domain.rules import Rule, RuleKind, presets
from tests.adapters.monitor_alerts import BREACH, HEALTHY, MINUTE, NOW, database, failed, measured, store, urls
from tests.adapters.monitor_databases import Store

__all__ = ["database", "store", "urls"]


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


async def test_alerts_of_teams_are_those_of_their_applications(store: Store) -> None:
    ada, bob = new_id(), new_id()
    applications = [Application(new_id(), owner, f"shop-{number}") for number, owner in enumerate((ada, ada, bob))]
    alerts = [failed(each.id) for each in applications]
    other = failed(new_id())
    async with store.transaction():
        await store.applications.keep(applications)
        for alert in (*alerts, other):
            await store.alerts.save(alert)
    async with store.transaction():
        states = [*State]
        assert list(await store.alerts.page_of_teams([ada], [], states, None, 10)) == [alerts[1], alerts[0]]
        assert list(await store.alerts.page_of_teams([ada, bob], [other.application_id], states, None, 2)) == [other, alerts[2]]
        assert list(await store.alerts.page_of_teams([ada, bob], [], states, alerts[1].id, 2)) == [alerts[0]]
        assert list(await store.alerts.page_of_teams([], [], states, None, 10)) == []


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
