#!/usr/bin/env bash
# localstripe accepts Idempotency-Key and does the work again.
#
# Guess:   a stateful stand-in for Stripe keeps what every client relies on: the same key and the same body give the first answer again. stripe-python
#          sends a key of its own with each POST, so a stand-in without it would be noticed.
# True:    localstripe ignores the header: two customers come into being, both answers are 200, and nothing in its log says so. A test that repeats a
#          call after a crash passes or fails for a reason that the real service does not have; uniqueness has to be checked by counting objects.
# Version: localstripe 1.15.10, stripe 16.1.0
# Source:  observed; Stripe's API reference, "Idempotent requests"
set -euo pipefail
folder=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill "$server" 2> /dev/null; rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check localstripe==1.15.10 stripe==16.1.0
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
(cd "$folder" && exec venv/bin/localstripe --port "$port" --from-scratch > server.log 2>&1) &
server=$!

cat > "$folder/run.py" <<'PYTHON'
import sys
import time
from importlib.metadata import version

import stripe

client = stripe.StripeClient("sk_test_12345", base_addresses={"api": f"http://127.0.0.1:{sys.argv[1]}"})
for _ in range(100):
    try:
        client.v1.customers.list()
        break
    except stripe.APIConnectionError:
        time.sleep(0.1)
print("localstripe", version("localstripe"), "/ stripe", version("stripe"))
key = {"idempotency_key": "order-1"}
made = [client.v1.customers.create({"email": "ada@example.com"}, key) for _ in range(2)]
print("same key and body, same customer:", made[0].id == made[1].id)
print("customers afterwards:", len(client.v1.customers.list().data))
PYTHON
"$folder/venv/bin/python" "$folder/run.py" "$port" | tee "$folder/seen"

cat > "$folder/recorded" <<'TEXT'
localstripe 1.15.10 / stripe 16.1.0
same key and body, same customer: False
customers afterwards: 2
TEXT
diff -u "$folder/recorded" "$folder/seen" || { echo "changed"; exit 1; }
echo "as recorded: an idempotency key has no effect"
