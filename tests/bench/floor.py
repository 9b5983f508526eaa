"""`python -m tests.bench.floor`: what the runtime itself costs: a command that does nothing, its event, and a handler that does nothing.

Two real processes, one per function, consume their queues on RabbitMQ and PostgreSQL of their own. There is no gateway, and no Knative that reads
their output. Prints microseconds of CPU per command by layer, with `--batch` messages at most in a transaction.
"""

import argparse
import json
import sys
import tempfile
import time
import uuid
from datetime import UTC, datetime
from pathlib import Path

import pika
import psutil

from functions.wire.cloudevents import new_message
from functions.wire.queue_consumption import ActivityReader, ConsumedQueue
from knative.machine import processes
from tests.bench import usage
from tests.runtime.harness import Worker, World, until, worlds
from tests.servers import Brokers, Databases, Servers, discard

COMMAND, HANDLER, EVENT = "probe.do_nothing", "probe.on_nothing_done", "probe.nothing-done"
PARALLELISM = 32


def main() -> int:
    parser = argparse.ArgumentParser(description="Measure the CPU of a command, an event and a handler that do nothing.")
    parser.add_argument("--count", type=int, default=5000, help="commands in each round (default: 5000)")
    parser.add_argument("--rounds", type=int, default=3, help="rounds (default: 3)")
    parser.add_argument("--batch", type=int, nargs="+", default=[1, 16], help="messages in a transaction (default: 1 and 16)")
    options = parser.parse_args()
    servers = Servers(Path(tempfile.mkdtemp(prefix="capsule-floor-", dir="/tmp")))
    servers.path.chmod(0o755)
    try:
        databases, brokers = Databases(servers, servers.postgres()), Brokers(servers, servers.rabbitmq())
        for size in options.batch:
            world = next(worlds(databases, brokers.vhost(), Path(tempfile.mkdtemp(dir=servers.path))))
            measured = [_worker(world, function, size) for function in (COMMAND, HANDLER)]
            for _ in range(options.rounds):
                print(f"batch {size}: {_round(servers, world, measured, options.count)}", flush=True)
            world.close()
    finally:
        discard(servers.home())
    return 0


def _worker(world: World, function: str, size: int) -> Worker:
    """A process that consumes the queue of one function."""
    with world.channel() as channel:
        channel.queue_declare(function, durable=True)
        channel.queue_bind(function, "capsule.commands", function)
        if function == HANDLER:
            channel.queue_bind(function, "capsule.events", EVENT)
        channel.queue_unbind("events", "capsule.events", "#")
    activity = ActivityReader(world.folder / f"activity-{function}")
    activity.set_may_consume(True)
    queue = ConsumedQueue(function, "http://127.0.0.1/", f"/{function}", PARALLELISM, 30.0)
    settings = {"CAPSULE_FUNCTION": function, "CAPSULE_CONSUMES": json.dumps([queue.to_json()]), "CAPSULE_ACTIVITY": str(activity.path)}
    return world.worker(**settings, BATCH=str(size))


def _round(servers: Servers, world: World, measured: list[Worker], count: int) -> str:
    roots = {"command": measured[0].process.pid, "handler": measured[1].process.pid}
    trees = {name: psutil.Process(pid) for name, pid in roots.items()}
    trees |= {name: process for name in ("rabbitmq", "postgres") if (process := processes.find_running(servers.home(), name)) is not None}
    handled = world.count("inbox WHERE function = %s", HANDLER)
    before, started_at = {name: usage.cpu_seconds([process]) for name, process in trees.items()}, time.monotonic()
    now = datetime.now(UTC)
    with world.channel() as channel:
        for _ in range(count):
            headers = new_message(COMMAND, "/capsule/bench", b"{}", now, replyto="replies", correlationid=str(uuid.uuid4())).headers()
            channel.basic_publish(
                "capsule.commands", COMMAND, b"{}", pika.BasicProperties(headers=headers, delivery_mode=2, content_type="application/json")
            )
    until(lambda: world.count("inbox WHERE function = %s", HANDLER) >= handled + count, 300, "for every event to be handled")
    until(lambda: world.count("outbox") == 0, 30, "for the outbox to empty")
    seconds = time.monotonic() - started_at
    used = {name: (usage.cpu_seconds([process]) - before[name]) / count * 1e6 for name, process in trees.items()}
    return ", ".join([f"{sum(used.values()):.0f} µs", *(f"{name} {value:.0f}" for name, value in used.items()), f"{count / seconds:.0f} per second"])


if __name__ == "__main__":
    sys.exit(main())
