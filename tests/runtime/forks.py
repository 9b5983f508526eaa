"""Worker processes in a few milliseconds: forked from one that has imported everything, as the one-machine Knative does.

Each is a process of its own, killed with a real SIGKILL. Requests are JSON lines on the parent's stdin, `{"environment": …, "log": …}`; the answer is
its pid.
"""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

from tests.waiting import wait_limit


class Forked:
    """A process that is not our child: what subprocess.Popen offers, as far as tests use it."""

    def __init__(self, pid: int) -> None:
        self.pid = pid

    def poll(self) -> int | None:
        """None while it lives; its parent reaps it, so how it ended is not known here."""
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return -1
        return None

    def send_signal(self, number: int) -> None:
        os.kill(self.pid, number)

    def kill(self) -> None:
        if self.poll() is None:
            self.send_signal(signal.SIGKILL)

    def wait(self, timeout: float) -> int:
        end = time.monotonic() + timeout
        while self.poll() is None:
            if time.monotonic() > end:
                raise TimeoutError(f"process {self.pid} has not ended")
            time.sleep(0.01)
        return -1


class Forks:
    """The parent. `module` is run by each child; it must offer `main()`."""

    def __init__(self, environment: Mapping[str, str], folder: Path) -> None:
        self._asking = threading.Lock()
        self._process: subprocess.Popen[str] = subprocess.Popen(
            [sys.executable, "-m", "tests.runtime.forks"],
            env=dict(environment),
            cwd=folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def fork(self, environment: Mapping[str, str], log: Path) -> Forked:
        with self._asking:
            stdin, stdout = _pipes(self._process)
            stdin.write(json.dumps({"environment": dict(environment), "log": str(log)}) + "\n")
            stdin.flush()
            return Forked(int(stdout.readline()))

    def close(self) -> None:
        stdin, stdout = _pipes(self._process)
        stdin.close()
        self._process.wait(wait_limit(10))
        stdout.close()


def _pipes(process: "subprocess.Popen[str]") -> tuple[IO[str], IO[str]]:
    assert process.stdin is not None and process.stdout is not None
    return process.stdin, process.stdout


def _become(request: Mapping[str, Any]) -> int:
    from tests.runtime import worker

    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.environ.clear()
    os.environ.update(request["environment"])
    log = os.open(request["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for stream in (1, 2):
        os.dup2(log, stream)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)  # closed, it would be the number of a socket, and uvloop ends a process that closes 0
    return worker.main()


def _serve() -> None:
    import functions.runtime.serving.serve  # noqa: F401  what every child would import, once
    import tests.runtime.worker  # noqa: F401

    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # children are reaped by the kernel
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                code = _become(json.loads(line))
            finally:
                os._exit(code)
        sys.stdout.write(f"{pid}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    _serve()
