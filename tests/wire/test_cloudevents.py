"""Messages are CloudEvents as the SDK of the specification's project reads and writes them."""

import json
from datetime import UTC, datetime

from cloudevents.conversion import to_binary, to_structured
from cloudevents.http import CloudEvent, from_http
from hypothesis import given
from hypothesis import strategies as st

from functions.wire.cloudevents import Message, new_message
from tests.runtime.pump import event_headers

TEXT = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), min_size=1, max_size=40)
BODIES = st.dictionaries(TEXT, st.one_of(st.integers(-(2**53), 2**53), st.booleans(), TEXT, st.none()), max_size=4)
NOW = datetime(2026, 11, 30, 9, 30, 0, 120_000, tzinfo=UTC)


@given(BODIES)
def test_the_sdk_reads_a_message(body: dict[str, object]) -> None:
    message = new_message("application.created", "/capsule/deploy", json.dumps(body).encode(), NOW, subject="app-1", sequence="7")
    event = from_http(event_headers(message.headers()), message.body)
    assert (event["id"], event["source"], event["type"], event["specversion"]) == (message.id, "/capsule/deploy", "application.created", "1.0")
    assert (event["time"], event["subject"], event["sequence"]) == ("2026-11-30T09:30:00.120Z", "app-1", "7")
    assert event.data == body


@given(TEXT, BODIES)
def test_an_event_of_the_sdk_becomes_a_message_in_both_modes(subject: str, body: dict[str, object]) -> None:
    event = CloudEvent({"type": "application.created", "source": "/elsewhere", "id": "1", "datacontenttype": "application/json"}, body)
    for headers, content in (to_binary(event), to_structured(event)):
        message = Message.from_http({name.lower(): value for name, value in headers.items()}, content)
        assert (message.id, message.source, message.type) == ("1", "/elsewhere", "application.created")
        assert json.loads(message.body) == body
