"""Webhooks of tenants: signed, and never to an address inside of the platform's own network.

The host is resolved here, every address that it has must be public, and the connection goes to the address that was looked at: a name that answers
differently the second time leads nowhere. Redirects are not followed. Hosts that an operator lists in CAPSULE_WEBHOOK_HOSTS (`host` or `host:port`,
comma-separated) are reached wherever they are.
"""

import asyncio
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import httpx

from functions.kernel import Permanent, Transient
from functions.monitor.adapters.variables import WEBHOOK_HOSTS
from functions.monitor.domain.notifications import signature
from functions.monitor.ports import WebhookGone
from functions.runtime.config.settings import Settings
from functions.runtime.security.outgoing import checked_address, host_of
from functions.runtime.storage.external_call import external_call

TIMEOUT_SECONDS = 10.0
"""Of an attempt in all: resolving, connecting, sending and reading the response's headers, however slowly they arrive."""
RETRYABLE = frozenset({408, 409, 425, 429})
"""Status codes below 500 that a retry may change."""


class HttpWebhooks:
    def __init__(self, settings: Settings) -> None:
        self._listed = settings.value(WEBHOOK_HOSTS)

    @external_call
    async def post(self, url: str, secrets: Sequence[str], delivery_id: UUID, body: bytes, at: datetime) -> str:
        try:
            target = httpx.URL(url)
        except httpx.InvalidURL as error:
            raise Permanent(f"the URL of the webhook cannot be called: {error}") from error
        try:
            async with asyncio.timeout(TIMEOUT_SECONDS):
                response = await self._send(target, secrets, delivery_id, body, at)
        except TimeoutError as error:
            raise Transient(f"{host_of(target)} did not answer within {TIMEOUT_SECONDS:g} seconds") from error
        return _status(host_of(target), response)

    async def _send(self, target: httpx.URL, secrets: Sequence[str], delivery_id: UUID, body: bytes, at: datetime) -> httpx.Response:
        address = await checked_address(target, self._listed, WEBHOOK_HOSTS.name)
        timestamp = int(at.timestamp())
        headers = {
            "host": target.netloc.decode(),
            "content-type": "application/json",
            "user-agent": "Capsule-Webhooks/1",
            "webhook-id": str(delivery_id),
            "webhook-timestamp": str(timestamp),
            "webhook-signature": signature(secrets, delivery_id, timestamp, body),
        }
        extensions = {"sni_hostname": host_of(target), "timeout": dict.fromkeys(("connect", "read", "write", "pool"), TIMEOUT_SECONDS)}
        request = httpx.Request("POST", target.copy_with(host=address), headers=headers, content=body, extensions=extensions)
        try:
            async with httpx.AsyncClient(trust_env=False, follow_redirects=False) as client:
                response = await client.send(request, stream=True)
                await response.aclose()
        except httpx.HTTPError as error:
            raise Transient(f"cannot deliver to {host_of(target)}: {error or type(error).__name__}") from error
        return response


def _status(host: str, response: httpx.Response) -> str:
    """Return the status line. Raises Transient, Permanent or WebhookGone for a refusal."""
    status = f"{response.status_code} {response.reason_phrase}".strip()
    if response.is_success:
        return status
    if response.status_code in RETRYABLE or response.status_code >= 500:
        raise Transient(f"{host} answered {status}")
    if response.status_code == httpx.codes.GONE:
        raise WebhookGone(f"{host} answered {status}")
    raise Permanent(f"{host} answered {status}")
