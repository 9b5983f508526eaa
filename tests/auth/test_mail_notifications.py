"""Bounces and complaints of Amazon SES: signed by SNS, each once; the user and administrators see and lift the suppression."""

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.x509.oid import NameOID
from pydantic import SecretStr

from events.platform import AddressSuppressed, AddressUnsuppressed
from functions.auth import ports
from functions.auth.adapters.sns import SnsNotifications, check_url
from functions.auth.commands.lift_own_suppression import LiftOwnSuppression
from functions.auth.commands.lift_suppression import LiftSuppression
from functions.auth.commands.receive_ses_notification import SesNotification
from functions.auth.commands.request_password_reset import RequestPasswordReset
from functions.auth.commands.reset_password import ResetPassword
from functions.auth.domain.email_delivery import AddressNotSuppressed, ComplaintStands, LiftedRecently
from functions.auth.domain.email_limits import EmailKind
from functions.auth.domain.ses_notification import ForgedNotification, InvalidNotification, UnknownTopic, parse_sns, suppressions_of
from functions.auth.queries.email_delivery import ShowEmailDelivery
from functions.auth.queries.email_suppressions import ListEmailSuppressions
from functions.kernel import Forbidden, Transient
from functions.runtime.config.settings import Settings
from functions.wire.email_suppression import Suppression, SuppressionReason
from tests.auth.world import ADDRESS, ADMIN, PASSWORD, World

TOPIC = "arn:aws:sns:eu-west-1:123456789012:bounces"
CERTIFICATE_URL = "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-0123456789abcdef.pem"
SUBSCRIBE_URL = f"https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription&TopicArn={TOPIC}&Token=abc"
AT = datetime(2026, 11, 22, tzinfo=UTC)
KEY = rsa.generate_private_key(65537, 2048)


def certificate(key: rsa.RSAPrivateKey = KEY, days: int = 1) -> bytes:
    name, now = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sns.amazonaws.com")]), datetime.now(UTC)
    begin, end = now - timedelta(days=10), now + timedelta(days=days)
    built = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), begin, end).sign(key, hashes.SHA256())
    return built.public_bytes(serialization.Encoding.PEM)


def time_of(message: object) -> str:
    """When SNS gets a message: at once."""
    report = (message.get("bounce") or message.get("complaint")) if isinstance(message, dict) else None
    return str(report["timestamp"]) if report else "2026-11-22T12:00:00.000Z"


def signed(message: object, *, version: str = "2", key: rsa.RSAPrivateKey = KEY, **fields: str) -> bytes:
    """A message of SNS as it signs them."""
    body = {
        "Type": "Notification",
        "MessageId": "22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324",
        "TopicArn": TOPIC,
        "Message": message if isinstance(message, str) else json.dumps(message),
        "Timestamp": time_of(message),
        "SignatureVersion": version,
        "SigningCertURL": CERTIFICATE_URL,
        "Signature": "",
        **fields,
    }
    text = parse_sns(json.dumps(body)).signed_text()
    algorithm = hashes.SHA1() if version == "1" else hashes.SHA256()
    body["Signature"] = base64.b64encode(key.sign(text, PKCS1v15(), algorithm)).decode()
    return json.dumps(body).encode()


def bounce(at: datetime, address: str = ADDRESS, kind: str = "Permanent") -> dict[str, Any]:
    recipients = [{"emailAddress": address, "diagnosticCode": "smtp; 550 5.1.1 user unknown"}]
    return {
        "notificationType": "Bounce",
        "bounce": {"bounceType": kind, "bounceSubType": "General", "bouncedRecipients": recipients, "timestamp": at.isoformat()},
        "mail": {"destination": [address]},
    }


def complaint(at: datetime, address: str = ADDRESS) -> dict[str, Any]:
    found = {"complainedRecipients": [{"emailAddress": address}], "complaintFeedbackType": "abuse", "timestamp": at.isoformat()}
    return {"eventType": "Complaint", "complaint": found, "mail": {"destination": [address]}}


class LocalSns(SnsNotifications):
    """The real adapter, with a certificate of the test in place of the network."""

    requested: list[str]
    pem = certificate()

    async def _get(self, url: str) -> bytes:
        self.requested = [*getattr(self, "requested", []), url]
        return self.pem if url.endswith(".pem") else b"<ok/>"


def world() -> World:
    world = World({"CAPSULE_SES_TOPICS": TOPIC})
    world._containers["auth"]._instances[ports.Notifications] = LocalSns(world._settings)
    return world


async def notify(world: World, body: bytes) -> None:
    await world.call(SesNotification(body=body))
    await world.settle()


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


async def test_the_subscription_is_confirmed() -> None:
    capsule = world()
    fields = {"Type": "SubscriptionConfirmation", "Token": "abc", "SubscribeURL": SUBSCRIBE_URL}
    await notify(capsule, signed("You have chosen to subscribe", **fields))
    assert capsule.port(ports.Notifications).requested == [CERTIFICATE_URL, SUBSCRIBE_URL]


@pytest.mark.parametrize(
    "fields",
    [
        {"SigningCertURL": "https://evil.example/SimpleNotificationService-0123456789abcdef.pem"},
        {"SigningCertURL": "https://sns.eu-west-1.amazonaws.com.evil.example/SimpleNotificationService-0123456789abcdef.pem"},
        {"SigningCertURL": "https://bucket.s3.eu-west-1.amazonaws.com/SimpleNotificationService-0123456789abcdef.pem"},
        {"SigningCertURL": "http://sns.eu-west-1.amazonaws.com/SimpleNotificationService-0123456789abcdef.pem"},
        {"SigningCertURL": "https://sns.eu-west-1.amazonaws.com/other.pem"},
    ],
)
async def test_a_certificate_from_elsewhere_is_not_fetched(fields: dict[str, str]) -> None:
    capsule = world()
    await notify(capsule, signed(bounce(capsule.clock.now()), **fields))
    assert not capsule.events(AddressSuppressed)
    assert not hasattr(capsule.port(ports.Notifications), "requested")


async def test_a_forged_or_changed_message_changes_nothing() -> None:
    capsule = world()
    other = rsa.generate_private_key(65537, 2048)
    await notify(capsule, signed(bounce(capsule.clock.now()), key=other))
    changed = json.loads(signed(bounce(capsule.clock.now()))) | {"Message": json.dumps(bounce(capsule.clock.now(), "eve@example.org"))}
    await notify(capsule, json.dumps(changed).encode())
    capsule.port(ports.Notifications).pem = certificate(days=-1)
    capsule.port(ports.Notifications)._certificates.clear()
    await notify(capsule, signed(bounce(capsule.clock.now())))
    assert not capsule.events(AddressSuppressed) and not capsule.dead_letters


async def test_what_is_no_message_of_a_listed_topic_is_refused() -> None:
    capsule = world()
    with pytest.raises(UnknownTopic):
        await capsule.call(SesNotification(body=signed("{}", TopicArn=TOPIC + "x")))
    for body in (b"", b"{}", b"\xff", b"[]", b"x" * 400_000):
        with pytest.raises(InvalidNotification):
            await capsule.call(SesNotification(body=body))
    with pytest.raises(UnknownTopic):  # no topic is listed
        await World().call(SesNotification(body=signed("{}")))


def test_notifications_of_other_kinds_report_nothing() -> None:
    assert suppressions_of('{"notificationType": "Delivery"}', AT) == []
    with pytest.raises(InvalidNotification):
        suppressions_of("Successfully validated SNS topic for Amazon SES event publishing.", AT)


@pytest.mark.parametrize(
    ("url", "is_valid"),
    [
        ("https://sns.us-east-1.amazonaws.com/a.pem", True),
        ("https://sns.us-gov-west-1.amazonaws.com/a.pem", True),
        ("https://sns.cn-north-1.amazonaws.com.cn/a.pem", True),
        ("https://sns.us-east-1.amazonaws.com:8443/a.pem", False),
        ("https://user@sns.us-east-1.amazonaws.com/a.pem", False),
        ("https://sns.x.amazonaws.com/a.pem", False),
        ("https://evil.sns.us-east-1.amazonaws.com/a.pem", False),
        ("https://[", False),
        ("", False),
    ],
)
def test_only_urls_of_sns_in_a_region_are_called(url: str, is_valid: bool) -> None:
    if is_valid:
        assert check_url(url) == url
    else:
        with pytest.raises(ForgedNotification):
            check_url(url)


@pytest.mark.parametrize(
    "url",
    [
        CERTIFICATE_URL.replace("eu-west-1", "us-east-1"),
        CERTIFICATE_URL.replace("eu-west-1", "xx-nowhere-9"),
        f"{CERTIFICATE_URL}?a=b",
        f"{CERTIFICATE_URL}#a",
        CERTIFICATE_URL.replace("Simple", "Sim\nple"),
        f"{CERTIFICATE_URL}\x7f",
        f"{CERTIFICATE_URL} ",
        "https://[::1",
    ],
)
async def test_a_certificate_outside_of_the_topic_s_region_is_not_fetched(url: str) -> None:
    capsule = world()
    await capsule.signed_in_user()
    await notify(capsule, signed(bounce(capsule.clock.now()), SigningCertURL=url))
    assert not capsule.events(AddressSuppressed) and not capsule.dead_letters
    assert not getattr(capsule._containers["auth"]._instances[ports.Notifications], "requested", [])


@pytest.mark.parametrize(("status", "is_forged"), [(200, False), (403, True), (404, True), (429, False), (500, False), (503, False)])
async def test_an_address_that_sns_does_not_know_is_forged(status: int, is_forged: bool) -> None:
    adapter = SnsNotifications(Settings({"CAPSULE_SES_TOPICS": TOPIC}))
    adapter._client = httpx.AsyncClient(transport=httpx.MockTransport(lambda request: httpx.Response(status, content=b"x")))
    with pytest.raises(ForgedNotification if is_forged else Transient):
        await adapter.verify(parse_sns(signed("x")))


@pytest.mark.parametrize("text", ["550 \x00 no", "550 \u2028", "550 \r\nBcc: x"], ids=repr)
async def test_what_a_mail_server_answers_can_be_stored(text: str) -> None:
    found = bounce(AT, address=f"{ADDRESS}\n")
    found["bounce"]["bouncedRecipients"][0]["diagnosticCode"] = text
    (suppression,) = suppressions_of(json.dumps(found), AT)
    assert suppression.detail.isprintable() and suppression.address == ADDRESS


def test_a_time_without_an_offset_is_refused() -> None:
    with pytest.raises(InvalidNotification):
        parse_sns(signed("x", Timestamp="2026-11-22T12:00:00")).sent_at  # noqa: B018  raises
    assert parse_sns(signed("x", Timestamp="2026-11-22T12:00:00.000Z")).sent_at == AT + timedelta(hours=12)


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
