"""`down` and `reset`: stop everything in order, then end what is left, whoever started it."""

import shutil
from concurrent.futures import ThreadPoolExecutor

from knative.machine import leftovers, processes, stops
from knative.machine.home import Home
from knative.machine.progress import Progress
from knative.machine.state_lock import lock

NOT_RUNNING = "Capsule is not running."


def down(home: Home, progress: Progress) -> None:
    """Stop the one-machine Knative first, so that functions finish their work while the servers still run. Idempotent; data stays."""
    if not home.run.exists():
        progress.print(NOT_RUNNING)
        return
    with lock(home):
        is_stopped = False
        if stops.KNATIVE.is_running(home):
            with progress.step(stops.KNATIVE.title):
                is_stopped = stops.KNATIVE.run(home)
        orphaned_pods = leftovers.find_pods(home)
        if orphaned_pods:
            with progress.step("Pods") as step:
                processes.terminate(orphaned_pods, timeout_seconds=10)
                step.detail = f"{len(orphaned_pods)} of a Knative that was killed"
        servers = [server for server in stops.SERVERS if server.is_running(home)]
        if servers:
            with ThreadPoolExecutor(len(servers)) as pool:
                list(pool.map(lambda server: _stop_server(server, home, progress), servers))
        stops.RABBITMQ.run(home)  # its epmd, when the server itself was killed
        left = processes.wait_until_ended(leftovers.find_leftovers(home), 1)  # helpers of a server end shortly after it
        if left:
            with progress.step("Leftovers") as step:
                step.detail = ", ".join(sorted({process.name() for process in left}))
                processes.terminate(left, timeout_seconds=10)
        leftovers.remove_control_groups(home)
        leftovers.unmount_volumes(home)
    progress.print("Capsule is stopped. Data stays. Start it: ./taskw up" if is_stopped or servers or left else NOT_RUNNING)


def _stop_server(server: stops.Stop, home: Home, progress: Progress) -> None:
    with progress.step(server.title):
        server.run(home)


def reset(home: Home, progress: Progress) -> None:
    """Stop everything and delete the content of the state folder, except the downloaded kubectl. Irreversible."""
    down(home, progress)
    with progress.step("Data") as step:
        for entry in home.path.iterdir() if home.path.exists() else ():
            if entry.name == "bin":
                continue
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry)
            else:
                entry.unlink()
        step.detail = f"deleted: {home.path}"
