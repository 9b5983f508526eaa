"""Spans of a request, from the gateway through messages to event handlers. Off unless an installation exports traces.

    request   the gateway, from a request to its response                     server
    send      a message to a function, until its reply; an event, until       producer
              RabbitMQ has confirmed it
    process   one execution of a function                                     consumer

A message carries the context of the span that sent it, so the execution is its child, wherever and whenever it happens.
"""

from collections.abc import Mapping
from typing import Protocol

from functions.wire.cloudevents import Message
from functions.wire.trace_context import TraceContext

Attribute = str | int | float | bool


class Span(Protocol):
    @property
    def context(self) -> TraceContext | None:
        """What messages that follow from this span carry. None while traces are off: they carry what they would without spans."""
        ...

    def end(self, attributes: Mapping[str, Attribute], error: str = "", name: str = "") -> None:
        """End the span. `error`: why it failed; empty if it did not. `name`: another name than at the start."""
        ...


class Tracer(Protocol):
    def start_request(self, method: str, traceparent: str | None, tracestate: str | None) -> Span: ...

    def start_send(self, destination: str, headers: Mapping[str, str]) -> Span: ...

    def start_process(self, function: str, message: Message) -> Span: ...

    async def close(self) -> None:
        """Export what is left, for a few seconds at most."""
        ...


class NoSpan:
    context = None

    def end(self, attributes: Mapping[str, Attribute], error: str = "", name: str = "") -> None:
        """Nothing to end."""


class NoTracer:
    """Traces are off. It costs a call for each span."""

    _span = NoSpan()

    def start_request(self, method: str, traceparent: str | None, tracestate: str | None) -> Span:
        return self._span

    def start_send(self, destination: str, headers: Mapping[str, str]) -> Span:
        return self._span

    def start_process(self, function: str, message: Message) -> Span:
        return self._span

    async def close(self) -> None:
        """Nothing to export."""


NO_TRACER = NoTracer()


def with_context(headers: Mapping[str, str], span: Span) -> dict[str, str]:
    """Return a message's headers with the context of the span that sends it."""
    if span.context is None:
        return dict(headers)
    return {**headers, "traceparent": span.context.parent, "tracestate": span.context.state}


def in_span(message: Message, span: Span) -> Message:
    """Return a message as the cause of others: what it causes follows from the span of its execution."""
    if span.context is None:
        return message
    return message.with_attributes(traceparent=span.context.parent, tracestate=span.context.state)
