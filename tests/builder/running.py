"""An image that was built, started as the one-machine Knative does."""

import contextlib
import os
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from knative.local.images import Images
from tests.builder.conftest import Outcome


@contextlib.contextmanager
def running(outcome: Outcome, store: Path) -> Iterator[str]:
    """The image, taken into a store and started from there as the one-machine Knative does, with an environment of its own."""
    images = Images(store)
    images.push(outcome.image, outcome.said["image"])
    image = images.resolve(outcome.said["image"])
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {**image.env, "PORT": str(port), "HOME": "/nonexistent"}
    process = subprocess.Popen(image.command, cwd=image.folder, env=environment, start_new_session=True)
    try:
        yield f"http://127.0.0.1:{port}"
        os.kill(process.pid, signal.SIGTERM)
        assert process.wait(10) is not None, "it does not stop when it is asked to"
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def get(url: str) -> str:
    until = time.monotonic() + 20
    while True:
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                return str(answer.read().decode())
        except urllib.error.HTTPError:
            raise
        except OSError:
            if time.monotonic() > until:
                raise
            time.sleep(0.05)
