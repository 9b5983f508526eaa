"""Traces over OTLP/HTTP (https://opentelemetry.io/docs/specs/otlp/), named as in OpenTelemetry's semantic conventions.

Export is in the background and best effort: no request and no message waits for it. Sampling honours the client's flag
(W3C Trace Context, section 3.2.2.4) unless OTEL_TRACES_SAMPLER says otherwise.
"""

import asyncio
from collections.abc import Mapping
from importlib.metadata import version

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Span as OpenTelemetrySpan
from opentelemetry.trace import SpanKind, Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from opentelemetry.util.re import parse_env_headers

from functions.wire.cloudevents import Message
from functions.wire.trace_context import TraceContext
from functions.wire.tracing import Attribute

EXPORT_TIMEOUT_SECONDS = 3.0
EXPORT_INTERVAL_SECONDS = 1.0

_propagator = TraceContextTextMapPropagator()


class ExportedSpan:
    def __init__(self, span: OpenTelemetrySpan) -> None:
        self._span = span
        context = span.get_span_context()
        parent = f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}"
        self.context = TraceContext(parent, context.trace_state.to_header())

    def end(self, attributes: Mapping[str, Attribute], error: str = "", name: str = "") -> None:
        if name:
            self._span.update_name(name)
        self._span.set_attributes(attributes)
        if error:
            self._span.set_status(Status(StatusCode.ERROR, error))
        self._span.end()


class OpenTelemetry:
    """A `functions.wire.tracing.Tracer`."""

    def __init__(self, endpoint: str, headers: str, service: str, instance: str) -> None:
        resource = Resource.create(
            {"service.name": service, "service.namespace": "capsule", "service.version": version("capsule"), "service.instance.id": instance}
        )
        exporter = OTLPSpanExporter(
            f"{endpoint.rstrip('/')}/v1/traces", headers=parse_env_headers(headers, liberal=True), timeout=EXPORT_TIMEOUT_SECONDS
        )
        self._provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        self._provider.add_span_processor(BatchSpanProcessor(exporter, schedule_delay_millis=EXPORT_INTERVAL_SECONDS * 1000))
        self._tracer = self._provider.get_tracer("capsule", version("capsule"))

    def start_request(self, method: str, traceparent: str | None, tracestate: str | None) -> ExportedSpan:
        parent = {"traceparent": traceparent or "", "tracestate": tracestate or ""}
        return self._start(method, SpanKind.SERVER, parent, {"http.request.method": method})

    def start_send(self, destination: str, headers: Mapping[str, str]) -> ExportedSpan:
        return self._start(f"send {destination}", SpanKind.PRODUCER, headers, _messaging("send", destination, headers))

    def start_process(self, function: str, message: Message) -> ExportedSpan:
        attributes = {**_messaging("process", message.type, message.headers()), "faas.name": function, "capsule.attempt": message.attempt}
        return self._start(f"process {function}", SpanKind.CONSUMER, message.attributes, attributes)

    def _start(self, name: str, kind: SpanKind, carrier: Mapping[str, str], attributes: Mapping[str, Attribute]) -> ExportedSpan:
        """A child of the span that the carrier names, or a root without a valid one."""
        return ExportedSpan(self._tracer.start_span(name, _propagator.extract(carrier), kind, attributes))

    async def close(self) -> None:
        await asyncio.to_thread(self._provider.shutdown)


def _messaging(operation: str, destination: str, headers: Mapping[str, str]) -> dict[str, Attribute]:
    return {
        "messaging.system": "rabbitmq",
        "messaging.operation.name": operation,
        "messaging.operation.type": operation,
        "messaging.destination.name": destination,
        "messaging.message.id": headers.get("id", ""),
        "messaging.message.conversation_id": headers.get("correlationid", ""),
    }
