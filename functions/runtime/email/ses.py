"""E-mails over Amazon SES, API version 2: SendEmail with the whole MIME message. https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_SendEmail.html

SES replaces the Message-ID, and has no idempotency key: an e-mail that is sent again after a crash arrives twice.
"""

import asyncio
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from functions.kernel import Clock, Permanent, Transient
from functions.runtime.email.message import OutgoingEmail, build_message
from functions.runtime.storage.external_call import external_call

TIMEOUT_SECONDS = 10.0
REFUSALS = frozenset({"MessageRejected", "BadRequestException", "MailFromDomainNotVerifiedException", "NotFoundException"})
"""Errors that no retry repairs. All others (throttling, a paused account, credentials) an operator or time repairs."""


class SesTransport:
    """`url`: `ses://`, as in `transport`. Without credentials in the URL, boto3 finds them: environment, web identity, instance."""

    def __init__(self, url: str, sender: str, clock: Clock) -> None:
        parts = urlsplit(url)
        options = {name: values[-1] for name, values in parse_qs(parts.query).items()}
        self._region, self._sender, self._clock = parts.hostname or "", sender, clock
        self._configuration_set = options.get("configuration-set")
        self._client = boto3.client(
            "sesv2",
            region_name=self._region,
            endpoint_url=options.get("endpoint"),
            aws_access_key_id=unquote(parts.username) if parts.username else None,
            aws_secret_access_key=unquote(parts.password) if parts.password else None,
            # One attempt: the message's own retries have backoff and jitter, and are counted.
            config=Config(connect_timeout=TIMEOUT_SECONDS, read_timeout=TIMEOUT_SECONDS, retries={"total_max_attempts": 1}),
        )

    @external_call
    async def send(self, email: OutgoingEmail) -> None:
        message = build_message(email, self._sender, self._clock)
        request: dict[str, Any] = {
            "FromEmailAddress": self._sender,
            "Destination": {"ToAddresses": [str(message["To"])]},
            "Content": {"Raw": {"Data": message.as_bytes()}},
        }
        if self._configuration_set:
            request["ConfigurationSetName"] = self._configuration_set
        try:
            await asyncio.to_thread(self._client.send_email, **request)
        except ClientError as error:
            code = error.response["Error"].get("Code", "")
            text = f"SES in {self._region}: {code}: {error.response['Error'].get('Message', '')}"
            raise (Permanent(text) if code in REFUSALS else Transient(text)) from error
        except BotoCoreError as error:
            raise Transient(f"SES in {self._region} cannot be called: {error}") from error
