"""The registration saga: every path from its first transaction to its end."""

from datetime import timedelta
from uuid import uuid4

import pytest

from events.auth import (
    CustomerRequested,
    PaymentAccountClosureRequested,
    PaymentAccountRequested,
    QuotaRequested,
    RegistrationCompleted,
    RegistrationFailed,
)
from functions.auth.commands.resume_registration import ResumeRegistration
from functions.auth.domain.email_limits import MAX_PER_WINDOW
from functions.auth.domain.registration import PLAN, Stage
from functions.auth.domain.rejections import (
    RegistrationComplete,
    UnknownRegistration,
)
from functions.auth.domain.user import Role
from functions.auth.domain.views import NO_ANSWER
from tests.auth.world import ADMIN, RegistrationScenario, World


@pytest.fixture
async def scenario() -> RegistrationScenario:
    return await RegistrationScenario().start()


async def test_the_steps_are_customer_quota_and_payment_account(scenario: RegistrationScenario) -> None:
    assert (await scenario.stored()).status is Stage.CUSTOMER
    scenario.world.clock.advance(seconds=1)
    await scenario.publish_customer_created()
    scenario.world.clock.advance(seconds=2)
    await scenario.publish_quota_granted()
    scenario.world.clock.advance(seconds=3)
    await scenario.publish_account_changed("opened")
    assert [type(event) for event in scenario.requested] == [QuotaRequested, PaymentAccountRequested, RegistrationCompleted]

    view = await scenario.show()
    assert (view.status, view.summary, view.correlation_id) == ("completed", "The account is set up.", "correlation-1")
    steps = [(step.step, (step.finished_at - step.started_at).seconds if step.finished_at else None, step.attempts) for step in view.steps]
    assert steps == [("user", 0, 1), ("customer", 1, 1), ("quota", 2, 1), ("payment-account", 3, 1)]
    assert not await scenario.world.list_registrations()


async def test_a_registration_completes_where_payments_are_off(scenario: RegistrationScenario) -> None:
    await scenario.publish_customer_created()
    await scenario.publish_quota_granted()
    await scenario.publish_account_changed("off")
    assert (await scenario.show()).status == "completed"


async def test_repeated_and_late_messages_change_nothing(scenario: RegistrationScenario) -> None:
    for publish in (scenario.publish_customer_created, scenario.publish_quota_granted):
        await publish()
        count, version = len(scenario.requested), (await scenario.stored()).version
        await publish()
        assert (len(scenario.requested), (await scenario.stored()).version) == (count, version)
    await scenario.publish_account_changed("opened")
    completed = await scenario.stored()
    assert scenario.world.reminders()
    for _, reminder in scenario.world.reminders():
        await scenario.world.publish(reminder)
    for status in ("delayed", "refused", "given-up", "opened"):
        await scenario.publish_account_changed(status)
    assert await scenario.stored() == completed


async def test_an_event_before_its_step_changes_nothing_and_the_step_is_requested_later(scenario: RegistrationScenario) -> None:
    await scenario.publish_quota_granted()
    assert (await scenario.stored()).status is Stage.CUSTOMER and not scenario.requested
    await scenario.publish_customer_created()
    assert isinstance(scenario.requested[-1], QuotaRequested)


async def test_an_unanswered_step_is_requested_again_with_growing_delays(scenario: RegistrationScenario) -> None:
    ((_, stale),) = scenario.world.reminders()
    delays = [scenario.reminder_delay()]
    await scenario.wait_for_reminder()
    (request,) = scenario.requested
    assert isinstance(request, CustomerRequested)
    assert (request.email, request.at) == ("ada@example.org", (await scenario.stored()).started_at)
    await scenario.world.publish(stale)
    assert len(scenario.requested) == 1
    for _ in range(2):
        delays.append(scenario.reminder_delay())
        await scenario.wait_for_reminder()
    delays.append(scenario.reminder_delay())
    assert [delay.total_seconds() for delay in delays] == [60, 120, 240, 480]
    assert (await scenario.stored()).steps[-1].attempts == 4


async def test_an_unavailable_provider_is_asked_again_until_it_answers(scenario: RegistrationScenario) -> None:
    await scenario.publish_customer_created()
    await scenario.publish_quota_granted()
    await scenario.publish_account_changed("delayed", "connection refused")
    view = await scenario.show()
    assert (view.status, view.steps[-1].attempts, view.steps[-1].error) == ("payment-account", 1, NO_ANSWER)
    (listed,) = await scenario.world.list_registrations()
    assert listed.steps[-1].error == "connection refused", "administrators see the cause"
    assert view.next_reminder_at == scenario.now + timedelta(minutes=1)

    await scenario.wait_for_reminder()
    assert isinstance(scenario.requested[-1], PaymentAccountRequested)
    await scenario.publish_account_changed("opened")
    registration = await scenario.stored()
    assert (registration.status, registration.steps[-1].attempts) == (Stage.COMPLETED, 2)
    assert registration.steps[-1].error == "connection refused"


async def test_a_provider_unavailable_for_three_days_leads_to_compensation(scenario: RegistrationScenario) -> None:
    await scenario.publish_customer_created()
    await scenario.publish_quota_granted()
    started_at = scenario.now
    await scenario.publish_account_changed("delayed", "connection refused")
    await scenario.wait_until_the_step_fails()
    assert scenario.now - started_at == PLAN[Stage.ACCOUNT].time_limit
    closure = scenario.requested[-1]
    assert isinstance(closure, PaymentAccountClosureRequested)
    attempts = next(step.attempts for step in (await scenario.stored()).steps if step.step == Stage.ACCOUNT)
    assert closure.reason == f"No result after {attempts} requests."

    await scenario.publish_account_changed("given-up")
    failed = scenario.requested[-1]
    assert isinstance(failed, RegistrationFailed)
    assert (failed.step, failed.reason, failed.limited) == ("payment-account", "timed-out", True)
    registration = await scenario.stored()
    assert (registration.status, registration.is_running) == (Stage.COMPENSATED, False)
    assert registration.last_error == "connection refused"
    assert "works on the free plan" in registration.summary
    assert "refused" not in registration.summary, "users do not see errors of internal systems"


async def test_a_refusal_is_compensated_immediately(scenario: RegistrationScenario) -> None:
    await scenario.publish_customer_created()
    await scenario.publish_quota_granted()
    await scenario.publish_account_changed("refused", "Invalid email address")
    assert (await scenario.stored()).status is Stage.COMPENSATING
    await scenario.publish_account_changed("given-up")
    (listed,) = await scenario.world.list_registrations()
    assert (listed.status, listed.failed_step, listed.reason) == ("compensated", "payment-account", "refused")
    assert listed.detail == "Invalid email address"
    assert [step.step for step in listed.steps] == ["user", "customer", "quota", "payment-account", "compensating"]
    view = await scenario.show()
    assert view == listed and view.steps[3].error == "Invalid email address"


@pytest.mark.parametrize("has_ended", [False, True])
async def test_a_late_success_completes_the_registration(scenario: RegistrationScenario, has_ended: bool) -> None:
    await scenario.publish_customer_created()
    await scenario.publish_quota_granted()
    await scenario.publish_account_changed("refused", "no")
    if has_ended:
        await scenario.publish_account_changed("given-up")
    await scenario.publish_account_changed("opened")
    registration = await scenario.stored()
    assert (registration.status, registration.failed_step, registration.reason) == (Stage.COMPLETED, None, None)


@pytest.mark.parametrize("stage", [Stage.CUSTOMER, Stage.QUOTA])
async def test_a_step_without_an_answer_for_a_day_fails_and_a_late_answer_continues(scenario: RegistrationScenario, stage: Stage) -> None:
    if stage is Stage.QUOTA:
        await scenario.publish_customer_created()
    started_at = scenario.now
    await scenario.wait_until_the_step_fails()
    assert scenario.now - started_at == timedelta(days=1)
    failed = scenario.requested[-1]
    assert isinstance(failed, RegistrationFailed) and (failed.step, failed.limited) == (stage, False)
    assert "works" in (await scenario.stored()).summary

    await (scenario.publish_customer_created() if stage is Stage.CUSTOMER else scenario.publish_quota_granted())
    registration = await scenario.stored()
    assert (registration.status, registration.failed_step) == (Stage.QUOTA if stage is Stage.CUSTOMER else Stage.ACCOUNT, None)


async def test_a_compensation_without_an_answer_fails(scenario: RegistrationScenario) -> None:
    await scenario.publish_customer_created()
    await scenario.publish_quota_granted()
    await scenario.publish_account_changed("refused", "no")
    await scenario.wait_until_the_step_fails()
    failed = scenario.requested[-1]
    assert isinstance(failed, RegistrationFailed) and (failed.step, failed.limited) == ("payment-account", False)
    assert (await scenario.stored()).status is Stage.FAILED


async def test_housekeeping_resumes_a_registration_whose_reminder_was_lost(scenario: RegistrationScenario) -> None:
    await scenario.publish_customer_created()
    scenario.lose_reminders()
    assert not await scenario.housekeeping(), "the reminder is not overdue yet"
    scenario.world.clock.advance(minutes=3)
    (reminder,) = await scenario.housekeeping()
    assert isinstance(scenario.requested[-1], QuotaRequested) and len(scenario.requested) == 2
    scenario.lose_reminders()
    assert not await scenario.housekeeping()
    await scenario.world.publish(reminder)
    assert len(scenario.requested) == 2


async def test_housekeeping_fails_a_stuck_registration_after_its_deadline(scenario: RegistrationScenario) -> None:
    scenario.lose_reminders()
    scenario.world.clock.advance(days=2)
    assert len(await scenario.housekeeping()) == 1
    assert (await scenario.stored()).status is Stage.FAILED
    assert not await scenario.housekeeping()


async def test_an_administrator_resumes_a_failed_registration(scenario: RegistrationScenario) -> None:
    await scenario.publish_customer_created()
    await scenario.publish_quota_granted()
    await scenario.publish_account_changed("refused", "no")
    await scenario.publish_account_changed("given-up")
    await scenario.resume()
    registration = await scenario.stored()
    assert isinstance(scenario.requested[-1], PaymentAccountRequested)
    assert (registration.status, registration.failed_step) == (Stage.ACCOUNT, None)
    assert registration.deadline_at == scenario.now + PLAN[Stage.ACCOUNT].time_limit
    await scenario.publish_account_changed("opened")
    with pytest.raises(RegistrationComplete):
        await scenario.resume()
    with pytest.raises(UnknownRegistration):
        await scenario.world.call(ResumeRegistration(user_id=uuid4()), caller=ADMIN)


async def test_emails_to_administrators_are_limited() -> None:
    world = World()
    created = await world.verified_user()
    admin = world.users.rows[created.user_id]
    admin.roles = frozenset({Role.USER, Role.ADMIN})
    world.forget_delayed()  # the administrator's own registration is not part of this test
    for number in range(MAX_PER_WINDOW + 2):
        scenario = await RegistrationScenario(world).start(f"user{number}@example.org")
        scenario.lose_reminders()
        registration = world.registrations.rows[scenario.user_id]
        failed = registration.expire(registration.deadline_at or scenario.now)
        await world.publish(*(each for each in failed if isinstance(each, RegistrationFailed)))
    assert len(world.mailer.failed) == MAX_PER_WINDOW
    assert {to for _, to, _ in world.mailer.failed} == {admin.email}
    assert world.mailer.failed[0][2] == "user0@example.org"
