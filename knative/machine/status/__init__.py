"""`status`: what runs on this machine, in at most eleven lines; details only for what fails, or with `--all`."""

from collections.abc import Iterator
from datetime import UTC, datetime

from rich.console import Console

from knative.machine import processes
from knative.machine.cluster import Cluster, reachable
from knative.machine.home import Home
from knative.machine.problems import Problem
from knative.machine.status import messages, servers, storage, workloads
from knative.machine.status.row import Row


def status(home: Home, console: Console, *, show_all: bool = False) -> bool:
    """Print one line per subject and return True when everything that should run does.

    `show_all` lists every function with its state and every application with its URL.

    Raises: Problem when no server of this state folder runs.
    """
    if not servers.any_running(home):
        raise Problem("Capsule is not running.", "Start it: ./taskw up")
    is_healthy = True
    for row in rows(home, show_all):
        is_healthy = is_healthy and not row.is_bad
        for line in row.lines():
            console.print(line, soft_wrap=True)
    return is_healthy


def rows(home: Home, show_all: bool = False) -> Iterator[Row]:
    """The lines in the order in which they are printed."""
    yield servers.servers(home)
    yield servers.gateway(home)
    if reachable(home):
        cluster = Cluster(home)
        yield workloads.functions(cluster, show_all)
        yield workloads.triggers(cluster)
        yield workloads.applications(cluster, show_all)
    yield storage.images(home)
    yield storage.disk(home)
    yield storage.backups(home, datetime.now(UTC))
    if not home.external_amqp_url and processes.find_running(home, "rabbitmq"):
        yield messages.unroutable(home)
    if home.local_contexts and processes.find_running(home, "postgres"):
        yield messages.dead_letters(home)
        yield messages.alerts(home)
