"""W3C Trace Context (https://www.w3.org/TR/trace-context/): two headers that connect the spans of one request."""

import re
from secrets import token_hex
from typing import Final, NamedTuple

HEADERS: Final = frozenset({"traceparent", "tracestate"})

_TRACEPARENT = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-([0-9a-f]{2})(-.*)?")
_TRACESTATE = re.compile(r"[\x20-\x7e]{0,512}")


class TraceContext(NamedTuple):
    """`state` may be empty. The two always travel together: the broker's dispatcher drops a lone `traceparent`."""

    parent: str
    state: str


def is_traceparent(text: str) -> bool:
    """Return whether the text is a valid `traceparent` of any version (section 3.2)."""
    return _TRACEPARENT.fullmatch(text) is not None


def new_span(traceparent: str | None, tracestate: str | None) -> TraceContext:
    """Start a span in the client's trace, or a new sampled trace if `traceparent` is missing or malformed (section 4.2)."""
    match = _TRACEPARENT.fullmatch(traceparent.strip()) if traceparent else None
    if match is None:
        random = token_hex(24)  # one system call
        return TraceContext(f"00-{random[:32]}-{random[32:]}-01", "")
    trace_id, flags = match[1], match[2]
    state = (tracestate or "").strip()
    return TraceContext(f"00-{trace_id}-{token_hex(8)}-{flags}", state if _TRACESTATE.fullmatch(state) else "")
