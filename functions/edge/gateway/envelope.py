"""The message that carries a request: its identity, correlation id, trace, deadline and client.

Identity. A mutation with an Idempotency-Key has the message id UUIDv5(caller, route, key). Repeated, it is the same
message, and the function answers it from its inbox. Anonymous callers have no identity to bind the key to. Their network
address is not one: it changes when a phone changes networks, and many clients share one. So an anonymous key must be
unguessable (at least 20 characters): whoever knows it may read the response again. The function also compares the
fingerprint of the input before it repeats a response.
"""

import re
from collections.abc import Container, Mapping
from datetime import datetime, timedelta
from ipaddress import ip_address
from uuid import UUID, uuid5

from functions.edge.gateway.parsing import ParsedRequest
from functions.edge.gateway.problems import BAD_KEY, PRECONDITION, Problem
from functions.edge.gateway.routing import Route
from functions.edge.gateway.variables import Network
from functions.kernel import Caller, Client, new_id_text
from functions.wire.cloudevents import Message, new_message, stamp
from functions.wire.trace_context import TraceContext

SOURCE = "/capsule/gateway"
MESSAGE_NAMESPACE = UUID("7a0f4f0e-6c52-5a3f-9d53-3c1f0f5f1c9e")
"""The namespace of message ids that are derived from an Idempotency-Key."""
KEY = re.compile(r"^[\x21-\x7e]{1,255}$")
REQUEST_ID = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._:-]{7,127}$")
PRECONDITIONS = ("If-Match", "If-None-Match", "If-Unmodified-Since")
MIN_ANONYMOUS_KEY_LENGTH = 20
MAX_USER_AGENT_LENGTH = 256


def message_id(route: Route, caller: Caller | None, key: str | None) -> str:
    """Return the id of the request's message: derived from the key, or new. All versions of a route share their keys. Raises Problem 400."""
    if key is None or not route.mutates:
        return new_id_text()
    if not KEY.match(key):
        raise Problem(BAD_KEY)
    if caller is None and len(key) < MIN_ANONYMOUS_KEY_LENGTH:
        detail = f"The key has {len(key)} characters. Without an access token it needs at least {MIN_ANONYMOUS_KEY_LENGTH}, such as a UUID."
        raise Problem(BAD_KEY, detail)
    return str(uuid5(MESSAGE_NAMESPACE, f"{caller.user_id if caller else 'anonymous'}\n{route.method} {route.successor or route.path}\n{key}"))


def refuse_preconditions(route: Route, headers: Mapping[str, str]) -> None:
    """Raise Problem 400 if a change is to depend on a state that the gateway does not compare (RFC 9110, 13.1).

    Ignored, the change of somebody else that the client guards against would be overwritten.
    """
    if route.mutates and (names := [name for name in PRECONDITIONS if name.lower() in headers]):
        raise Problem(PRECONDITION, f"{' and '.join(names)} cannot be a condition of a change. Nothing was changed.")


def correlation_id(request_id: str | None, ids_in_progress: Container[str]) -> str:
    """Return the client's X-Request-Id if it is well-formed and no request in progress has it; otherwise a new id."""
    if request_id and request_id not in ids_in_progress and REQUEST_ID.match(request_id):
        return request_id
    return new_id_text()


def parse_client(peer: str, forwarded_for: str, user_agent: str, trusted_proxies: tuple[Network, ...]) -> Client:
    """Return the client: the last address that is not a trusted proxy.

    The client itself may have written everything to the left of it in X-Forwarded-For.
    """
    address = peer
    if trusted_proxies:
        for hop in reversed([peer] if not forwarded_for else [*(part.strip() for part in forwarded_for.split(",")), peer]):
            try:
                parsed = ip_address(hop)
            except ValueError:
                break
            address = hop
            if not any(parsed in network for network in trusted_proxies):
                break
    return Client(address, _to_printable_ascii(user_agent[:MAX_USER_AGENT_LENGTH]))


def _to_printable_ascii(text: str) -> str:
    return "".join(character if " " <= character <= "~" else "?" for character in text)


def build_message(
    route: Route,
    request: ParsedRequest,
    *,
    id: str,
    correlation_id: str,
    at: datetime,
    token: str | None,
    caller: Caller | None,
    client: Client,
    trace: TraceContext,
) -> Message:
    """Build the message to the function. It carries the token, which the function verifies again."""
    is_signed_in = token is not None and caller is not None
    return new_message(
        route.name,
        SOURCE,
        request.body,
        at,
        id,
        correlationid=correlation_id,
        deadline=stamp(at + timedelta(seconds=route.declaration.deadline_seconds)),
        remote=client.address,
        useragent=client.user_agent or None,
        dataversion=str(route.version) if route.version != 1 else None,
        token=token if is_signed_in else None,
        actor=str(caller.user_id) if is_signed_in and caller else None,
        fingerprint=request.fingerprint,
        traceparent=trace.parent,
        tracestate=trace.state,
    )
