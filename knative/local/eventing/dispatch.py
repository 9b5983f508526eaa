"""What happens after a delivery attempt: response → outcome. Pure: knows no transport.

Behaves as eventing-rabbitmq's dispatcher, including the messages it loses: a function that works here must not lose
messages on a cluster. `functions.wire.knative_requests` holds the other half, message → request. The one exception is a
backoffDelay that makes the real dispatcher panic (`delivery`).
"""

from dataclasses import dataclass
from typing import Final

from functions.wire.knative_events import Event
from functions.wire.knative_requests import NO_RESPONSE, DeadLetter, Lost, Request, Response, dead_letter, reply_event
from knative.local.eventing.delivery import DeliveryPolicy

RETRYABLE: Final = frozenset({404, 408, 409, 429})


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """Delivered. `reply` is published to the Broker as a new event first."""

    reply: Event | None = None


@dataclass(frozen=True, slots=True)
class Retry:
    after_seconds: float


Outcome = Lost | Acknowledged | Retry | DeadLetter


def is_retryable(status: int) -> bool:
    return status >= 500 or status in RETRYABLE or status == NO_RESPONSE


def decide(request: Request, response: Response | None, attempt: int, policy: DeliveryPolicy, destination: str) -> Outcome:
    """Decide after an attempt, counted from 1. `answer` is None if the connection failed or the timeout passed."""
    status = NO_RESPONSE if response is None else response.status
    if is_retryable(status):
        if attempt <= policy.retry:
            return Retry(policy.backoff_seconds(attempt))
        reason = "no response" if response is None else f"status {status}"
        return dead_letter(request.event, request.trace, status, destination, f"{reason} at attempt {attempt}")
    return Acknowledged(reply_event(response) if response is not None else None)


def stopped_dead_letter(request: Request, destination: str) -> DeadLetter:
    """Return the dead letter of a message that was in flight or prefetched when a cluster's dispatcher was stopped (SIGTERM)."""
    return dead_letter(request.event, request.trace, NO_RESPONSE, destination, "the dispatcher was stopped")


def unpublished_reply_dead_letter(request: Request, status: int, destination: str, reason: str) -> DeadLetter:
    """Return the dead letter of a message that was delivered but whose reply event could not be published."""
    letter = dead_letter(request.event, request.trace, status, destination, f"its reply could not be published: {reason}")
    letter.headers["knativeerrordata"] = reason
    return letter
