"""Work done by a process that dies at a chosen point, a successor, and the audit of what became of it."""

import threading
import time
import uuid

import pika

from tests.runtime.harness import Worker, World, asked, deposit, until

MESSAGES = 5


class Line:
    """A worker that is started again when it dies, and a pump in front of it."""

    def __init__(self, world: World, **environment: str) -> None:
        self.world = world
        self.worker = world.worker(**environment)
        self._environment = environment
        self.deaths = 0
        self._ended = threading.Event()
        self._keeper = threading.Thread(target=self._keep, daemon=True)
        self._keeper.start()
        world.pump(lambda: self.worker.port)

    def _keep(self) -> None:
        while not self._ended.is_set():
            if self.worker.process.poll() is not None:
                self.deaths += 1
                self.worker: Worker = self.world.worker(**self._environment)
            time.sleep(0.05)

    def end(self) -> None:
        self._ended.set()
        self._keeper.join(30)


def send(world: World, amount: int = MESSAGES, account: str = "crash") -> list[dict[str, str]]:
    """Publishes deposits as the gateway would; answers their headers."""
    commands = [asked("probe.deposit", str(uuid.uuid4())) for _ in range(amount)]
    with pika.BlockingConnection(pika.URLParameters(world.amqp)) as connection:
        channel = connection.channel()
        channel.confirm_delivery()
        for command in commands:
            properties = pika.BasicProperties(headers=command, delivery_mode=2)
            channel.basic_publish("capsule.commands", "probe.deposit", deposit(account=account), properties, mandatory=True)
    return commands


def audit(world: World, amount: int = MESSAGES, account: str = "crash", seconds: float = 40) -> None:
    """Each deposit made once, told to each subscriber, handled once by each, its bell recorded once, nothing left owed or undelivered."""
    settled = f"for {amount} deposits to be told and handled"

    def noted(what: str) -> int:
        return world.count("notes n JOIN deposits d ON n.text = d.id::text WHERE n.what = %s AND d.account = %s", what, account)

    until(lambda: world.count("deposits WHERE account = %s", account) >= amount, seconds, f"for {amount} deposits")
    until(lambda: noted("deposited") >= amount and noted("rung") >= amount, seconds, settled)
    until(lambda: world.count("outbox") == 0, seconds, "for the outbox to empty")
    assert world.count("deposits WHERE account = %s", account) == amount, "a deposit was made twice"
    assert noted("deposited") == amount, "an event was handled twice"
    assert noted("rung") == amount, "an effect was recorded twice"
    assert world.count("dead_letters") == 0
    ids = [str(row[0]) for row in world.rows("SELECT id FROM deposits WHERE account = %s", account)]
    assert all(any(id in line for line in world.bell()) for id in ids), "the bell did not ring for each"
