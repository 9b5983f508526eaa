"""Gauges of the gateway, with their values at the time of a scrape. A scrape asks no context: it reads the last reports."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from prometheus_client.core import GaugeMetricFamily, Metric

from functions.edge.gateway.cache.responses import ResponseCache
from functions.edge.gateway.circuit_breaker import State
from functions.edge.gateway.context_calls import ContextCalls
from functions.edge.gateway.health import PASS, Health
from functions.edge.gateway.ports import Requester
from functions.edge.gateway.rates.counters import Counters

OF_CONTEXT = ("context",)
BACKLOG = (
    # (name, help, field of the report)
    ("capsule_outbox_messages", "Events in the outbox of a context.", "outbox"),
    ("capsule_outbox_oldest_age_seconds", "The age of the oldest event in the outbox of a context.", "outboxOldestSeconds"),
    ("capsule_parked_messages", "Early events that a context has parked.", "parked"),
    ("capsule_dead_letters_open", "Open dead letters of a context.", "deadLetters"),
)


@dataclass(frozen=True)
class Gauges:
    requester: Requester
    health: Health
    calls: ContextCalls
    counters: Counters
    cache: ResponseCache
    in_progress: Callable[[], int]

    def collect(self) -> Iterator[Metric]:
        states = list(self.calls.states())
        yield _gauge("capsule_http_requests_in_progress", "Requests in progress.", (), [((), self.in_progress())])
        yield _gauge("capsule_broker_connected", "Whether RabbitMQ is connected.", (), [((), self.requester.connected)])
        yield _gauge("capsule_rate_limit_store_available", "Whether the store of the rate limits answers.", (), [((), self.counters.is_available)])
        yield _gauge("capsule_cache_store_available", "Whether the store of cached responses answers.", (), [((), self.cache.is_available)])
        yield _gauge(
            "capsule_context_circuit_state",
            "The state of a context's circuit: 1 for the present one.",
            ("context", "state"),
            [((context, state), state is present) for context, present, _, _ in states for state in State],
        )
        in_progress = [((context,), number) for context, _, number, _ in states]
        yield _gauge("capsule_context_requests_in_progress", "Requests in progress at a context.", OF_CONTEXT, in_progress)
        waiting = [((context,), number) for context, _, _, number in states]
        yield _gauge("capsule_context_requests_waiting", "Requests that wait for a place at a context.", OF_CONTEXT, waiting)
        reports = list(self.health.reports())
        yield _gauge(
            "capsule_context_up",
            "Whether a context works, as far as is known.",
            OF_CONTEXT,
            [((each.context,), each.check == PASS) for each in reports],
        )
        known = [each for each in reports if each.age_seconds is not None]
        ages = [((each.context,), each.age_seconds or 0.0) for each in known]
        yield _gauge("capsule_context_report_age_seconds", "The age of a context's last report.", OF_CONTEXT, ages)
        for name, text, field in BACKLOG:
            yield _gauge(name, text, OF_CONTEXT, [((each.context,), each.messages[field]) for each in known if field in each.messages])


def _gauge(name: str, text: str, labels: tuple[str, ...], values: Iterable[tuple[tuple[str, ...], float]]) -> Metric:
    family = GaugeMetricFamily(name, text, labels=labels)
    for label_values, value in values:
        family.add_metric(label_values, float(value))
    return family
