"""Notifications of Amazon SNS, signed with a certificate of the tests."""

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.x509.oid import NameOID

from functions.auth import ports
from functions.auth.adapters.sns import SnsNotifications
from functions.auth.commands.receive_ses_notification import SesNotification
from functions.auth.domain.ses_notification import parse_sns
from tests.auth.world import ADDRESS, World

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
