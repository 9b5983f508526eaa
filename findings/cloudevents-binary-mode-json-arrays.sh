#!/usr/bin/env bash
# cloudevents 2 writes a JSON array in binary mode as Python's repr.
#
# Guess:   an event whose data is a JSON array can be received in one content mode and sent on in the other; what is labelled application/json is
#          JSON.
# True:    the reader accepts the array (it becomes a list) and the structured writer writes it back as JSON, but the binary writers make JSON of
#          a dict only. A list, a number or a bool goes through str(): the body becomes [{'sku': 'a', 'gift': True}] under application/json.
#          Read back by the same library it is no error either, but a str. (The annotations name dict, str, bytes and None; nothing checks
#          them.) The same release still ships the 1.x API as cloudevents.v1, and that writes JSON.
# Version: cloudevents 2.2.0
# Source:  observed; cloudevents/core/formats/json.py, JSONFormat.write_data. CloudEvents HTTP binding 1.0.2, section 2.2: with a JSON
#          datacontenttype the data is expected as encoded JSON text
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check cloudevents==2.2.0

cat > "$folder/run.py" <<'PYTHON'
import json
from importlib.metadata import version

from cloudevents.core.bindings import http, rabbitmq
from cloudevents.v1.conversion import to_binary
from cloudevents.v1.http import from_http

ENVELOPE = {
    "specversion": "1.0",
    "id": "1",
    "source": "/shop",
    "type": "shop.order",
    "datacontenttype": "application/json",
    "data": [{"sku": "a", "gift": True}],
}
HEADERS = {"content-type": "application/cloudevents+json"}
BODY = json.dumps(ENVELOPE).encode()

print("cloudevents", version("cloudevents"))
event = http.from_http_event(http.HTTPMessage(HEADERS, BODY))
print("received:", type(event.get_data()).__name__)
print("structured again:", json.dumps(json.loads(http.to_structured_event(event).body)["data"]))
message = http.to_binary_event(event)
print("HTTP binary:", message.headers["content-type"], message.body.decode())
print("read back:", type(http.from_http_event(message).get_data()).__name__)
queued = rabbitmq.to_binary_event(event)
print("RabbitMQ binary:", queued.content_type, queued.body.decode())
headers, body = to_binary(from_http(HEADERS, BODY))
print("1.x API, HTTP binary:", headers["content-type"], body.decode())
PYTHON
"$folder/venv/bin/python" "$folder/run.py" | tee "$folder/seen"

cat > "$folder/recorded" <<'TEXT'
cloudevents 2.2.0
received: list
structured again: [{"sku": "a", "gift": true}]
HTTP binary: application/json [{'sku': 'a', 'gift': True}]
read back: str
RabbitMQ binary: application/json [{'sku': 'a', 'gift': True}]
1.x API, HTTP binary: application/json [{"sku": "a", "gift": true}]
TEXT
diff -u "$folder/recorded" "$folder/seen" || { echo "changed"; exit 1; }
echo "as recorded: the array is not JSON in binary mode"
