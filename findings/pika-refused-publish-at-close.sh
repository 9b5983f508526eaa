#!/usr/bin/env bash
# In pika, the way out decides whether a refused publish is noticed: closing the connection hides it, closing the channel raises it.
#
# Guess:   basic.publish has no answer, so a refusal may come late; but the close at the end is synchronous and reports it. connection.close()
#          closes the channels first, so it is at least as strict as channel.close().
# True:    RabbitMQ answers a publish that it refuses by closing the channel with 403. channel.close() then raises ChannelClosedByBroker.
#          connection.close() calls the same channel.close(), catches the exception and logs a warning, to a logger that is silent by default:
#          publish, close the connection, exit with 0, and the message is nowhere. `with connection:` alone is as silent as close();
#          `with connection, connection.channel() as channel:` raises. Publisher confirms raise in the publish itself.
# Version: pika 1.4.4 with the machine's RabbitMQ (Debian package rabbitmq-server; seen with 3.10.8)
# Source:  observed; BlockingConnection.close() in pika/adapters/blocking_connection.py. RabbitMQ, Access Control: basic.publish needs write
set -euo pipefail
sbin=$(printf '%s\n' /usr/lib/rabbitmq/lib/rabbitmq_server-*/sbin | tail -n 1)
if [ ! -x "$sbin/rabbitmq-server" ] || ! command -v epmd > /dev/null; then
  echo "skipped: the Debian package rabbitmq-server is not installed"
  exit 0
fi
server="" mapper=""
folder=$(mktemp -d)
stop() {
  for process in $server $mapper; do
    kill "$process" 2> /dev/null && wait "$process" 2> /dev/null || true
  done
  rm -rf "$folder"
}
trap stop EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check pika==1.4.4
echo "rabbitmq-server $(dpkg-query -W -f '${Version}' rabbitmq-server)"

# A broker of its own on three free ports of loopback. The user may write to the queue "inbox" only, not to the exchange "orders".
read -r amqp distribution names < <(python3 -c '
import socket
sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(3)]
print(*(s.getsockname()[1] for s in sockets))')
cat > "$folder/rabbitmq.conf" <<CONF
listeners.tcp.default = 127.0.0.1:$amqp
default_user = shop
default_pass = shop
log.console = true
log.file = false
disk_free_limit.absolute = 50MB
CONF
echo "[]." > "$folder/enabled_plugins"
: > "$folder/rabbitmq-env.conf"
export HOME="$folder" RUNNING_UNDER_SYSTEMD=true ERL_EPMD_ADDRESS=127.0.0.1 ERL_EPMD_PORT="$names"
export RABBITMQ_NODENAME=findings@localhost RABBITMQ_DIST_PORT="$distribution" RABBITMQ_LOGS=- RABBITMQ_LOG_BASE="$folder/log"
export RABBITMQ_CONF_ENV_FILE="$folder/rabbitmq-env.conf" RABBITMQ_CONFIG_FILE="$folder/rabbitmq.conf"
export RABBITMQ_ENABLED_PLUGINS_FILE="$folder/enabled_plugins" RABBITMQ_MNESIA_BASE="$folder/mnesia"
export RABBITMQ_GENERATED_CONFIG_DIR="$folder/config" RABBITMQ_ADVANCED_CONFIG_FILE="$folder/advanced.config"
export RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS="+S 1:1 +sbwt none -kernel inet_dist_use_interface {127,0,0,1}"
epmd -address 127.0.0.1 -port "$names" & mapper=$!
"$sbin/rabbitmq-server" > "$folder/server.log" 2>&1 & server=$!
for _ in $(seq 120); do
  (: > "/dev/tcp/127.0.0.1/$amqp") 2> /dev/null && break
  kill -0 "$server" || { cat "$folder/server.log" >&2; exit 1; }
  sleep 0.5
done

"$sbin/rabbitmqctl" --quiet await_startup
"$sbin/rabbitmqctl" --quiet set_permissions shop '.*' '^inbox$' '.*'

cat > "$folder/run.py" <<'PYTHON'
import sys
from collections.abc import Callable
from importlib.metadata import version

import pika


def connect() -> pika.BlockingConnection:
    credentials = pika.PlainCredentials("shop", "shop")
    return pika.BlockingConnection(pika.ConnectionParameters("127.0.0.1", int(sys.argv[1]), credentials=credentials))


def close_connection() -> None:
    connection = connect()
    connection.channel().basic_publish("orders", "", b"1")
    connection.close()


def close_channel() -> None:
    connection = connect()
    channel = connection.channel()
    channel.basic_publish("orders", "", b"1")
    channel.close()


def with_connection() -> None:
    with connect() as connection:
        connection.channel().basic_publish("orders", "", b"1")


def with_both() -> None:
    with connect() as connection, connection.channel() as channel:
        channel.basic_publish("orders", "", b"1")


def with_confirms() -> None:
    with connect() as connection:
        channel = connection.channel()
        channel.confirm_delivery()
        channel.basic_publish("orders", "", b"1")


def outcome(publish: Callable[[], None]) -> str:
    try:
        publish()
    except pika.exceptions.ChannelClosedByBroker as refusal:
        return f"raises ChannelClosedByBroker {refusal.reply_code}"
    return "no error"


print("pika", version("pika"))
setup = connect()
channel = setup.channel()
channel.exchange_declare("orders", "fanout")
channel.queue_declare("inbox")
channel.queue_bind("inbox", "orders")
for case in (close_connection, close_channel, with_connection, with_both, with_confirms):
    print(f"{case.__name__}: {outcome(case)}")
print("messages that arrived:", channel.queue_declare("inbox", passive=True).method.message_count)
setup.close()
PYTHON
"$folder/venv/bin/python" "$folder/run.py" "$amqp" | tee "$folder/seen"

cat > "$folder/recorded" <<'TEXT'
pika 1.4.4
close_connection: no error
close_channel: raises ChannelClosedByBroker 403
with_connection: no error
with_both: raises ChannelClosedByBroker 403
with_confirms: raises ChannelClosedByBroker 403
messages that arrived: 0
TEXT
diff -u "$folder/recorded" "$folder/seen" || { echo "changed"; exit 1; }
echo "as recorded: closing the connection hides the refusal"
