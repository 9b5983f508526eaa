"""How PingSources and ApiServerSources deliver events: with retries, after which the event is dropped."""

import asyncio

from functions.wire import knative_events as events
from functions.wire.knative_events import Event
from knative.local.eventing.delivery import DeliveryPolicy
from knative.local.eventing.sinks import Address, NoResponse, Sinks

RETRIES = DeliveryPolicy(retry=5, delay_seconds=0.05)
RETRYABLE = frozenset({404, 413, 425, 429, 502, 503, 504})
"""The list of sdk-go, which sources use: 500 is not retried."""
TIMEOUT_SECONDS = 600.0


async def deliver(sinks: Sinks, address: Address, event: Event, policy: DeliveryPolicy = RETRIES) -> str | None:
    """Send an event until it is accepted or the retries are used up. Returns why it was dropped, None if it was delivered."""
    headers = events.to_http(event)
    attempt = 0
    while True:
        attempt += 1
        try:
            response = await sinks.send(address, headers, event.data, TIMEOUT_SECONDS)
        except NoResponse as error:
            reason = f"no response: {error}"
        else:
            if response.status < 300:
                return None
            reason = f"status {response.status}"
            if response.status not in RETRYABLE:
                return reason
        if attempt > policy.retry:
            return reason
        await asyncio.sleep(policy.backoff_seconds(attempt))
