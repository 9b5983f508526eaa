"""W3C Trace Context: a span in the client's trace, or a new trace."""

import pytest

from functions.wire.trace_context import is_traceparent, new_span

TRACE_ID = "0af7651916cd43dd8448eb211c80319c"
SPAN_ID = "b7ad6b7169203331"


def test_a_span_continues_a_valid_trace_with_its_flags_and_state() -> None:
    parent, state = new_span(f" 00-{TRACE_ID}-{SPAN_ID}-00 ", "vendor=1")
    assert parent.startswith(f"00-{TRACE_ID}-") and parent.endswith("-00") and SPAN_ID not in parent
    assert state == "vendor=1"


@pytest.mark.parametrize(
    "traceparent", [None, "", "nonsense", f"00-{'0' * 32}-{SPAN_ID}-01", f"00-{TRACE_ID}-{'0' * 16}-01", f"ff-{TRACE_ID}-{SPAN_ID}-01"]
)
def test_a_malformed_traceparent_starts_a_new_sampled_trace_without_state(traceparent: str | None) -> None:
    parent, state = new_span(traceparent, "vendor=1")
    assert is_traceparent(parent) and parent.endswith("-01") and TRACE_ID not in parent
    assert state == ""


def test_a_state_with_control_characters_is_dropped() -> None:
    assert new_span(f"00-{TRACE_ID}-{SPAN_ID}-01", "a=\x01").state == ""
