"""Faults that are injected during a run. Each ends by itself; the system must recover without help."""

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
    """A weighted choice of faults."""

    def __init__(self, rng: random.Random, world: World, lines: list[Line], postgres: Any, rabbitmq: Any) -> None:
        self._rng = rng
        self._world = world
        self._lines = lines
        self._postgres = postgres
        self._rabbitmq = rabbitmq
        self._away = world.folder / "bell-is-away"
        self._kinds: list[tuple[int, str, Callable[[], None]]] = [
            (12, "function killed", self._kill_worker),
            (2, "RabbitMQ killed", lambda: self._restart(self._rabbitmq)),
            (2, "PostgreSQL killed", lambda: self._restart(self._postgres)),
            (4, "external system unavailable", self._interrupt_external_system),
            (2, "all RabbitMQ connections closed", lambda: control(self._rabbitmq, "close_all_connections", "soak")),
            (2, "all PostgreSQL connections ended", self._end_connections),
            (1, "memory alarm of RabbitMQ", self._raise_alarm),
            (2, "a table locked by a migration", self._lock_table),
            (1, "PostgreSQL outage longer than all retries", self._long_outage),
        ]

    def _kill_worker(self) -> None:
        self._rng.choice(self._lines).worker.kill()

    def _restart(self, server: Any, max_seconds: float = 3.0, min_seconds: float = 0.1) -> None:
        outage_seconds = self._rng.uniform(min_seconds, max_seconds)
        kill(server)
        time.sleep(outage_seconds)
        server.start()

    def _long_outage(self) -> None:
        self._restart(self._postgres, 20.0, 12.0)

    def _interrupt_external_system(self) -> None:
        self._away.touch()
        time.sleep(self._rng.uniform(0.2, 1.0))
        self._away.unlink()

    def _end_connections(self) -> None:
        with suppress(psycopg.OperationalError), self._postgres.superuser() as superuser:
            superuser.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'capsule'")

    def _raise_alarm(self) -> None:
        control(self._rabbitmq, "set_vm_memory_high_watermark", "0")
        time.sleep(self._rng.uniform(1.0, 5.0))
        control(self._rabbitmq, "set_vm_memory_high_watermark", "0.3")

    def _lock_table(self) -> None:
        table = self._rng.choice(["inbox", "outbox", "deposits", "notes"])
        with suppress(psycopg.OperationalError), psycopg.connect(self._world.owner, connect_timeout=5) as migration:
            migration.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
            time.sleep(self._rng.uniform(0.5, 4.0))

    def plan(self, count: int) -> Iterator[tuple[str, Callable[[], None]]]:
        """(title, function) of each fault: first each kind once, then chosen by weight."""
        weights = [weight for weight, _, _ in self._kinds]
        firsts = self._rng.sample(self._kinds, min(count, len(self._kinds)))
        for _, title, inject in (*firsts, *self._rng.choices(self._kinds, weights, k=count - len(firsts))):
            yield title, inject


def accident(rng: random.Random) -> dict[str, str]:
    """The environment of a worker that exits at a random point, once."""
    function, points = rng.choice(list(CELLS.items()))
    return {"ACCIDENT": f"{function}/{rng.choice(points)}", "ACCIDENT_AT": str(rng.randrange(5, 50))}
