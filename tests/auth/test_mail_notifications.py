"""Bounces and complaints of Amazon SES: signed by SNS, each once; the user and administrators see and lift the suppression."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import SecretStr

from events.platform import AddressSuppressed, AddressUnsuppressed
from functions.auth import ports
from functions.auth.commands.lift_own_suppression import LiftOwnSuppression
from functions.auth.commands.lift_suppression import LiftSuppression
from functions.auth.commands.request_password_reset import RequestPasswordReset
from functions.auth.commands.reset_password import ResetPassword
from functions.auth.domain.email_delivery import AddressNotSuppressed, ComplaintStands, LiftedRecently
from functions.auth.domain.email_limits import EmailKind
from functions.auth.domain.ses_notification import InvalidNotification, suppressions_of
from functions.auth.queries.email_delivery import ShowEmailDelivery
from functions.auth.queries.email_suppressions import ListEmailSuppressions
from functions.kernel import Forbidden
from functions.wire.email_suppression import Suppression, SuppressionReason
from tests.auth.sns_notifications import AT, bounce, complaint, notify, signed, world
from tests.auth.world import ADDRESS, ADMIN, PASSWORD


@pytest.mark.parametrize("version", ["1", "2"])
async def test_a_bounce_suppresses_the_address_once(version: str) -> None:
    capsule = world()
    caller, _ = await capsule.signed_in_user()
    body = signed(bounce(capsule.clock.now()), version=version)
    for _ in range(2):
        await notify(capsule, body)
    assert [(each.address, each.reason) for each in capsule.events(AddressSuppressed)] == [(ADDRESS, "bounce")]
    view = await capsule.call(ShowEmailDelivery(), caller=caller)
    assert (view.is_suppressed, view.reason, view.detail) == (True, "bounce", "smtp; 550 5.1.1 user unknown")


async def test_a_user_lifts_a_bounce_once_a_day_and_an_old_notification_does_not_bring_it_back() -> None:
    capsule = world()
    caller, _ = await capsule.signed_in_user()
    body = signed(bounce(capsule.clock.now()))
    await notify(capsule, body)
    capsule.clock.advance(minutes=5)
    assert not (await capsule.call(LiftOwnSuppression(), caller=caller)).is_suppressed
    assert [each.address for each in capsule.events(AddressUnsuppressed)] == [ADDRESS]
    await notify(capsule, body)
    assert not (await capsule.call(ShowEmailDelivery(), caller=caller)).is_suppressed
    with pytest.raises(AddressNotSuppressed):
        await capsule.call(LiftOwnSuppression(), caller=caller)
    capsule.clock.advance(minutes=5)
    await notify(capsule, signed(bounce(capsule.clock.now())))
    with pytest.raises(LiftedRecently):
        await capsule.call(LiftOwnSuppression(), caller=caller)


async def test_a_complaint_is_lifted_by_administrators_only() -> None:
    capsule = world()
    caller, _ = await capsule.signed_in_user()
    await notify(capsule, signed(complaint(capsule.clock.now())))
    capsule.clock.advance(minutes=5)
    with pytest.raises(ComplaintStands):
        await capsule.call(LiftOwnSuppression(), caller=caller)
    with pytest.raises(Forbidden):
        await capsule.call(ListEmailSuppressions(), caller=caller)
    page = await capsule.call(ListEmailSuppressions(search="ADA"), caller=ADMIN)
    assert [(each.address, each.reason) for each in page.items] == [(ADDRESS, "complaint")]
    await capsule.call(LiftSuppression(address=ADDRESS.upper()), caller=ADMIN)
    assert (await capsule.call(ListEmailSuppressions(), caller=ADMIN)).items == []
    assert capsule.records[-1].before == {"address": ADDRESS, "reason": "complaint"}


async def test_a_transient_bounce_suppresses_nothing() -> None:
    capsule = world()
    await notify(capsule, signed(bounce(capsule.clock.now(), kind="Transient")))
    assert not capsule.events(AddressSuppressed)


def test_notifications_of_other_kinds_report_nothing() -> None:
    assert suppressions_of('{"notificationType": "Delivery"}', AT) == []
    with pytest.raises(InvalidNotification):
        suppressions_of("Successfully validated SNS topic for Amazon SES event publishing.", AT)


@pytest.mark.parametrize(
    ("destinations", "recipients", "expected"),
    [
        ([ADDRESS], ["victim@example.net"], [ADDRESS]),
        ([ADDRESS], [], [ADDRESS]),
        ([ADDRESS, "eve@example.org"], ["victim@example.net", "EVE@example.org"], ["eve@example.org"]),
        (["ada@bücher.example"], ["ada@xn--bcher-kva.example"], ["ada@xn--bcher-kva.example"]),
        ([], ["victim@example.net"], []),
    ],
)
@pytest.mark.parametrize("make", [bounce, complaint])
def test_a_report_is_about_addresses_that_got_the_email(make: Any, destinations: list[str], recipients: list[str], expected: list[str]) -> None:
    """The server of a recipient names the recipients: it could suppress anybody."""
    found = make(AT)
    found["mail"]["destination"] = destinations
    (report,) = (found[each] for each in ("bounce", "complaint") if each in found)
    (names,) = (each for each in report if each.endswith("Recipients"))
    report[names] = [{"emailAddress": each} for each in recipients]
    assert [each.address for each in suppressions_of(json.dumps(found), AT)] == expected


async def test_a_bounce_from_the_future_begins_when_it_arrives_and_can_be_lifted() -> None:
    capsule = world()
    caller, _ = await capsule.signed_in_user()
    body = signed(bounce(datetime(9999, 1, 1, tzinfo=UTC)), Timestamp=(capsule.clock.now() + timedelta(days=1)).isoformat())
    await notify(capsule, body)
    view = await capsule.call(ShowEmailDelivery(), caller=caller)
    assert view.suppressed_at == capsule.clock.now()
    assert not (await capsule.call(LiftOwnSuppression(), caller=caller)).is_suppressed
    await capsule.settle()
    assert not (await capsule.call(ShowEmailDelivery(), caller=caller)).is_suppressed


async def test_what_a_context_with_a_fast_clock_has_suppressed_can_be_lifted() -> None:
    capsule = world()
    caller, _ = await capsule.signed_in_user()
    at = capsule.clock.now() + timedelta(hours=1)
    for lift, by in ((LiftOwnSuppression(), caller), (LiftSuppression(address=ADDRESS), ADMIN)):
        await capsule.port(ports.Suppressions).suppress(Suppression(ADDRESS, SuppressionReason.BOUNCE, "550", at))
        await capsule.call(lift, caller=by)
        assert await capsule.port(ports.Suppressions).find(ADDRESS) is None
        assert capsule.events(AddressUnsuppressed)[-1].at == at
        at += timedelta(hours=1)


def test_the_list_of_the_aws_account_and_a_report_of_no_spam_suppress_nothing() -> None:
    found = bounce(AT)
    found["bounce"]["bounceSubType"] = "OnAccountSuppressionList"
    assert suppressions_of(json.dumps(found), AT) == []
    found = complaint(AT)
    found["complaint"]["complaintFeedbackType"] = "not-spam"
    assert suppressions_of(json.dumps(found), AT) == []


async def test_a_link_that_arrives_after_a_bounce_lifts_it_and_leaves_a_complaint() -> None:
    capsule = world()
    _, token = await capsule.registered()
    await notify(capsule, signed(bounce(capsule.clock.now())))
    capsule.clock.advance(minutes=5)
    await capsule.verify(token)
    assert [each.address for each in capsule.events(AddressUnsuppressed)] == [ADDRESS]
    for make, is_lifted in ((bounce, True), (complaint, False)):
        capsule.clock.advance(minutes=5)
        await notify(capsule, signed(make(capsule.clock.now())))
        await capsule.call(RequestPasswordReset(email=ADDRESS))
        await capsule.settle()
        capsule.clock.advance(minutes=5)
        await capsule.call(ResetPassword(token=SecretStr(capsule.mailer.tokens(EmailKind.PASSWORD_RESET)[-1]), password=SecretStr(PASSWORD)))
        assert (await capsule.port(ports.Suppressions).find(ADDRESS) is None) is is_lifted
    assert len(capsule.events(AddressUnsuppressed)) == 2
