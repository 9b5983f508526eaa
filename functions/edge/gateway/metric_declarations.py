"""The metrics of the gateway's `GET /metrics`."""

from functions.wire.execution_counts import OUTCOMES
from functions.wire.metrics import Endpoint, Label, Metric, Type

CONTEXT = ("context",)
FUNCTION = ("function",)

REQUESTS = Metric("capsule_http_requests", Type.COUNTER, "requests", "HTTP requests.", ("method", "path", "status"))
REQUEST_SECONDS = Metric("capsule_http_request_duration_seconds", Type.HISTOGRAM, "seconds", "From a request to its response.", ("method", "path"))
REQUESTS_IN_PROGRESS = Metric("capsule_http_requests_in_progress", Type.GAUGE, "requests", "HTTP requests in progress.")
RPCS = Metric("capsule_rpc_requests", Type.COUNTER, "messages", "Messages from the gateway to functions.", ("function", "outcome"))
RPC_SECONDS = Metric("capsule_rpc_duration_seconds", Type.HISTOGRAM, "seconds", "From a message to its reply, with a cold start.", FUNCTION)
LIMITED = Metric("capsule_rate_limited_requests", Type.COUNTER, "requests", "Requests over a rate limit, 429.", ("limit",))
LIMIT_STORE_AVAILABLE = Metric("capsule_rate_limit_store_available", Type.GAUGE, "0 or 1", "Whether the store of the rate limits answers.")
CACHE_REQUESTS = Metric("capsule_cache_requests", Type.COUNTER, "requests", "Requests for responses that may be cached.", ("path", "result"))
CACHE_PURGES = Metric("capsule_cache_purges", Type.COUNTER, "purges", "Purges of cached responses.", ("cause",))
CACHE_STORE_AVAILABLE = Metric("capsule_cache_store_available", Type.GAUGE, "0 or 1", "Whether the store of cached responses answers.")
SHED = Metric("capsule_shed_requests", Type.COUNTER, "requests", "Requests refused because the gateway is overloaded, 503.", ("priority",))
REFUSED = Metric(
    "capsule_context_refused_requests", Type.COUNTER, "requests", "Requests refused by a circuit or bulkhead, 503.", ("context", "reason")
)
CIRCUIT_STATE = Metric(
    "capsule_context_circuit_state", Type.GAUGE, "0 or 1", "The state of a context's circuit: 1 for the present one.", ("context", "state")
)
CONTEXT_IN_PROGRESS = Metric("capsule_context_requests_in_progress", Type.GAUGE, "requests", "Requests in progress at a context.", CONTEXT)
CONTEXT_WAITING = Metric("capsule_context_requests_waiting", Type.GAUGE, "requests", "Requests that wait for a place at a context.", CONTEXT)
CONTEXT_UP = Metric("capsule_context_up", Type.GAUGE, "0 or 1", "Whether a context works, as far as is known.", CONTEXT)
REPORT_AGE = Metric("capsule_context_report_age_seconds", Type.GAUGE, "seconds", "The age of a context's last health report.", CONTEXT)
OUTBOX = Metric("capsule_outbox_messages", Type.GAUGE, "events", "Events that a context has committed and not published.", CONTEXT)
OUTBOX_AGE = Metric("capsule_outbox_oldest_age_seconds", Type.GAUGE, "seconds", "The age of the oldest event in a context's outbox.", CONTEXT)
PARKED = Metric("capsule_parked_messages", Type.GAUGE, "events", "Early events that a context has parked.", CONTEXT)
DEAD_LETTERS = Metric("capsule_dead_letters_open", Type.GAUGE, "messages", "Open dead letters of a context.", CONTEXT)
BROKER_CONNECTED = Metric("capsule_broker_connected", Type.GAUGE, "0 or 1", "Whether this gateway is connected to RabbitMQ.")
EXECUTIONS = Metric("capsule_function_executions", Type.COUNTER, "executions", "Executions of functions, by outcome.", ("function", "outcome"))
EXECUTION_SECONDS = Metric("capsule_function_duration_seconds", Type.HISTOGRAM, "seconds", "How long an execution took, without waiting.", FUNCTION)
COLD_STARTS = Metric("capsule_function_cold_starts", Type.COUNTER, "processes", "Processes that executed their first message.", FUNCTION)

BACKLOG = ((OUTBOX, "outbox"), (OUTBOX_AGE, "outboxOldestSeconds"), (PARKED, "parked"), (DEAD_LETTERS, "deadLetters"))
"""With the field of a health report."""

ENDPOINT = Endpoint(
    "Gateway and functions",
    "`GET /metrics` of the gateway, see [Metrics for Prometheus](operations.md#metrics-for-prometheus). It also has `process_*`: CPU, memory and "
    "descriptors of the gateway's process.",
    (
        *(REQUESTS, REQUEST_SECONDS, REQUESTS_IN_PROGRESS, EXECUTIONS, EXECUTION_SECONDS, COLD_STARTS, RPCS, RPC_SECONDS),
        *(CACHE_REQUESTS, CACHE_PURGES, CACHE_STORE_AVAILABLE),
        *(LIMITED, LIMIT_STORE_AVAILABLE, SHED, REFUSED, CIRCUIT_STATE, CONTEXT_IN_PROGRESS, CONTEXT_WAITING, CONTEXT_UP, REPORT_AGE),
        *(OUTBOX, OUTBOX_AGE, PARKED, DEAD_LETTERS, BROKER_CONNECTED),
    ),
    (
        Label("method", "The method of the request; `none` for a method that HTTP does not define."),
        Label("path", "The template of the route, as in `/v1/apps/{applicationId}`; `none` for all that is at no route."),
        Label("status", "The status of the response."),
        Label("function", "The name of a function, as in `auth.register`."),
        Label(
            "outcome",
            f"Of executions: {', '.join(f'`{each}`' for each in sorted(OUTCOMES))}. `retried` counts retries, `dead` new dead letters. Of messages: "
            "`done`, `rejected`, `failed`, `unavailable`, `no-reply`, `not-sent`, `connection-lost`, `cancelled`.",
        ),
        Label("context", "`auth`, `billing`, `deploy` or `monitor`."),
        Label("result", "Of cached responses: `hit`, `miss` or `bypass`."),
        Label("cause", "The type of an event; `command` or `reconnected`."),
        Label("limit", "The rate limit, as in `reads.user`."),
        Label("priority", "The priority of the request, as in `write`."),
        Label("reason", "`circuit` or `bulkhead`."),
        Label("state", "`closed`, `open` or `half-open`."),
    ),
)
