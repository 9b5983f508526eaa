"""Rules and who may make, see and end what: over memory."""

from datetime import timedelta
from uuid import UUID

import pytest

from events.deploy import ApplicationDeleted
from functions.kernel import Caller, Forbidden, Grant, Membership, Role, new_id
from functions.monitor import ports
from functions.monitor.commands.acknowledge_alert import AcknowledgeAlert
from functions.monitor.commands.create_alert_channel import CreateAlertChannel
from functions.monitor.commands.create_alert_rule import CreateAlertRule
from functions.monitor.commands.delete_alert_channel import DeleteAlertChannel
from functions.monitor.commands.delete_alert_rule import DeleteAlertRule
from functions.monitor.commands.try_alert_channel import TryAlertChannel
from functions.monitor.domain.rejections import (
    AlertNotFound,
    ApplicationNotFound,
    ChannelNotFound,
    InvalidRule,
    RuleNotFound,
    TooManyRules,
)
from functions.monitor.domain.rules import MAX_RULES
from functions.monitor.queries.alert_channels import ListAlertChannels
from functions.monitor.queries.alert_deliveries import ListAlertDeliveries
from functions.monitor.queries.alert_rules import ListAlertRules
from functions.monitor.queries.alerts import ListAlerts
from functions.monitor.queries.application_alerts import ListApplicationAlerts
from tests.monitor.owner import channel, delete_rule, make_rule, rules_of, traffic
from tests.monitor.world import ADA, ADMIN, APP, BOB, NOW, OTHER, Monitor

VIEWER, DEVELOPER, GRANTED, GRANTED_STAGING = (Caller(UUID(int=number)) for number in range(31, 35))
SECOND = timedelta(seconds=1)


@pytest.fixture
async def monitor() -> Monitor:
    monitor = Monitor()
    await monitor.known()
    return monitor


async def test_every_application_has_three_rules_once_and_a_deleted_one_stays_deleted(monitor: Monitor) -> None:
    assert [(rule.kind, rule.threshold, rule.window, rule.preset) for rule in await rules_of(monitor)] == [
        ("deployment-failed", None, None, True),
        ("deployment-rolled-back", None, None, True),
        ("error-rate", 0.05, 300, True),
    ]
    await delete_rule(monitor, "deployment-failed")
    await monitor.created()
    await monitor.failed()
    assert [rule.kind for rule in await rules_of(monitor)] == ["deployment-rolled-back", "error-rate"]
    assert monitor.open_alerts() == []


async def test_a_deleted_rule_ends_what_it_began(monitor: Monitor) -> None:
    await traffic(monitor, 0, 20)
    await delete_rule(monitor, "error-rate")
    assert monitor.open_alerts() == []
    await monitor.advance(monitor.clock.now() + timedelta(hours=1))
    await traffic(monitor, 0, 20)
    assert monitor.open_alerts() == [] and monitor.mails() == []


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"kind": "error-rate"}, "/threshold"),
        ({"kind": "error-rate", "threshold": 5}, "/threshold"),
        ({"kind": "latency", "threshold": 0}, "/threshold"),
        ({"kind": "deployment-failed", "threshold": 0.5}, "/threshold"),
        ({"kind": "error-rate", "threshold": 0.5, "window": 1}, "/window"),
        ({"kind": "error-rate", "threshold": 0.5, "window": 10**9}, "/window"),
        ({"kind": "error-rate", "threshold": 0.5, "for": -1}, "/for"),
    ],
)
async def test_a_rule_that_makes_no_sense_is_refused_with_the_place(monitor: Monitor, fields: dict[str, object], pointer: str) -> None:
    with pytest.raises(InvalidRule) as refused:
        await make_rule(monitor, **fields)
    assert [fault.pointer for fault in refused.value.errors] == [pointer]


async def test_rules_are_bounded(monitor: Monitor) -> None:
    for _ in range(MAX_RULES - 3):
        await make_rule(monitor, kind="deployment-failed", environment="production")
    with pytest.raises(TooManyRules):
        await make_rule(monitor, kind="deployment-failed")


# --- who may


async def test_nobody_touches_anothers(monitor: Monitor) -> None:
    await monitor.failed()
    await monitor.created(OTHER, BOB)
    (alert,) = monitor.open_alerts()
    hook, rule = await channel(monitor), (await rules_of(monitor))[0]
    for application, refusal in ((APP, ApplicationNotFound), (OTHER, RuleNotFound)):
        with pytest.raises(refusal):
            await monitor.call(DeleteAlertRule(application_id=application, rule_id=rule.id), caller=BOB)
    for application, no_channel in ((APP, ApplicationNotFound), (OTHER, ChannelNotFound)):
        with pytest.raises(no_channel):
            await monitor.call(DeleteAlertChannel(application_id=application, channel_id=hook.id), caller=BOB)
        with pytest.raises(no_channel):
            await monitor.call(TryAlertChannel(application_id=application, channel_id=hook.id), caller=BOB)
    for refused in (
        monitor.call(ListAlertRules(application_id=APP), caller=BOB),
        monitor.call(ListAlertChannels(application_id=APP), caller=BOB),
        monitor.call(ListAlertDeliveries(application_id=APP), caller=BOB),
        monitor.call(ListApplicationAlerts(application_id=APP), caller=BOB),
        monitor.call(CreateAlertRule(application_id=APP, kind="deployment-failed"), caller=BOB),
        monitor.call(CreateAlertChannel(application_id=APP, url="https://x.example"), caller=BOB),
    ):
        with pytest.raises(ApplicationNotFound):
            await refused
    with pytest.raises(AlertNotFound):
        await monitor.call(AcknowledgeAlert(alert_id=alert.id), caller=BOB)
    with pytest.raises(AlertNotFound):
        await monitor.call(AcknowledgeAlert(alert_id=new_id()), caller=ADA)
    assert (await monitor.call(ListAlerts(), caller=BOB)).items == []
    (view,) = (await monitor.call(ListAlerts(state="firing"), caller=ADA)).items
    assert (view.id, view.application) == (alert.id, "shop")
    assert (await monitor.call(ListAlerts(state="resolved"), caller=ADA)).items == []
    (seen,) = (await monitor.call(ListApplicationAlerts(application_id=APP), caller=ADMIN)).items
    assert seen.id == alert.id


async def test_alerts_are_read_page_by_page(monitor: Monitor) -> None:
    for number in range(5):
        await monitor.failed(UUID(int=50 + number))
    first = (await monitor.call(ListAlerts(limit=3), caller=ADA)).items
    rest = (await monitor.call(ListAlerts(limit=3, cursor=first[-1].id), caller=ADA)).items
    assert [alert.deployment_id for alert in (*first, *rest)] == [UUID(int=50 + number) for number in range(4, -1, -1)]


async def test_nobody_hears_of_an_application_that_is_gone(monitor: Monitor) -> None:
    await monitor.failed()
    deleted = ApplicationDeleted(application_id=APP, user_id=ADA.user_id, name="shop", at=NOW)
    await monitor.publish(deleted)
    await monitor.advance(monitor.clock.now() + timedelta(days=1))
    assert monitor.open_alerts() == [] and monitor.mails() == []


# --- what members and administrators see of webhooks


async def test_who_may_not_change_alerts_sees_hosts_of_webhooks_only(monitor: Monitor) -> None:
    memberships = monitor.port(ports.Memberships)
    for caller, role, grants in (
        (VIEWER, Role.VIEWER, ()),
        (DEVELOPER, Role.DEVELOPER, ()),
        (GRANTED, Role.VIEWER, (Grant(APP),)),
        (GRANTED_STAGING, Role.VIEWER, (Grant(APP, "staging"),)),
    ):
        await memberships.save(Membership(new_id(), ADA.user_id, caller.user_id, role, grants))
    created = await monitor.call(CreateAlertChannel(application_id=APP, url="https://hooks.example.org:8443/T0/secret?key=x"), caller=ADA)
    await monitor.call(TryAlertChannel(application_id=APP, channel_id=created.id), caller=ADA)
    await monitor.failed()
    await monitor.advance(monitor.clock.now() + timedelta(minutes=5))
    for caller, seen in (
        *((each, created.url) for each in (ADA, DEVELOPER, GRANTED)),
        *((each, "https://hooks.example.org:8443") for each in (VIEWER, GRANTED_STAGING, ADMIN)),
    ):
        [hook] = (await monitor.call(ListAlertChannels(application_id=APP), caller=caller)).items
        deliveries = (await monitor.call(ListAlertDeliveries(application_id=APP), caller=caller)).items
        assert hook.url == seen, caller
        assert {each.target for each in deliveries if each.channel_id} == {seen}, caller
        assert {each.target for each in deliveries if not each.channel_id} == {"ada@example.org"}, caller


async def test_administrators_read_alerts_of_every_application_and_change_their_own_only(monitor: Monitor) -> None:
    hook, rule = await channel(monitor), (await rules_of(monitor))[0]
    for request in (
        CreateAlertRule(application_id=APP, kind="deployment-failed"),
        DeleteAlertRule(application_id=APP, rule_id=rule.id),
        CreateAlertChannel(application_id=APP, url="https://x.example"),
        DeleteAlertChannel(application_id=APP, channel_id=hook.id),
        TryAlertChannel(application_id=APP, channel_id=hook.id),
    ):
        with pytest.raises(Forbidden, match=r"alerts\.write"):
            await monitor.call(request, caller=ADMIN)
    assert len((await monitor.call(ListAlertRules(application_id=APP), caller=ADMIN)).items) == 3
    await monitor.created(OTHER, ADMIN)
    await monitor.call(CreateAlertRule(application_id=OTHER, kind="deployment-failed"), caller=ADMIN)
