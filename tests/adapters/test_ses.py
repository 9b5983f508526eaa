"""E-mails over Amazon SES: boto3 against moto's server."""

import urllib.request
from collections.abc import Iterator
from email import message_from_string, policy
from typing import Any

import boto3
import httpx
import pytest
from moto.server import ThreadedMotoServer

from functions.kernel import Permanent, Transient, new_id
from functions.runtime.config.settings import Settings
from functions.runtime.email.message import Attachment, OutgoingEmail
from functions.runtime.email.transport import EmailTransport, email_transport
from tests.capsule import FixedClock

EMAIL = OutgoingEmail(new_id(), "ada@example.org", "Hällo", "text", "<p>html</p>", (Attachment("a.pdf", "application/pdf", b"%PDF"),))


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    server = ThreadedMotoServer("127.0.0.1", 0)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture(autouse=True)
def fresh(endpoint: str) -> None:
    urllib.request.urlopen(urllib.request.Request(f"{endpoint}/moto-api/reset", method="POST"), timeout=10).close()


def transport(endpoint: str, sender: str = "Capsule <no-reply@example.org>") -> EmailTransport:
    url = f"ses://AKIATEST:se%2Fcret@eu-west-1?endpoint={endpoint}"
    return email_transport(Settings({"CAPSULE_MAIL_URL": url, "CAPSULE_MAIL_FROM": sender}), FixedClock())


def client(endpoint: str) -> Any:
    options = {"region_name": "eu-west-1", "endpoint_url": endpoint, "aws_access_key_id": "AKIATEST", "aws_secret_access_key": "x"}
    return boto3.client("sesv2", **options)


async def test_the_whole_message_arrives(endpoint: str) -> None:
    client(endpoint).create_email_identity(EmailIdentity="no-reply@example.org")
    await transport(endpoint).send(EMAIL)
    async with httpx.AsyncClient(trust_env=False) as http:
        (sent,) = (await http.get(f"{endpoint}/moto-api/data.json")).json()["ses"]["RawMessage"]
    message = message_from_string(str(sent["raw_data"]), policy=policy.default)
    assert (message["To"], message["Subject"]) == ("ada@example.org", "Hällo")
    assert [part.get_content_type() for part in message.walk()][-3:] == ["text/plain", "text/html", "application/pdf"]


async def test_a_sender_that_is_not_verified_is_permanent(endpoint: str) -> None:
    with pytest.raises(Permanent, match="MessageRejected"):
        await transport(endpoint, "nobody@other.example").send(EMAIL)


async def test_an_unreachable_endpoint_is_transient(unused_tcp_port: int) -> None:
    with pytest.raises(Transient, match="eu-west-1"):
        await transport(f"http://127.0.0.1:{unused_tcp_port}").send(EMAIL)
