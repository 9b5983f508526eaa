#!/usr/bin/env bash
# pika reads a floating-point header of another client as an integer.
#
# Guess:   a header 0.75 that another AMQP client sent arrives as 0.75; a client that did not know the type would raise.
# True:    pika knows both AMQP types, float (f) and double (d), unpacks them rightly and then makes an integer of the value: 0.75 arrives as 0, 99.5
#          as 99 (shown as 0L and 99L, pika's own kind of int). There is no error. No pair of pika programs shows it, as pika refuses to send a
#          float in a header; it takes a second client (here pamqp, the codec under aiormq and aio-pika) and pika as the receiver.
# Version: pika 1.4.4, pamqp 4.0.1
# Source:  observed; issue 599 of pika/pika reported it in 2015 and is closed. RabbitMQ's errata of AMQP 0-9-1, section 3, lists d and f
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check pika==1.4.4 pamqp==4.0.1

cat > "$folder/run.py" <<'PYTHON'
from importlib.metadata import version

import pamqp.commands
import pamqp.frame
import pamqp.header
import pika
import pika.frame

HEADERS = {"attempt": 2, "sample-rate": 0.75, "percent": 99.5}
sent = pamqp.header.ContentHeader(body_size=0, properties=pamqp.commands.Basic.Properties(headers=HEADERS))
wire = pamqp.frame.marshal(sent, 1)

print("pika", version("pika"), "/ pamqp", version("pamqp"))
print("sent by pamqp:", HEADERS)
_, _, again = pamqp.frame.unmarshal(wire)
print("read by pamqp:", {name: again.properties.headers[name] for name in HEADERS})
_, received = pika.frame.decode_frame(wire)
print("read by pika:", {name: received.properties.headers[name] for name in HEADERS})
try:
    pika.BasicProperties(headers=HEADERS).encode()
except pika.exceptions.UnsupportedAMQPFieldException:
    print("sent by pika: raises UnsupportedAMQPFieldException")
PYTHON
"$folder/venv/bin/python" "$folder/run.py" | tee "$folder/seen"

cat > "$folder/recorded" <<'TEXT'
pika 1.4.4 / pamqp 4.0.1
sent by pamqp: {'attempt': 2, 'sample-rate': 0.75, 'percent': 99.5}
read by pamqp: {'attempt': 2, 'sample-rate': 0.75, 'percent': 99.5}
read by pika: {'attempt': 2, 'sample-rate': 0L, 'percent': 99L}
sent by pika: raises UnsupportedAMQPFieldException
TEXT
diff -u "$folder/recorded" "$folder/seen" || { echo "changed"; exit 1; }
echo "as recorded: pika cuts the fraction off"
