"""Webhooks of tenants: signed, and never to an address inside of the platform's own network.

The host is resolved here, every address that it has must be public, and the connection goes to the address that was looked at: a name that answers
differently the second time leads nowhere. Redirects are not followed. Hosts that an operator lists in CAPSULE_WEBHOOK_HOSTS (`host` or `host:port`,
comma-separated) are reached wherever they are.
"""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import httpx

from functions.kernel import Permanent, Transient
from functions.monitor.adapters.variables import WEBHOOK_HOSTS
from functions.monitor.domain.notifications import signature
from functions.monitor.ports import WebhookGone
from functions.runtime.config.settings import Settings
from functions.runtime.security.outgoing import checked_address
from functions.runtime.storage.external_call import external_call

TIMEOUT_SECONDS = 10.0
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
        request = httpx.Request(
            "POST", target.copy_with(host=address), headers=headers, content=body, extensions={"sni_hostname": target.host, "timeout": _timeout()}
        )
        try:
            async with httpx.AsyncClient(trust_env=False, follow_redirects=False) as client:
                response = await client.send(request, stream=True)
                await response.aclose()
        except httpx.HTTPError as error:
            raise Transient(f"cannot deliver to {target.host}: {error or type(error).__name__}") from error
        status = f"{response.status_code} {response.reason_phrase}".strip()
        if response.is_success:
            return status
        if response.status_code in RETRYABLE or response.status_code >= 500:
            raise Transient(f"{target.host} answered {status}")
        if response.status_code == httpx.codes.GONE:
            raise WebhookGone(f"{target.host} answered {status}")
        raise Permanent(f"{target.host} answered {status}")


def _timeout() -> dict[str, float]:
    return dict.fromkeys(("connect", "read", "write", "pool"), TIMEOUT_SECONDS)
