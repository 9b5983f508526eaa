"""Dead letters over memory: what fires for operators, who sees it, and how it ends."""

from datetime import datetime, timedelta

import pytest

from events.platform import GAP
from functions.kernel import Caller, Forbidden
from functions.monitor import ports
from functions.monitor.adapters.emails import EmailNotifier
from functions.monitor.commands.acknowledge_alert import AcknowledgeAlert
from functions.monitor.commands.create_alert_rule import CreateAlertRule
from functions.monitor.domain.applications import PLATFORM
from functions.monitor.domain.rejections import AlertNotFound, InvalidRule
from functions.monitor.queries.alerts import ListAlerts
from functions.monitor.queries.application_alerts import ListApplicationAlerts
from functions.monitor.queries.function_metrics import ReadFunctionMetrics
from functions.runtime.config.settings import Settings
from functions.runtime.email.message import OutgoingEmail
from functions.runtime.reliability import ordering
from tests.memory.monitor_alerts import MemoryOperators
from tests.monitor.world import ADA, ADMIN, APP, MINUTE, NOW, Monitor

HOUR = timedelta(hours=1)
A, B = "billing.on_user_created", "billing.on_usage_measured"


@pytest.fixture
async def monitor() -> Monitor:
    monitor = Monitor(ports={ports.Operators: lambda: MemoryOperators("ops@example.org", "night@example.org")})
    await monitor.known()
    return monitor


async def firing(monitor: Monitor) -> list[tuple[str, str]]:
    found = (await monitor.call(ListAlerts(state="firing"), caller=ADMIN)).items
    return sorted((alert.kind, alert.environment) for alert in found)


async def test_a_few_fresh_letters_are_a_figure_and_no_alarm(monitor: Monitor) -> None:
    await monitor.counted((A, "ValueError", 3, NOW - MINUTE), (A, "KeyError", 2, NOW - 5 * MINUTE), (B, "ValueError", 1, NOW))
    assert await firing(monitor) == []
    await monitor.advance(monitor.clock.now() + MINUTE)
    view = await monitor.call(ReadFunctionMetrics(), caller=ADMIN)
    [usage, user] = view.functions
    assert (user.function, user.dead_letters, user.dead_letters_max, user.oldest_dead_letter_at) == (A, 5, 5, NOW - 5 * MINUTE)
    assert (usage.function, usage.dead_letters, usage.executions) == (B, 1, 0)


async def test_too_many_and_too_old_ones_fire_for_the_operators_and_end_when_somebody_has_dealt_with_them(monitor: Monitor) -> None:
    await monitor.counted((A, "ValueError", 11, NOW - MINUTE), (B, "ValueError", 1, NOW - 2 * HOUR))
    assert await firing(monitor) == [("dead-letter-age", B), ("dead-letters", A)]
    await monitor.advance(monitor.clock.now() + MINUTE)
    assert [(to, content.application) for _, to, content in monitor.mailer.sent] == [("ops@example.org", "capsule"), ("night@example.org", "capsule")]
    summaries = {alert.summary for alert in monitor.mailer.sent[0][2].alerts}
    assert summaries == {
        f"{A} has 11 dead letters (threshold 10)",
        f"the oldest dead letter of {B} is 2.0 h old (threshold 1 h)",
    }
    await monitor.counted((A, "ValueError", 500, NOW - MINUTE), (B, "ValueError", 1, NOW - 2 * HOUR))
    (grown,) = [alert for alert in monitor.open_alerts() if alert.environment == A]
    assert grown.value == 500 and " has 500 dead letters " in grown.summary and len(monitor.mailer.sent) == 2, (
        "a new value sends no second notification"
    )
    await monitor.counted()
    assert await firing(monitor) == []
    await monitor.advance(monitor.clock.now() + 10 * MINUTE)
    assert monitor.open_alerts() == [] and {content.type for _, _, content in monitor.mailer.sent[2:]} == {"alert.resolved"}


async def test_an_event_that_was_given_up_fires_at_once(monitor: Monitor) -> None:
    assert GAP == ordering.GAP
    await monitor.counted((A, GAP, 2, NOW - MINUTE), (B, "ValueError", 1, NOW))
    assert await firing(monitor) == [("events-given-up", A)]
    (alert,) = monitor.open_alerts()
    assert alert.summary == f"{A} skipped 2 events: the preceding event never arrived"


async def test_a_last_word_that_is_lost_ends_by_itself(monitor: Monitor) -> None:
    await monitor.counted((A, "ValueError", 11, NOW - MINUTE))
    await monitor.advance(monitor.clock.now() + 45 * MINUTE)
    assert await firing(monitor) == [("dead-letters", A)]
    await monitor.advance(monitor.clock.now() + 20 * MINUTE)
    assert await firing(monitor) == []


async def test_one_context_says_nothing_of_another_and_a_count_that_is_cut_short_nothing_of_what_it_leaves_out(monitor: Monitor) -> None:
    await monitor.counted((A, "ValueError", 11, NOW))
    await monitor.counted(context="auth")
    await monitor.counted((B, "ValueError", 40, NOW), open=60)
    assert await firing(monitor) == [("dead-letters", B), ("dead-letters", A)]
    await monitor.counted((B, "ValueError", 40, NOW))
    assert await firing(monitor) == [("dead-letters", B)]


async def test_without_operators_the_alert_is_only_listed() -> None:
    monitor = Monitor()
    await monitor.counted((A, "ValueError", 11, NOW))
    await monitor.advance(monitor.clock.now() + MINUTE)
    assert monitor.mailer.sent == [] and await firing(monitor) == [("dead-letters", A)]


async def test_admins_alone_see_it_and_may_look_after_it(monitor: Monitor) -> None:
    await monitor.counted((A, "ValueError", 11, NOW))
    (alert,) = monitor.open_alerts()
    assert (await monitor.call(ListAlerts(), caller=ADA)).items == []
    with pytest.raises(AlertNotFound):
        await monitor.call(AcknowledgeAlert(alert_id=alert.id), caller=ADA)
    await monitor.call(AcknowledgeAlert(alert_id=alert.id), caller=ADMIN)
    request = ListApplicationAlerts(application_id=PLATFORM.id)
    (view,) = (await monitor.call(request, caller=ADMIN)).items
    assert (view.application, view.acknowledged_at) == ("capsule", NOW)


async def make(monitor: Monitor, kind: str, application: object, caller: Caller = ADMIN, **more: object) -> None:
    request = CreateAlertRule.model_validate({"applicationId": application, "kind": kind, **more})
    await monitor.call(request, caller=caller)


async def test_limits_are_rules_which_an_admin_may_make(monitor: Monitor) -> None:
    await make(monitor, "dead-letters", PLATFORM.id, threshold=2, environment=A, window=60)
    await monitor.counted((A, "ValueError", 3, NOW), (B, "ValueError", 3, NOW))
    assert await firing(monitor) == [("dead-letters", A)]
    await monitor.advance(monitor.clock.now() + 45 * MINUTE)
    assert await firing(monitor) == [("dead-letters", A)], "a shorter window than contexts count in says nothing"
    for caller, kind, application, more in (
        (ADA, "dead-letters", APP, {"threshold": 1}),
        (ADMIN, "error-rate", PLATFORM.id, {"threshold": 0.1}),
    ):
        with pytest.raises(InvalidRule):
            await make(monitor, kind, application, caller, **more)
    with pytest.raises(Forbidden):
        await make(monitor, "error-rate", APP, threshold=0.1)


class Box:
    def __init__(self) -> None:
        self.letters: list[OutgoingEmail] = []

    async def send(self, letter: OutgoingEmail) -> None:
        self.letters.append(letter)


async def test_the_mail_says_where_to_look(monitor: Monitor) -> None:
    await monitor.counted((A, "ValueError", 11, datetime(2026, 5, 20, tzinfo=NOW.tzinfo)))
    await monitor.advance(monitor.clock.now() + MINUTE)
    box, (intent, to, content) = Box(), monitor.mailer.sent[0]
    mailer = EmailNotifier(box, Settings({"CAPSULE_PUBLIC_URL": "https://capsule.example.com"}))
    await mailer.send(intent, to, content)
    await mailer.send(intent, to, content.model_copy(update={"type": "alert.resolved"}))
    letter, over = box.letters
    assert letter.subject.startswith("[Capsule alert] capsule billing.on_user")
    assert "Capsule: billing.on_user" in letter.text and "https://capsule.example.com/v1/operations/billing/dead-letters" in letter.text
    assert over.text.startswith("Resolved: Capsule: billing.on_user")
