"""Start a built image as the one-machine Knative does."""

import asyncio
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

from knative.local.images import Image
from tests.builder.conftest import Outcome
from tests.knative.images.builds import NAMESPACE, Shop
from tests.waiting import wait_limit


def stored(outcome: Outcome, folder: Path) -> Image:
    """Return the image of a build after it was copied into a store."""

    async def store() -> Image:
        shop = Shop(folder)
        record = await shop.store(outcome.image.parent)
        return (await shop.images.resolve(record.reference, NAMESPACE)).placed()

    return asyncio.run(store())


@contextlib.contextmanager
def running(outcome: Outcome, store: Path) -> Iterator[str]:
    """Start an image from a store and yield its URL."""
    image = stored(outcome, store)
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    environment = {**image.env, "PORT": str(port), "CAPSULE_BIND": "127.0.0.1", "HOME": "/nonexistent"}
    process = subprocess.Popen(image.command, cwd=image.folder, env=environment, start_new_session=True)
    try:
        yield f"http://127.0.0.1:{port}"
        os.kill(process.pid, signal.SIGTERM)
        assert process.wait(wait_limit(10)) is not None, "the process ignores SIGTERM"
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def get(url: str) -> str:
    deadline = time.monotonic() + 20
    while True:
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                return str(answer.read().decode())
        except urllib.error.HTTPError:
            raise
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
