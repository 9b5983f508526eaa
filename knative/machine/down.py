"""`down` and `reset`: asks everything to end, then sees to it that nothing is left, whoever started it."""

import shutil
from concurrent.futures import ThreadPoolExecutor

from knative.machine import processes
from knative.machine.home import Home
from knative.machine.postgres import PostgreSQL
from knative.machine.progress import Progress
from knative.machine.rabbitmq import RabbitMQ
from knative.machine.up import KNATIVE, alone


def down(home: Home, progress: Progress) -> None:
    """Knative first: its functions finish what they have while the servers are still there."""
    if not home.run.exists():
        progress.say("Nothing runs.")
        return
    with alone(home):
        stopped = False
        if processes.running(home, KNATIVE):
            with progress.step("Knative"):
                stopped = processes.stop(home, KNATIVE, seconds=30)
        left_by_knative = processes.pods(home)
        if left_by_knative:
            with progress.step("Pods") as step:
                processes.end(left_by_knative, seconds=10)
                step.detail = f"{len(left_by_knative)} that a killed Knative left behind"
        servers = [server for server in (RabbitMQ(home), PostgreSQL(home)) if server.running()]
        if servers:
            with progress.step(" and ".join(type(server).__name__ for server in servers)), ThreadPoolExecutor(2) as pool:
                list(pool.map(lambda server: server.stop(), servers))
        RabbitMQ(home).stop()  # its epmd, if the server itself was gone
        left = processes.await_ended(processes.leftovers(home), 1)  # helpers of a server end a moment after it
        if left:
            with progress.step("Leftovers") as step:
                step.detail = ", ".join(sorted({process.name() for process in left}))
                processes.end(left, seconds=10)
    progress.say("Capsule is down; the data stays." if stopped or servers or left else "Nothing runs.")


def reset(home: Home, progress: Progress) -> None:
    down(home, progress)
    with progress.step("Data") as step:
        for entry in home.path.iterdir() if home.path.exists() else ():
            if entry.name == "bin":
                continue  # a fetched kubectl is no data
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry)
            else:
                entry.unlink()
        step.detail = f"{home.path} is empty"
