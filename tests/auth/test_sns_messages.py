"""Only messages of the operator's SNS topic count: their signature, certificate, addresses and content are checked."""

import json
from datetime import timedelta

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from events.platform import AddressSuppressed
from functions.auth import ports
from functions.auth.adapters.sns import SnsNotifications, check_url
from functions.auth.commands.receive_ses_notification import SesNotification
from functions.auth.domain.ses_notification import ForgedNotification, InvalidNotification, UnknownTopic, parse_sns, suppressions_of
from functions.kernel import Transient
from functions.runtime.config.settings import Settings
from tests.auth.sns_notifications import AT, CERTIFICATE_URL, SUBSCRIBE_URL, TOPIC, bounce, certificate, notify, signed, world
from tests.auth.world import ADDRESS, World


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
