"""What happens to the world while it works; each ends by itself, so that what follows is a recovery and not a repair."""

import random
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from knative.machine import processes
from tests.runtime.accidents import CELLS, Line


def kill(server: Any) -> None:
    """SIGKILL to a server's process, recorded when it was started."""
    process = processes.running(server.home, server.name)
    assert process is not None
    process.kill()
    processes.await_ended([process], 10)


class Faults:
    def __init__(self, random: random.Random, lines: list[Line], postgres: Any, rabbitmq: Any, folder: Path) -> None:
        self._random = random
        self._lines = lines
        self._postgres = postgres
        self._rabbitmq = rabbitmq
        self._away = folder / "bell-is-away"
        self.happened: list[str] = []
        self._kinds: list[tuple[int, str, Callable[[], None]]] = [
            (12, "a function killed", self._worker),
            (2, "RabbitMQ killed", lambda: self._server(self._rabbitmq)),
            (2, "PostgreSQL killed", lambda: self._server(self._postgres)),
            (4, "the foreign system away for a moment", self._bell),
        ]

    def _worker(self) -> None:
        self._random.choice(self._lines).worker.kill()

    def _server(self, server: Any) -> None:
        away = self._random.uniform(0.1, 3.0)
        kill(server)
        time.sleep(away)
        server.start()

    def _bell(self) -> None:
        self._away.touch()
        time.sleep(self._random.uniform(0.2, 1.0))
        self._away.unlink()

    def plan(self, amount: int) -> Iterator[tuple[str, Callable[[], None], float]]:
        """(what, how, seconds before it)."""
        weights = [weight for weight, _, _ in self._kinds]
        for _ in range(amount):
            [(_, what, how)] = self._random.choices(self._kinds, weights)
            yield what, how, self._random.uniform(0.2, 2.0)


def accident(random: random.Random) -> dict[str, str]:
    """The environment of a worker that dies at a random point, once."""
    function, points = random.choice(list(CELLS.items()))
    return {"ACCIDENT": f"{function}/{random.choice(points)}", "ACCIDENT_AT": str(random.randrange(5, 50))}
