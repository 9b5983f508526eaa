"""A registration from its first transaction to its end: each way there is, by the messages that carry it, on a clock that is set."""

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
from functions.auth.commands.resume_registration import ResumeRegistration, resume_registration
from functions.auth.domain.email_limits import MAX_PER_WINDOW
from functions.auth.domain.registration import PLAN, Stage
from functions.auth.domain.rejections import RegistrationComplete, UnknownRegistration
from functions.auth.domain.user import Role
from functions.auth.domain.views import NO_ANSWER
from functions.auth.handlers.on_registration_failed import on_registration_failed
from functions.auth.queries.registration import ShowRegistration, registration
from functions.auth.queries.registrations import ListRegistrations, registrations
from functions.kernel import Caller
from tests.auth.registration_story import Story
from tests.auth.world import PlainWork, World


@pytest.fixture
async def story() -> Story:
    return await Story().begin()


async def test_user_customer_quota_account(story: Story) -> None:
    assert (await story.found()).status is Stage.CUSTOMER
    story.world.clock.forward(seconds=1)
    await story.customer()
    story.world.clock.forward(seconds=2)
    await story.quota()
    story.world.clock.forward(seconds=3)
    await story.account("opened")
    assert [type(event) for event in story.asked] == [QuotaRequested, PaymentAccountRequested, RegistrationCompleted]

    shown = await registration(ShowRegistration(), story.world.registrations, Caller(story.user_id))
    assert (shown.status, shown.summary, shown.correlation_id) == ("completed", "All is set up.", "correlation-1")
    lines = [(line.step, (line.finished_at - line.started_at).seconds if line.finished_at else None, line.attempts) for line in shown.steps]
    assert lines == [("user", 0, 1), ("customer", 1, 1), ("quota", 2, 1), ("payment-account", 3, 1)]
    assert not (await registrations(ListRegistrations(), story.world.registrations)).registrations


async def test_every_message_may_come_twice_and_late(story: Story) -> None:
    for hear in (story.customer, story.quota):
        await hear()
        asked, version = len(story.asked), (await story.found()).version
        await hear()
        assert (len(story.asked), (await story.found()).version) == (asked, version)
    await story.account("opened")
    ended = await story.found()
    for _, reminder in list(story.reminders):
        await story.hear(reminder)
    for status in ("delayed", "refused", "given-up", "opened"):
        await story.account(status)
    assert await story.found() == ended


async def test_what_comes_before_its_turn_moves_nothing_and_is_asked_for_in_its_turn(story: Story) -> None:
    await story.quota()
    assert (await story.found()).status is Stage.CUSTOMER and not story.asked
    await story.customer()
    assert isinstance(story.asked[-1], QuotaRequested)


async def test_what_is_not_answered_is_asked_for_again_and_each_reminder_counts_once(story: Story) -> None:
    _, stale = story.reminders[-1]
    await story.reminded()
    (wanted,) = story.asked
    assert isinstance(wanted, CustomerRequested)
    assert (wanted.email, wanted.at) == ("ada@example.org", (await story.found()).started_at)
    await story.hear(stale)
    assert len(story.asked) == 1
    await story.reminded()
    await story.reminded()
    assert [delay.total_seconds() for delay, _ in story.reminders] == [60, 120, 240, 480]
    assert (await story.found()).steps[-1].attempts == 4


async def test_a_provider_that_is_away_is_asked_again_until_it_is_back(story: Story) -> None:
    await story.customer()
    await story.quota()
    await story.account("delayed", "connection refused")
    shown = await registration(ShowRegistration(), story.world.registrations, Caller(story.user_id))
    assert (shown.status, shown.steps[-1].attempts, shown.steps[-1].error) == ("payment-account", 1, NO_ANSWER)
    (listed,) = (await registrations(ListRegistrations(), story.world.registrations)).registrations
    assert listed.steps[-1].error == "connection refused", "who runs this needs to know"
    assert shown.next_reminder_at == story.world.clock.now() + timedelta(minutes=1)

    await story.reminded()
    assert isinstance(story.asked[-1], PaymentAccountRequested)
    await story.account("opened")
    found = await story.found()
    assert (found.status, found.steps[-1].attempts, found.steps[-1].error) == (Stage.COMPLETED, 2, "connection refused")


async def test_a_provider_that_stays_away_is_given_up_after_three_days_and_compensated(story: Story) -> None:
    await story.customer()
    await story.quota()
    began = story.world.clock.now()
    await story.account("delayed", "connection refused")
    await story.until_given_up()
    assert story.world.clock.now() - began == PLAN[Stage.ACCOUNT].time_limit
    unwanted = story.asked[-1]
    assert isinstance(unwanted, PaymentAccountClosureRequested) and "not done in the time it had" in unwanted.reason

    await story.account("given-up")
    failed = story.asked[-1]
    assert isinstance(failed, RegistrationFailed)
    assert (failed.step, failed.reason, failed.limited) == ("payment-account", "timed-out", True)
    found = await story.found()
    assert (found.status, found.running) == (Stage.COMPENSATED, False)
    assert found.last_error == "connection refused"
    assert "works on the free plan" in found.summary and "refused" not in found.summary, "what an outage says is not for the user"


async def test_a_refused_customer_is_compensated_at_once(story: Story) -> None:
    await story.customer()
    await story.quota()
    await story.account("refused", "Invalid email address")
    assert (await story.found()).status is Stage.COMPENSATING
    await story.account("given-up")
    (listed,) = (await registrations(ListRegistrations(), story.world.registrations)).registrations
    assert (listed.status, listed.failed_step, listed.reason, listed.detail) == ("compensated", "payment-account", "refused", "Invalid email address")
    assert [line.step for line in listed.steps] == ["user", "customer", "quota", "payment-account", "compensating"]
    own = await registration(ShowRegistration(), story.world.registrations, Caller(story.user_id))
    assert own == listed and own.steps[3].error == "Invalid email address"


@pytest.mark.parametrize("ended", [False, True])
async def test_an_account_that_is_opened_after_all_counts(story: Story, ended: bool) -> None:
    await story.customer()
    await story.quota()
    await story.account("refused", "no")
    if ended:
        await story.account("given-up")
    await story.account("opened")
    found = await story.found()
    assert (found.status, found.failed_step, found.reason) == (Stage.COMPLETED, None, None)


@pytest.mark.parametrize("at", [Stage.CUSTOMER, Stage.QUOTA])
async def test_a_context_that_does_not_answer_for_a_day_is_given_up_and_a_late_answer_goes_on(story: Story, at: Stage) -> None:
    if at is Stage.QUOTA:
        await story.customer()
    began = story.world.clock.now()
    await story.until_given_up()
    assert story.world.clock.now() - began == timedelta(days=1)
    failed = story.asked[-1]
    assert isinstance(failed, RegistrationFailed) and (failed.step, failed.limited) == (at, False)
    assert "works" in (await story.found()).summary

    await (story.customer() if at is Stage.CUSTOMER else story.quota())
    found = await story.found()
    assert (found.status, found.failed_step) == (Stage.QUOTA if at is Stage.CUSTOMER else Stage.ACCOUNT, None)


async def test_a_compensation_that_is_not_answered_ends_too(story: Story) -> None:
    await story.customer()
    await story.quota()
    await story.account("refused", "no")
    await story.until_given_up()
    failed = story.asked[-1]
    assert isinstance(failed, RegistrationFailed) and (failed.step, failed.limited) == ("payment-account", False)
    assert (await story.found()).status is Stage.FAILED


async def test_a_stuck_one_is_found_by_the_housekeeping_and_goes_on(story: Story) -> None:
    await story.customer()
    assert not await story.housekeeping(), "its reminder may still come"
    story.world.clock.forward(minutes=3)
    (reminder,) = await story.housekeeping()
    await story.hear(reminder)
    assert isinstance(story.asked[-1], QuotaRequested) and len(story.asked) == 2
    assert not await story.housekeeping()
    await story.hear(reminder)
    assert len(story.asked) == 2


async def test_a_stuck_one_whose_time_is_over_is_given_up_by_the_housekeeping(story: Story) -> None:
    story.world.clock.forward(days=2)
    (reminder,) = await story.housekeeping()
    await story.hear(reminder)
    assert (await story.found()).status is Stage.FAILED
    assert not await story.housekeeping()


async def test_who_has_mended_the_cause_resumes(story: Story) -> None:
    await story.customer()
    await story.quota()
    await story.account("refused", "no")
    await story.account("given-up")
    await story.resume()
    found = await story.found()
    assert isinstance(story.asked[-1], PaymentAccountRequested)
    assert (found.status, found.failed_step, found.deadline_at) == (Stage.ACCOUNT, None, story.world.clock.now() + PLAN[Stage.ACCOUNT].time_limit)
    await story.account("opened")
    with pytest.raises(RegistrationComplete):
        await story.resume()
    with pytest.raises(UnknownRegistration):
        await resume_registration(ResumeRegistration(user_id=uuid4()), story.world.registrations, story.world.clock)


async def test_administrators_are_told_by_mail_and_not_flooded() -> None:
    world = World()
    boss = await world.verified_user()
    (row,) = [user for user in world.users.rows.values() if user.id == boss.user_id]
    row.roles = frozenset({Role.USER, Role.ADMIN})
    for number in range(MAX_PER_WINDOW + 2):
        story = await Story(world).begin(f"user{number}@example.org")
        await story.until_given_up()
        failed = story.asked[-1]
        assert isinstance(failed, RegistrationFailed)
        world.clock.at = row.registered_at
        await on_registration_failed(failed, world.users, world.registrations, world.sent_emails, world.mailer, world.clock, PlainWork())
    assert len(world.mailer.failed) == MAX_PER_WINDOW
    assert {to for _, to, _ in world.mailer.failed} == {row.email}
    assert world.mailer.failed[0][2] == "user0@example.org"
