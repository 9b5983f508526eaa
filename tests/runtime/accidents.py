"""Work done by processes that die at a chosen point, their successors, and the audit of what became of it.

The audit asks the two sides that must agree: what the senders were told (the replies), and what is there (deposits, notes, outbox, dead letters,
queues). Each deposit has an amount of its own, so that one done twice shows in the sum even if another one was lost.
"""

import json
import random
import threading
import time
import uuid
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import pika

from functions.runtime.messaging import delays
from functions.runtime.reliability.dead_letter_router import UNROUTABLE
from tests.runtime.harness import Worker, World, until
from tests.runtime.messages import deposit, request

MESSAGES = 50
CELLS = {
    "probe.deposit": (
        "before-claim",
        "in-handler",
        "before-commit",
        "after-commit",
        "after-reply",
        "before-publish",
        "before-marking",
        "before-ack",
    ),
    "probe.on_deposited": ("before-claim", "in-handler", "before-commit", "after-commit", "before-publish", "before-marking", "before-ack"),
    "probe.on_deposited_ring": (
        "before-call",
        "after-call",
        "before-claim",
        "in-handler",
        "before-commit",
        "after-commit",
        "before-publish",
        "before-marking",
        "before-ack",
    ),
}
"""Function → the points at which its process may die."""

QUEUES = ("functions", UNROUTABLE, *(delays.exchange_of(level) for level in delays.LEVELS_SECONDS))


class Line:
    """A worker that is started again when it dies, and a pump in front of it."""

    def __init__(self, world: World, **environment: str) -> None:
        self.world = world
        self.worker: Worker = world.worker(**environment)
        self._environment = environment
        self.deaths = 0
        self._ended = threading.Event()
        self._keeper = threading.Thread(target=self._keep, daemon=True)
        self._keeper.start()
        self.pump = world.pump(lambda: self.worker.port)

    def _keep(self) -> None:
        while not self._ended.wait(0.01):
            if self.worker.process.poll() is not None:
                self.deaths += 1
                self.worker = self.world.worker(**self._environment)

    def end(self) -> None:
        self.pump.stop()
        self._ended.set()
        self._keeper.join(30)
        self.worker.kill()


@dataclass
class Sent:
    """The commands of one account, by their ids, with the amount of each."""

    account: str
    cents: dict[str, int] = field(default_factory=dict)
    headers: dict[str, dict[str, str]] = field(default_factory=dict)


def send(world: World, amount: int = MESSAGES, account: str = "crash") -> Sent:
    """Publishes deposits as the gateway would."""
    sent = Sent(account)
    for _ in range(amount):
        command = request("probe.deposit", str(uuid.uuid4()))
        sent.cents[command["id"]] = random.randrange(1, 1_000_000_000)
        sent.headers[command["id"]] = command
    publish(world, sent, sent.cents)
    return sent


def publish(world: World, sent: Sent, ids: Sequence[str] | Mapping[str, int]) -> None:
    """Each with RabbitMQ's confirm; a gateway that got none would answer 503 and its client would ask again under the same key."""
    with pika.BlockingConnection(pika.URLParameters(world.amqp)) as connection:
        channel = connection.channel()
        channel.confirm_delivery()
        for id in ids:
            properties = pika.BasicProperties(headers=sent.headers[id], delivery_mode=2)
            channel.basic_publish("capsule.commands", "probe.deposit", deposit(sent.cents[id], sent.account), properties, mandatory=True)


Replies = dict[str, list[tuple[str, str, bytes]]]
"""Command → the replies to it: outcome, status, body."""


def events(world: World, sent: Sent) -> Replies:
    """Those that have come, taken from the queue of replies."""
    by_correlation = {headers["correlationid"]: id for id, headers in list(sent.headers.items())}  # more may be sent meanwhile
    found: Replies = defaultdict(list)
    with pika.BlockingConnection(pika.URLParameters(world.amqp)) as connection:
        channel = connection.channel()
        while True:
            method, properties, body = channel.basic_get("replies", auto_ack=True)
            if method is None:
                return found
            id = by_correlation.get(properties.headers["correlationid"])
            if id is not None:
                found[id].append((properties.headers["outcome"], properties.headers["status"], body))


def _recorded(world: World, sent: Sent) -> set[str]:
    """The commands whose function says that they are done."""
    rows = world.rows("SELECT id FROM inbox WHERE function = 'probe.deposit' AND outcome = 'done' AND id = ANY(%s)", list(sent.cents))
    return {row[0] for row in rows}


class Progress:
    """A caller's patience: when nothing has come for a while, he asks again (his 503 may have been lost with RabbitMQ)."""

    def __init__(self, seconds: float = 6.0) -> None:
        self._seconds = seconds
        self.begin()

    def begin(self) -> None:
        self._last = (-1, time.monotonic())

    def stalled(self, done: int) -> bool:
        if done != self._last[0]:
            self._last = (done, time.monotonic())
        return time.monotonic() - self._last[1] > self._seconds


def settle(world: World, sent: Sent, seconds: float = 40) -> Replies:
    """Waits until every command has one outcome, asking again under the same id, as a client does, where the answer was 503."""
    replies: Replies = defaultdict(list)
    end = time.monotonic() + seconds
    progress = Progress()

    def ended() -> bool:
        done = len(_recorded(world, sent))
        return done >= len(sent.cents) or _refused(world, sent, replies) or progress.stalled(done)

    while True:
        progress.begin()
        until(ended, seconds, "for the commands' outcomes")
        missing = sent.cents.keys() - _recorded(world, sent)
        if not missing:
            gather(world, sent, replies)
            return replies
        assert time.monotonic() < end, f"{len(missing)} commands have no outcome"
        publish(world, sent, sorted(missing))


def gather(world: World, sent: Sent, replies: Replies) -> None:
    for id, found in events(world, sent).items():
        replies[id] += found


def _refused(world: World, sent: Sent, replies: Replies) -> bool:
    """All that is not done was answered, with 503: nothing more comes by itself."""
    before = {id: len(found) for id, found in replies.items()}
    gather(world, sent, replies)
    open = sent.cents.keys() - _recorded(world, sent)
    return bool(open) and all(len(replies[id]) > before.get(id, 0) and replies[id][-1][1] == "503" for id in open)


def audit(world: World, sent: Sent, seconds: float = 40) -> dict[str, Any]:
    """One effect and one outcome for each command, one effect at each subscriber for each event, nothing left over. Answers the sums."""
    account, amount = sent.account, len(sent.cents)
    replies = settle(world, sent, seconds)

    def noted(what: str) -> int:
        return world.count("notes n JOIN deposits d ON n.text = d.id::text WHERE n.what = %s AND d.account = %s", what, account)

    for what in ("deposited", "rung", "noted"):
        until(partial(lambda what: noted(what) >= amount, what), seconds, f"for {amount} deposits to be {what}")
    until(lambda: world.count("outbox") == 0, seconds, "for the outbox to empty")
    _ask_for_lost_replies(world, sent, replies, seconds)
    made = world.rows("SELECT id::text, cents FROM deposits WHERE account = %s", account)
    sums = {"sent": sum(sent.cents.values()), "deposited": sum(row[1] for row in made)}
    assert sums["deposited"] == sums["sent"] and len(made) == amount, f"{amount} were sent, {len(made)} are there: {sums}"
    for what in ("deposited", "rung", "noted"):
        assert noted(what) == amount, f"{noted(what)} of {amount} are {what}"
        sums[what] = noted(what)
    _one_outcome(sent, replies)
    assert world.count("dead_letters") == 0, world.rows("SELECT function, error, detail FROM dead_letters LIMIT 3")
    rung = {line.split()[1] for line in world.bell() if line.startswith(f"{account} ")}
    assert rung == {row[0] for row in made}, "the bell did not ring for each"
    return sums


def _ask_for_lost_replies(world: World, sent: Sent, replies: Replies, seconds: float) -> None:
    """A reply is best effort: who was told nothing, or 503, asks again under the same id and is told what was done."""
    gather(world, sent, replies)

    def untold() -> list[str]:
        return [id for id in sent.cents if not any(reply[0] == "done" for reply in replies[id])]

    def all_told() -> bool:
        gather(world, sent, replies)
        return not untold()

    if lost := untold():
        publish(world, sent, lost)
        until(all_told, seconds, f"for {len(lost)} replies")


def _one_outcome(sent: Sent, replies: Mapping[str, Sequence[tuple[str, str, bytes]]]) -> None:
    for id in sent.cents:
        final = {(outcome, status, json.loads(body)["total"]) for outcome, status, body in replies.get(id, ()) if outcome == "done"}
        assert len(final) == 1, f"command {id} was told {replies.get(id)}"
        others = [reply for reply in replies[id] if reply[0] != "done"]
        assert all(reply[:2] == ("failed", "503") for reply in others), f"command {id} was told {others}"


def nothing_is_left(world: World, line: Line) -> None:
    """No message waits anywhere nor is under way."""
    with pika.BlockingConnection(pika.URLParameters(world.amqp)) as connection:
        channel = connection.channel()

        def waiting() -> dict[str, int]:
            depths = {queue: channel.queue_declare(queue, passive=True).method.message_count for queue in QUEUES}
            return {queue: depth for queue, depth in depths.items() if depth}

        until(lambda: world.count("outbox") == 0, 20, "for the outbox to empty")
        until(lambda: not waiting() and not line.pump.under_way, 20, "for the queues to be empty")
        line.end()
        assert waiting() == {}
