"""Faults that are injected during a run. After each that needs it, `up` alone brings everything back.

Processes are killed by pid, and only those of this installation.
"""

import random
import shutil
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import psutil
import psycopg

from knative.machine import processes
from knative.machine.home import CONTEXTS
from knative.machine.postgres import PostgreSQL
from knative.machine.rabbitmq import RabbitMQ
from tests.journeys.whole import TASK_SECONDS, Whole
from tests.runtime.servers import control
from tests.soak.processes import POD, SERVERS, Found, find_processes

LOCKED_TABLES = ("inbox", "outbox", "dead_letters", "subjects")


@dataclass(frozen=True)
class Fault:
    """`inject` returns what it killed, by role."""

    title: str
    inject: Callable[[], list[str]]
    needs_up: bool = True


class Faults:
    """A weighted choice of faults."""

    def __init__(self, rng: random.Random, whole: Whole) -> None:
        self._rng, self._whole, self._home = rng, whole, whole.home
        self._kinds: list[tuple[int, Fault]] = [
            (3, Fault("controller killed", lambda: self._kill_servers("knative"))),
            (2, Fault("RabbitMQ killed", lambda: self._kill_servers("rabbitmq"))),
            (2, Fault("PostgreSQL killed", lambda: self._kill_servers("postgres"))),
            (1, Fault("epmd killed", lambda: self._kill_servers("epmd"))),
            (2, Fault("gateway killed", lambda: self._kill(self._pods_of("capsule/edge-gateway")), needs_up=False)),
            (3, Fault("any pod killed", lambda: self._kill_any(1, {POD}), needs_up=False)),
            (4, Fault("any process killed", lambda: self._kill_any(1))),
            (5, Fault("any two killed", lambda: self._kill_any(2))),
            (2, Fault("two servers killed", lambda: self._kill_servers(*self._rng.sample(SERVERS, 2)))),
            (3, Fault("all killed", self._kill_all)),
            (1, Fault("machine rebooted", self._reboot)),
            (2, Fault("all killed, then up killed", self._interrupt_up)),
            (1, Fault("all killed, then two up at once", self._start_twice)),
            (1, Fault("RabbitMQ killed while it boots", self._interrupt_rabbitmq)),
            (1, Fault("all RabbitMQ connections closed", self._close_connections, needs_up=False)),
            (1, Fault("memory alarm of RabbitMQ", self._raise_alarm, needs_up=False)),
            (1, Fault("all PostgreSQL connections ended", self._end_connections, needs_up=False)),
            (1, Fault("tables locked by a migration", self._lock_tables, needs_up=False)),
        ]

    def plan(self, count: int) -> Iterator[Fault]:
        """First each kind once, in random order, then kinds by weight."""
        firsts = self._rng.sample([fault for _, fault in self._kinds], min(count, len(self._kinds)))
        yield from firsts
        yield from self._rng.choices([fault for _, fault in self._kinds], [weight for weight, _ in self._kinds], k=count - len(firsts))

    # --- kills

    def _kill(self, victims: list[Found]) -> list[str]:
        killed = []
        for victim in victims:
            with suppress(psutil.NoSuchProcess):
                victim.process.send_signal(signal.SIGKILL)
                killed.append(victim.role)
        processes.wait_until_ended([victim.process for victim in victims], processes.KILL_WAIT_SECONDS)
        return killed

    def _kill_servers(self, *names: str) -> list[str]:
        return self._kill([found for found in find_processes(self._home) if found.role in names])

    def _kill_any(self, count: int, roles: set[str] | None = None) -> list[str]:
        candidates = [found for found in find_processes(self._home) if roles is None or found.role in roles]
        return self._kill(self._rng.sample(candidates, min(count, len(candidates))))

    def _pods_of(self, service: str) -> list[Found]:
        return [Found(psutil.Process(pid), POD) for pid in self._whole.pods().get(service, ())]

    def _kill_all(self) -> list[str]:
        return [f"{self._whole.kill_everything()} processes"]

    def _reboot(self) -> list[str]:
        """What a machine that lost its power has afterwards: no process, no volatile file, another order of pids."""
        killed = self._kill_all()
        for folder in (self._home.run, self._home.path / "knative" / "skeleton"):
            shutil.rmtree(folder, ignore_errors=True)
        return killed

    def _interrupt_up(self) -> list[str]:
        """Kill `up` itself at a random moment, with what it has started by then left as it is."""
        killed = self._kill_all()
        with self._tasks(1) as (task,), suppress(subprocess.TimeoutExpired):
            task.wait(self._rng.uniform(0.3, 12.0))
        return [*killed, "up"]

    def _start_twice(self) -> list[str]:
        killed = self._kill_all()
        with self._tasks(2) as tasks:
            if any(task.wait(TASK_SECONDS) for task in tasks):
                raise AssertionError("one of two `up` at the same time failed")
        return killed

    def _interrupt_rabbitmq(self) -> list[str]:
        """Kill RabbitMQ, and its successor while that boots."""
        killed = self._kill_servers("rabbitmq")
        with self._tasks(1) as (task,):
            deadline = time.monotonic() + 60
            while not (booting := [found for found in find_processes(self._home) if found.role == "rabbitmq"]) and time.monotonic() < deadline:
                time.sleep(0.05)
            time.sleep(self._rng.uniform(0.0, 4.0))
            killed += self._kill(booting)
            task.wait(TASK_SECONDS)  # it reports that RabbitMQ ended while it was starting
        return killed

    @contextmanager
    def _tasks(self, count: int) -> Iterator[list[subprocess.Popen[bytes]]]:
        """`up`, several times at once. Those that have not ended afterwards are killed."""
        tasks = [self._whole.start_task("up") for _ in range(count)]
        try:
            yield tasks
        finally:
            for task in tasks:
                task.kill()
                task.wait()

    # --- faults of RabbitMQ and PostgreSQL

    def _close_connections(self) -> list[str]:
        control(RabbitMQ(self._home), "close_all_connections", "soak")
        return []

    def _raise_alarm(self) -> list[str]:
        """Publishers are blocked while it lasts."""
        control(RabbitMQ(self._home), "set_vm_memory_high_watermark", "0")
        time.sleep(self._rng.uniform(1.0, 5.0))
        control(RabbitMQ(self._home), "set_vm_memory_high_watermark", "0.3")
        return []

    def _end_connections(self) -> list[str]:
        with suppress(psycopg.OperationalError), PostgreSQL(self._home).superuser() as superuser:
            superuser.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'capsule'")
        return []

    def _lock_tables(self) -> list[str]:
        """Hold a lock as a migration does, for longer than a statement waits for it."""
        context, table = self._rng.choice(CONTEXTS), self._rng.choice(LOCKED_TABLES)
        with suppress(psycopg.OperationalError), PostgreSQL(self._home).superuser(context) as superuser, superuser.transaction():
            superuser.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
            time.sleep(self._rng.uniform(0.5, 4.0))
        return []


def describe(killed: list[str]) -> str:
    """`2 × pod, 1 × zygote`."""
    return ", ".join(f"{count} × {role}" for role, count in Counter(killed).items()) or "nothing"
