"""The message that stands for a request: its identity, its correlation, its trace, its deadline.

Identity. A mutation with an Idempotency-Key has the id UUIDv5(caller, route, key): asked again, it is the same message, and the function
answers it from its inbox. A caller who is not signed in has no identity to bind the key to. The client's address would not do: it changes when a
phone leaves the house, and behind one address there are many clients. So the key itself must be unguessable (at least 20 characters): who
knows it may see the answer again, and the function still compares the fingerprint of the whole input before it gives a stored answer away.
"""

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from ipaddress import ip_address
from secrets import token_hex
from uuid import UUID, uuid5

from functions.edge.gateway.options import Network
from functions.edge.gateway.problems import BAD_KEY, Problem
from functions.edge.gateway.routing import Route
from functions.kernel import Caller, Client, new_id
from functions.wire.cloudevents import JSON, SPECVERSION, stamp

SOURCE = "/capsule/gateway"
MESSAGES = UUID("7a0f4f0e-6c52-5a3f-9d53-3c1f0f5f1c9e")  # the namespace of message ids that come from an Idempotency-Key
KEY = re.compile(r"^[\x21-\x7e]{1,255}$")
REQUEST_ID = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._:-]{7,127}$")
TRACEPARENT = re.compile(r"^(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-([0-9a-f]{2})(-.*)?$")
TRACESTATE = re.compile(r"^[\x20-\x7e]{0,512}$")
UNGUESSABLE = 20


def message_id(route: Route, caller: Caller | None, key: str | None) -> str:
    """Raises Problem 400."""
    if not key or not route.mutates:
        return str(new_id())
    if not KEY.match(key):
        raise Problem(BAD_KEY)
    if caller is None and len(key) < UNGUESSABLE:
        raise Problem(BAD_KEY, f"Without being signed in, choose an unguessable key of at least {UNGUESSABLE} characters, such as a UUID.")
    return str(uuid5(MESSAGES, f"{caller.user_id if caller else 'anonymous'}\n{route.method} {route.path}\n{key}"))


def correlation_id(asked: str | None, taken: Mapping[str, object]) -> str:
    """The client's own, if it is well-formed and not under way already; else a new one."""
    if asked and asked not in taken and REQUEST_ID.match(asked):
        return asked
    return str(new_id())


def trace(traceparent: str | None, tracestate: str | None) -> tuple[str, str]:
    """Continues the client's trace with a span of ours, or starts one (W3C Trace Context)."""
    found = TRACEPARENT.match(traceparent.strip()) if traceparent else None
    if found is None:
        return f"00-{token_hex(16)}-{token_hex(8)}-01", ""
    state = (tracestate or "").strip()
    return f"00-{found[1]}-{token_hex(8)}-{found[2]}", state if TRACESTATE.match(state) else ""


def client_of(peer: str, forwarded_for: str, user_agent: str, trusted: tuple[Network, ...]) -> Client:
    """The nearest address that is not one of our own proxies; what stands left of it in X-Forwarded-For anybody could have written."""
    address = peer
    if trusted:
        for hop in reversed([peer] if not forwarded_for else [*(part.strip() for part in forwarded_for.split(",")), peer]):
            try:
                known = ip_address(hop)
            except ValueError:
                break
            address = hop
            if not any(known in network for network in trusted):
                break
    return Client(address, _printable(user_agent))


def _printable(text: str) -> str:
    return "".join(character if " " <= character <= "~" else "?" for character in text[:256])


def headers_of(
    route: Route,
    *,
    id: str,
    correlation: str,
    at: datetime,
    token: str | None,
    caller: Caller | None,
    client: Client,
    traced: tuple[str, str],
    fingerprint: str | None,
) -> dict[str, str]:
    """The AMQP headers: a CloudEvent in binary mode, as `functions.wire.cloudevents` reads it."""
    headers = {
        "specversion": SPECVERSION,
        "id": id,
        "source": SOURCE,
        "type": route.name,
        "time": stamp(at),
        "content-type": JSON,
        "correlationid": correlation,
        "deadline": stamp(at + timedelta(seconds=route.declaration.deadline_seconds)),
        "remote": client.address,
        "traceparent": traced[0],
        "tracestate": traced[1],
    }
    if route.declaration.version != 1:
        headers["dataversion"] = str(route.declaration.version)
    if client.user_agent:
        headers["useragent"] = client.user_agent
    if token and caller:
        headers["token"] = token
        headers["actor"] = str(caller.user_id)
    if fingerprint:
        headers["fingerprint"] = fingerprint
    return headers
