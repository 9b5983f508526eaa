"""Modules that the one-machine Knative's zygote imports before it forks functions (CAPSULE_PRELOAD_MODULES).

A fork shares their memory and does not import them again: half a second less for each cold start. A module that is not installed is skipped.
"""

PRELOADED_MODULES = (
    "asyncio", "contextlib", "dataclasses", "email.message", "http.client", "logging.handlers", "ssl", "uuid", "zoneinfo",
    "httptools", "orjson", "pydantic", "starlette.requests", "uvicorn", "uvicorn.protocols.http.httptools_impl",
    "uvicorn.lifespan.on", "uvloop", "pika.adapters.asyncio_connection", "psycopg", "psycopg_pool", "jwt", "uuid_utils",
    "email_validator", "cryptography.hazmat.primitives.asymmetric.ed25519",
    "functions.runtime.serving.serve", "functions.runtime.serving.preload", "functions.edge.gateway.opening", "functions.edge.dashboard",
    "functions.edge.terminal", "functions.edge.preload", "functions.runtime.serving.preload_openssl",
)  # fmt: skip
TELEMETRY_MODULES = ("functions.runtime.config.open_telemetry",)
"""Where traces are exported, too. It starts no thread before a process opens its tracer."""
REHEARSAL = "functions.runtime.serving.rehearsal"
"""What forks do that wait for their function (CAPSULE_REHEARSAL)."""
