#!/usr/bin/env bash
# standardwebhooks signs another time than the one it is given, unless that is in UTC.
#
# Guess:   `Webhook.sign(id, timestamp, body)` takes an aware datetime, so the signature depends on the instant, not on the zone in which it is
#          written: 09:00 in Tokyo and 00:00 UTC give one signature, and the receiver accepts either.
# True:    the zone is replaced, not converted: 09:00+09:00 is signed as 09:00 UTC. Sent with the right `webhook-timestamp`, the message does not
#          verify, with the library's own `verify` either, and the error ("No matching signature found") points to the secret instead of the clock.
# Version: standardwebhooks 1.1.0
# Source:  observed; Webhook.sign in standardwebhooks/webhooks.py. Standard Webhooks specification, "Webhook Metadata": seconds since the epoch
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check standardwebhooks==1.1.0

cat > "$folder/run.py" <<'PYTHON'
from base64 import b64encode
from datetime import UTC, datetime
from importlib.metadata import version
from zoneinfo import ZoneInfo

from standardwebhooks.webhooks import Webhook, WebhookVerificationError

print("standardwebhooks", version("standardwebhooks"))
webhook = Webhook("whsec_" + b64encode(b"an example of 24 octets.").decode())
now, body = datetime.now(UTC), '{"type": "invoice.paid"}'
for name in ("UTC", "Asia/Tokyo"):
    local = now.astimezone(ZoneInfo(name))
    assert local == now
    headers = {"webhook-id": "msg_1", "webhook-timestamp": str(int(now.timestamp())), "webhook-signature": webhook.sign("msg_1", local, body)}
    try:
        print(f"signed with the time in {name}: verified {webhook.verify(body, headers)}")
    except WebhookVerificationError as error:
        print(f"signed with the time in {name}: {error}")
PYTHON
"$folder/venv/bin/python" "$folder/run.py" | tee "$folder/seen"

cat > "$folder/recorded" <<'TEXT'
standardwebhooks 1.1.0
signed with the time in UTC: verified {'type': 'invoice.paid'}
signed with the time in Asia/Tokyo: No matching signature found
TEXT
diff -u "$folder/recorded" "$folder/seen" || { echo "changed"; exit 1; }
echo "as recorded: the zone of the time is dropped"
