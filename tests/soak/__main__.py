"""`python -m tests.soak --messages 10000 --minutes 10 --seed 7`: print the seed, the faults and the sums. Exit code 1 when a sum is wrong."""

import argparse
import random
import sys
import threading
import time
import uuid
from collections import defaultdict
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import pika
import psycopg

from knative.machine import migrations, packages
from knative.machine.postgres import PostgreSQL
from knative.machine.rabbitmq import RabbitMQ
from tests.runtime.accidents import Line, Replies, Sent, audit, gather, nothing_is_left, publish
from tests.runtime.harness import World
from tests.runtime.messages import request
from tests.servers import discard, fresh_home
from tests.soak.faults import Faults, accident

LINES = 2
BATCH = 100
MAX_WAIT_SECONDS = 30.0
"""The next fault happens after this time even without progress: it then hits a recovery."""


def main() -> int:
    parser = argparse.ArgumentParser(prog="./taskw soak", description="Run commands under random faults, then check the sums.")
    parser.add_argument("--messages", type=int, default=10_000, metavar="N", help="commands to send (default: 10000)")
    parser.add_argument("--minutes", type=float, default=30.0, metavar="M", help="time limit (default: 30)")
    parser.add_argument("--seed", type=int, default=None, metavar="N", help="seed of a run to repeat")
    parser.add_argument("--faults", type=int, default=None, metavar="N", help="number of faults (default: one per 250 commands)")
    options = parser.parse_args()
    seed = random.SystemRandom().randrange(1_000_000) if options.seed is None else options.seed
    print(f"seed {seed}: {options.messages} commands, each with three consequences", flush=True)
    home = fresh_home("capsule-soak-")
    home.create()
    try:
        packages.install([packages.POSTGRES, packages.RABBITMQ], print)
        postgres, rabbitmq = PostgreSQL(home), RabbitMQ(home)
        postgres.start()
        postgres.create_databases()
        rabbitmq.start()
        faults = max(1, options.messages // 250) if options.faults is None else options.faults
        return soak(random.Random(seed), postgres, rabbitmq, home.path / "soak", options.messages, faults, options.minutes * 60)
    finally:
        discard(home)


def soak(rng: random.Random, postgres: Any, rabbitmq: Any, folder: Path, messages: int, faults: int, seconds: float) -> int:
    """Send `messages` commands, inject `faults` faults, check the sums. Returns the exit code."""
    database = postgres.database("auth")
    migrations.migrate(database.owner_url, "auth")
    folder.mkdir()
    world = World(database.functions_url, database.owner_url, rabbitmq.url, folder)
    world.prepare()
    lines = [Line(world, PROBE_BELL_AWAY=str(folder / "bell-is-away"), ACCIDENT_FLAG=str(folder / f"{n}"), **accident(rng)) for n in range(LINES)]
    injector = Faults(rng, world, lines, postgres, rabbitmq)
    sent = Sent("soak")
    sender = threading.Thread(target=_send, args=(world, sent, messages, random.Random(rng.random())), daemon=True)
    replies: Replies = defaultdict(list)
    started_at = time.monotonic()
    sender.start()
    fault_counts: dict[str, int] = {}
    for number, (title, inject) in enumerate(injector.plan(faults)):
        done = _wait_for_progress(world, messages * number // (faults + 1), started_at + seconds, partial(gather, world, sent, replies))
        inject()
        fault_counts[title] = fault_counts.get(title, 0) + 1
        print(f"{time.monotonic() - started_at:7.1f} s  {done:6} done  {title}", flush=True)
        if time.monotonic() - started_at > seconds:
            break
    sender.join(max(1.0, seconds - (time.monotonic() - started_at)))
    try:
        sums = audit(world, sent, max(60.0, seconds - (time.monotonic() - started_at)), replies)
        for line in lines[1:]:
            line.end()
        nothing_is_left(world, lines[0])
        if len(sent.cents) != messages:
            raise AssertionError(f"Only {len(sent.cents)} of {messages} commands were sent in time.")
    except AssertionError as difference:
        print(f"DIFFERENCE: {difference}", file=sys.stderr)
        return 1
    finally:
        world.close()
    deaths = sum(line.deaths for line in lines)
    duration = time.monotonic() - started_at
    injected = ", ".join(f"{count} × {title}" for title, count in sorted(fault_counts.items()))
    print(f"{duration:.0f} s; faults: {injected}; processes that were killed: {deaths}")
    print(f"sums: {', '.join(f'{name} {value}' for name, value in sums.items())}; nothing lost, nothing duplicated")
    return 0


def _wait_for_progress(world: World, target: int, end: float, consume_replies: Callable[[], None]) -> int:
    """Wait until `target` deposits exist, so that faults are spread over the run. Returns their number.

    Replies are consumed meanwhile: reply queues do not survive a kill of RabbitMQ.
    """
    started_at = time.monotonic()
    while True:
        with suppress(pika.exceptions.AMQPError, OSError):  # RabbitMQ is unavailable
            consume_replies()
        try:
            done = world.count("deposits")
        except psycopg.Error:
            done = 0  # PostgreSQL is unavailable
        if done >= target or time.monotonic() > min(end, started_at + MAX_WAIT_SECONDS):
            return done
        time.sleep(0.2)


def _send(world: World, sent: Sent, messages: int, rng: random.Random) -> None:
    """Send in batches. A batch that RabbitMQ did not confirm is sent again with the same ids, as a client does."""
    for start in range(0, messages, BATCH):
        batch = [request("probe.deposit", str(_id(rng))) for _ in range(min(BATCH, messages - start))]
        sent.headers |= {command["id"]: command for command in batch}
        sent.cents |= {command["id"]: rng.randrange(1, 1_000_000_000) for command in batch}
        while True:
            try:
                publish(world, sent, [command["id"] for command in batch])
                break
            except (pika.exceptions.AMQPError, OSError):
                time.sleep(0.5)


def _id(rng: random.Random) -> uuid.UUID:
    return uuid.UUID(int=rng.getrandbits(128), version=4)


if __name__ == "__main__":
    sys.exit(main())
