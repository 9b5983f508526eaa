"""`up --foreground`: stay, and run `up` again whenever a server or the one-machine Knative has ended. For service managers, see docs/operations.md.

Knative itself restarts pods. SIGTERM and Ctrl-C stop everything, as `down` does.
"""

import os
import signal
import sys
import threading
import time
from collections.abc import Callable

from knative.machine import processes
from knative.machine.down import down
from knative.machine.home import Home
from knative.machine.knative_process import KNATIVE, code_digest
from knative.machine.postgres import PostgreSQL
from knative.machine.problems import Problem
from knative.machine.progress import Progress
from knative.machine.rabbitmq import RabbitMQ
from knative.machine.redis_server import Redis
from knative.machine.services_postgres import ServicesPostgres

CHECK_SECONDS = 1.0
MIN_PAUSE_SECONDS, MAX_PAUSE_SECONDS = 1.0, 60.0
"""Between attempts that fail."""


def find_ended(home: Home) -> list[str]:
    """Names of the servers that should run here and do not."""
    names = [KNATIVE]
    if not home.external_amqp_url:
        names.append(RabbitMQ.name)
    if home.local_contexts:
        names.append(PostgreSQL.name)
    if home.has_local_redis:
        names.append(Redis.name)
    if home.has_services_postgres:
        names.append(ServicesPostgres.name)
    return [name for name in names if processes.find_running(home, name) is None]


IsNeeded = Callable[[], bool]
"""Whether something has ended. `up` asks while it holds the lock, when no other `up` is at work."""


def supervise(home: Home, progress: Progress, start: Callable[[IsNeeded | None], None]) -> None:
    """Call `start` until everything runs, and again after each end of a server. Returns after SIGTERM or SIGINT, when everything is stopped.

    After an upgrade, this process becomes one of the code on disk before it starts anything: the former version would start its own Knative.
    """
    own_code = code_digest()

    def is_needed() -> bool:
        if not (ended := find_ended(home)):
            return False
        progress.print(f"{', '.join(ended)} ended at {time.strftime('%H:%M:%S')}; starting again.")
        if code_digest() != own_code:
            progress.print("The code on disk has changed; continuing with it.")
            os.execv(sys.executable, sys.orig_argv)  # it releases the lock: descriptors of Python files are not inherited
        return True

    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    pause_seconds = MIN_PAUSE_SECONDS
    try:
        start(None)
        while not stopping.wait(CHECK_SECONDS):
            if not find_ended(home):
                continue
            try:
                start(is_needed)
                pause_seconds = MIN_PAUSE_SECONDS
            except Problem as problem:
                progress.print(f"{problem} Trying again in {pause_seconds:.0f} s.")
                stopping.wait(pause_seconds)
                pause_seconds = min(pause_seconds * 2, MAX_PAUSE_SECONDS)
    finally:
        down(home, progress)
