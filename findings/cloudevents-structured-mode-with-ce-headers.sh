#!/usr/bin/env bash
# cloudevents 2 reads a structured HTTP event as a binary one if it repeats its attributes as headers.
#
# Guess:   the content mode follows from Content-Type: application/cloudevents+json is structured. A sender may repeat the attributes as ce- headers
#          (for routing without parsing the body); they change nothing.
# True:    from_http() of the HTTP binding looks at the headers only: one that begins with ce- makes the event binary. The function then gets the
#          complete envelope as data, under the datacontenttype application/cloudevents+json. There is no error. The RabbitMQ binding of the same
#          release decides by the content type, and so does the 1.x API (cloudevents.v1) that it still ships; only the move from 1.x to 2
#          of an HTTP receiver meets this.
# Version: cloudevents 2.2.0
# Source:  observed; the docstring of cloudevents.core.bindings.http.from_http. CloudEvents HTTP binding 1.0.2, section 3 (the receiver
#          inspects Content-Type) and section 3.2.3 (structured mode may carry the headers of binary mode)
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check cloudevents==2.2.0

cat > "$folder/run.py" <<'PYTHON'
import json
from importlib.metadata import version

from cloudevents.core.bindings import http, rabbitmq
from cloudevents.v1.http import from_http

ATTRIBUTES = {"specversion": "1.0", "id": "1", "source": "/shop", "type": "shop.order"}
BODY = json.dumps({**ATTRIBUTES, "datacontenttype": "application/json", "data": {"sku": "a"}}).encode()
STRUCTURED = "application/cloudevents+json"
COPIES = {f"ce-{name}": value for name, value in ATTRIBUTES.items()}


def told(datacontenttype: str | None, data: dict[str, object]) -> str:
    return f"{datacontenttype}, data has {', '.join(data)}"


print("cloudevents", version("cloudevents"))
plain = http.from_http_event(http.HTTPMessage({"content-type": STRUCTURED}, BODY))
print("HTTP, no copies:", told(plain.get_datacontenttype(), plain.get_data()))
copied = http.from_http_event(http.HTTPMessage({"content-type": STRUCTURED, **COPIES}, BODY))
print("HTTP, copies in headers:", told(copied.get_datacontenttype(), copied.get_data()))
queued = rabbitmq.from_rabbitmq_event(rabbitmq.RabbitMQMessage(COPIES, STRUCTURED, BODY))
print("RabbitMQ, copies in headers:", told(queued.get_datacontenttype(), queued.get_data()))
old = from_http({"content-type": STRUCTURED, **COPIES}, BODY)
print("1.x API, HTTP, copies in headers:", told(old["datacontenttype"], old.data))
PYTHON
"$folder/venv/bin/python" "$folder/run.py" | tee "$folder/seen"

cat > "$folder/recorded" <<'TEXT'
cloudevents 2.2.0
HTTP, no copies: application/json, data has sku
HTTP, copies in headers: application/cloudevents+json, data has specversion, id, source, type, datacontenttype, data
RabbitMQ, copies in headers: application/json, data has sku
1.x API, HTTP, copies in headers: application/json, data has sku
TEXT
diff -u "$folder/recorded" "$folder/seen" || { echo "changed"; exit 1; }
echo "as recorded: copied headers turn the structured event into a binary one"
