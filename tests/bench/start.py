"""`./taskw up` on a machine that is prepared: while everything runs, after `down`, and after `kill -9` of every process."""

import signal
import time
from contextlib import suppress

import psutil

from knative.machine import leftovers, processes
from tests.bench.load import Missing
from tests.bench.meter import Numbers
from tests.bench.systems import Capsule, answers_ok

KILL_WAIT_SECONDS = 5.0
MAX_KILLS = 20


def again(capsule: Capsule) -> Numbers:
    """Seconds of `up` after `down`; `running`: of one that finds everything running."""
    capsule.task("down")
    seconds = _up(capsule)
    return {"seconds": seconds, "running": _up(capsule)}


def after_kill(capsule: Capsule) -> Numbers:
    """Seconds of `up` after SIGKILL to every process at once, as after a power failure."""
    killed = kill_everything(capsule)
    return {"seconds": _up(capsule), "processes": killed}


def kill_everything(capsule: Capsule) -> int:
    """Returns how many processes there were. Raises: Missing if new ones appear for ever."""
    killed = 0
    for _ in range(MAX_KILLS):
        left = leftovers.find_leftovers(capsule.home)
        if not left:
            return killed
        for process in left:
            with suppress(psutil.NoSuchProcess):
                process.send_signal(signal.SIGKILL)
                killed += 1
        processes.wait_until_ended(left, KILL_WAIT_SECONDS)
    raise Missing(f"Processes of {capsule.name} still run after {MAX_KILLS} times SIGKILL")


def _up(capsule: Capsule) -> float:
    """Raises: Missing if it does not serve afterwards."""
    started_at = time.perf_counter()
    capsule.task("up")
    seconds = time.perf_counter() - started_at
    if not answers_ok(f"{capsule.url}/readyz"):
        raise Missing(f"{capsule.name} is not ready after `up`")
    return seconds
