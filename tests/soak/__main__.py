"""`python -m tests.soak --messages 10000 --minutes 10 --seed 7`: prints the seed, what happened and the sums; non-zero on any difference."""

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
from tests.runtime.harness import World, asked
from tests.servers import discard, fresh_home
from tests.soak.faults import Faults, accident

LINES = 2
BATCH = 100
LONGEST_CALM = 30.0
"""Seconds after which the next fault comes though the work has not gone on: then it is a fault in a recovery."""


def main() -> int:
    arguments = argparse.ArgumentParser(prog="./taskw soak", description=__doc__)
    arguments.add_argument("--messages", type=int, default=10_000)
    arguments.add_argument("--minutes", type=float, default=30.0, help="give up after that long")
    arguments.add_argument("--seed", type=int, default=None)
    arguments.add_argument("--faults", type=int, default=None, help="one for 250 messages if not said")
    asked_for = arguments.parse_args()
    seed = random.SystemRandom().randrange(1_000_000) if asked_for.seed is None else asked_for.seed
    print(f"seed {seed}: {asked_for.messages} commands, each with three consequences", flush=True)
    home = fresh_home("capsule-soak-")
    home.create()
    try:
        packages.install([packages.POSTGRES, packages.RABBITMQ], print)
        postgres, rabbitmq = PostgreSQL(home), RabbitMQ(home)
        postgres.start()
        postgres.create_databases()
        rabbitmq.start()
        faults = max(1, asked_for.messages // 250) if asked_for.faults is None else asked_for.faults
        return soak(random.Random(seed), postgres, rabbitmq, home.path / "soak", asked_for.messages, faults, asked_for.minutes * 60)
    finally:
        discard(home)


def soak(chance: random.Random, postgres: Any, rabbitmq: Any, folder: Path, messages: int, faults: int, seconds: float) -> int:
    """0 if the sums are right."""
    database = postgres.database("auth")
    migrations.migrate(database.owner_url, "auth")
    folder.mkdir()
    world = World(database.functions_url, database.owner_url, rabbitmq.url, folder)
    world.prepare()
    lines = [Line(world, PROBE_BELL_AWAY=str(folder / "bell-is-away"), ACCIDENT_FLAG=str(folder / f"{n}"), **accident(chance)) for n in range(LINES)]
    trouble = Faults(chance, world, lines, postgres, rabbitmq)
    sent = Sent("soak")
    sender = threading.Thread(target=_send, args=(world, sent, messages, random.Random(chance.random())), daemon=True)
    replies: Replies = defaultdict(list)
    began = time.monotonic()
    sender.start()
    happened: dict[str, int] = {}
    for number, (what, how) in enumerate(trouble.plan(faults)):
        done = _until_the_work_has_gone_on(world, messages * number // (faults + 1), began + seconds, partial(gather, world, sent, replies))
        how()
        happened[what] = happened.get(what, 0) + 1
        print(f"{time.monotonic() - began:7.1f} s  {done:6} done  {what}", flush=True)
        if time.monotonic() - began > seconds:
            break
    sender.join(max(1.0, seconds - (time.monotonic() - began)))
    try:
        sums = audit(world, sent, max(60.0, seconds - (time.monotonic() - began)), replies)
        for line in lines[1:]:
            line.end()
        nothing_is_left(world, lines[0])
        if len(sent.cents) != messages:
            raise AssertionError(f"only {len(sent.cents)} of {messages} were sent in time")
    except AssertionError as difference:
        print(f"DIFFERENCE: {difference}", file=sys.stderr)
        return 1
    finally:
        world.close()
    deaths = sum(line.deaths for line in lines)
    took = time.monotonic() - began
    print(f"{took:.0f} s; faults: {', '.join(f'{amount} × {what}' for what, amount in sorted(happened.items()))}; processes that died: {deaths}")
    print(f"sums: {', '.join(f'{name} {value}' for name, value in sums.items())}; nothing lost, nothing twice")
    return 0


def _until_the_work_has_gone_on(world: World, target: int, end: float, listen: Callable[[], None]) -> int:
    """Faults are spread over the whole work, as long as it goes on at all. Those who asked listen meanwhile: a reply that lies in its queue when
    RabbitMQ is killed is gone."""
    began = time.monotonic()
    while True:
        with suppress(pika.exceptions.AMQPError, OSError):  # RabbitMQ is away
            listen()
        try:
            done = world.count("deposits")
        except psycopg.Error:
            done = 0  # it comes back by itself
        if done >= target or time.monotonic() > min(end, began + LONGEST_CALM):
            return done
        time.sleep(0.2)


def _send(world: World, sent: Sent, messages: int, chance: random.Random) -> None:
    """In batches; one that RabbitMQ did not confirm goes again under its ids, as a client does that got no answer."""
    for start in range(0, messages, BATCH):
        batch = [asked("probe.deposit", str(_id(chance))) for _ in range(min(BATCH, messages - start))]
        sent.headers |= {command["id"]: command for command in batch}
        sent.cents |= {command["id"]: chance.randrange(1, 1_000_000_000) for command in batch}
        while True:
            try:
                publish(world, sent, [command["id"] for command in batch])
                break
            except (pika.exceptions.AMQPError, OSError):
                time.sleep(0.5)


def _id(chance: random.Random) -> uuid.UUID:
    return uuid.UUID(int=chance.getrandbits(128), version=4)


if __name__ == "__main__":
    sys.exit(main())
