"""`spec.delivery` of Brokers and Triggers: how often and when a delivery is retried."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from knative.local import iso_durations

DEFAULT_RETRY = 5
DEFAULT_DELAY_SECONDS = 0.05
MIN_DELAY_SECONDS = 0.1


class InvalidDelivery(Exception):
    """A delivery that eventing-rabbitmq's dispatcher refuses or crashes on."""


class Backoff(Enum):
    EXPONENTIAL = "exponential"
    LINEAR = "linear"


@dataclass(frozen=True)
class DeliveryPolicy:
    """spec.delivery, as the dispatcher's environment has it. `retry`: attempts after the first one."""

    retry: int = 0
    backoff: Backoff = Backoff.EXPONENTIAL
    delay_seconds: float = DEFAULT_DELAY_SECONDS
    timeout_seconds: float | None = None

    @classmethod
    def from_spec(cls, delivery: Mapping[str, Any] | None, *, is_for_dead_letters: bool = False) -> "DeliveryPolicy":
        """Without a delivery there are no retries. A Broker's dead-letter dispatcher gets no timeout, as upstream.

        Raises InvalidDelivery. A backoffDelay below PT0.1S makes the real dispatcher panic and restart with the same
        message for ever; here it is refused, and the object's conditions say why.
        """
        if delivery is None:
            return cls()
        delay = parse_seconds(delivery["backoffDelay"]) if delivery.get("backoffDelay") else DEFAULT_DELAY_SECONDS
        retry = int(delivery["retry"]) if delivery.get("retry") is not None else DEFAULT_RETRY
        if delivery.get("backoffDelay") and delay < MIN_DELAY_SECONDS and retry > 0:
            raise InvalidDelivery(f"backoffDelay {delivery['backoffDelay']} is below PT0.1S, on which the RabbitMQ dispatcher panics")
        try:
            backoff = Backoff(delivery.get("backoffPolicy") or "exponential")
        except ValueError as error:
            raise InvalidDelivery(f'backoffPolicy "{delivery["backoffPolicy"]}" is neither linear nor exponential') from error
        timeout = parse_seconds(delivery["timeout"]) if delivery.get("timeout") and not is_for_dead_letters else None
        return cls(retry, backoff, delay, timeout or None)

    def backoff_seconds(self, retry: int) -> float:
        """The wait before a retry; the first one is 1."""
        return self.delay_seconds * (2**retry if self.backoff is Backoff.EXPONENTIAL else retry)


def parse_seconds(duration: str) -> float:
    """Parse an ISO 8601 duration, each part rounded down to tenths as the dispatcher does. Raises InvalidDelivery."""
    try:
        return sum(int(number * 10 + 1e-9) / 10 * unit for number, unit in iso_durations.parse(duration))
    except ValueError as error:
        raise InvalidDelivery(str(error)) from error
