"""What happens to the world while it works; each ends by itself, so that what follows is a recovery and not a repair."""

import random
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import psycopg

from tests.runtime.accidents import CELLS, Line
from tests.runtime.harness import World
from tests.runtime.servers import control, kill


class Faults:
    def __init__(self, random: random.Random, world: World, lines: list[Line], postgres: Any, rabbitmq: Any) -> None:
        self._random = random
        self._world = world
        self._lines = lines
        self._postgres = postgres
        self._rabbitmq = rabbitmq
        self._away = world.folder / "bell-is-away"
        self._kinds: list[tuple[int, str, Callable[[], None]]] = [
            (12, "a function killed", self._worker),
            (2, "RabbitMQ killed", lambda: self._server(self._rabbitmq)),
            (2, "PostgreSQL killed", lambda: self._server(self._postgres)),
            (4, "the foreign system away for a moment", self._bell),
            (2, "every connection to RabbitMQ closed", lambda: control(self._rabbitmq, "close_all_connections", "soak")),
            (2, "every connection to PostgreSQL ended", self._terminated),
            (1, "RabbitMQ's memory alarm", self._alarm),
            (2, "a migration that holds a lock", self._locked),
            (1, "an outage of PostgreSQL that is longer than all retries", self._outage),
        ]

    def _worker(self) -> None:
        self._random.choice(self._lines).worker.kill()

    def _server(self, server: Any, most: float = 3.0, least: float = 0.1) -> None:
        away = self._random.uniform(least, most)
        kill(server)
        time.sleep(away)
        server.start()

    def _outage(self) -> None:
        self._server(self._postgres, 20.0, 12.0)

    def _bell(self) -> None:
        self._away.touch()
        time.sleep(self._random.uniform(0.2, 1.0))
        self._away.unlink()

    def _terminated(self) -> None:
        with suppress(psycopg.OperationalError), self._postgres.superuser() as superuser:
            superuser.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'capsule'")

    def _alarm(self) -> None:
        control(self._rabbitmq, "set_vm_memory_high_watermark", "0")
        time.sleep(self._random.uniform(1.0, 5.0))
        control(self._rabbitmq, "set_vm_memory_high_watermark", "0.3")

    def _locked(self) -> None:
        table = self._random.choice(["inbox", "outbox", "deposits", "notes"])
        with suppress(psycopg.OperationalError), psycopg.connect(self._world.owner, connect_timeout=5) as migration:
            migration.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
            time.sleep(self._random.uniform(0.5, 4.0))

    def plan(self, amount: int) -> Iterator[tuple[str, Callable[[], None]]]:
        """(what, how): each kind once, if there are so many, and then by their weights."""
        weights = [weight for weight, _, _ in self._kinds]
        firsts = self._random.sample(self._kinds, min(amount, len(self._kinds)))
        for _, what, how in (*firsts, *self._random.choices(self._kinds, weights, k=amount - len(firsts))):
            yield what, how


def accident(random: random.Random) -> dict[str, str]:
    """The environment of a worker that dies at a random point, once."""
    function, points = random.choice(list(CELLS.items()))
    return {"ACCIDENT": f"{function}/{random.choice(points)}", "ACCIDENT_AT": str(random.randrange(5, 50))}
