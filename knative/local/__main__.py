"""`python -m knative.local serve`: the one process that is the one-machine Knative. SIGTERM or Ctrl-C ends it cleanly.

`--parts api` serves the API alone: objects are kept, nothing reconciles them into processes or queues (for tests, and to look into a state).
"""

import argparse
import asyncio
import fcntl
import logging
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import uvloop

from knative.local import definitions
from knative.local.assembly import api_alone, everything
from knative.local.controller import Runnable
from knative.local.settings import Settings
from knative.local.store import Store

log = logging.getLogger("knative.local")

SECONDS_TO_STOP = 20.0


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m knative.local", description="A small Knative on one machine.")
    commands = parser.add_subparsers(dest="command", required=True)
    serve = commands.add_parser("serve", help="run until SIGTERM")
    serve.add_argument("--parts", choices=("all", "api"), default="all")
    arguments = parser.parse_args()
    shape = "%(asctime)s %(levelname)s %(name)s: %(message)s"
    logging.basicConfig(stream=sys.stderr, level=os.environ.get("CAPSULE_LOG_LEVEL", "INFO"), format=shape)
    logging.getLogger("uvicorn").setLevel(logging.WARNING)
    settings = Settings.from_environment()
    settings.state.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        with _alone(settings.state / "lock"):
            uvloop.run(run(settings, arguments.parts == "api"))
            return 0
    except Refused as refused:
        log.error("%s", refused)
        return 1


class Refused(Exception):
    """Why it does not start, in one line for a person."""


async def run(settings: Settings, only_api: bool) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    kinds = definitions.load()
    store = Store(settings.state / "store.db", kinds)
    parts = (api_alone if only_api else everything)(store, kinds, settings)
    started: list[Runnable] = []
    try:
        for part in parts:
            await part.start()
            started.append(part)
        log.info("ready")
        await stop.wait()
        log.info("stopping")
    except OSError as fault:
        raise Refused(str(fault)) from fault
    finally:
        await _stop(started)
        store.close()


async def _stop(started: Sequence[Runnable]) -> None:
    """In the reverse order; one that cannot stop does not keep the others running."""
    for part in reversed(started):
        try:
            await asyncio.wait_for(part.stop(), SECONDS_TO_STOP)
        except Exception:
            log.exception("%s did not stop cleanly", type(part).__name__)


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """One process for one state folder."""
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as taken:
            raise Refused(f"another one-machine Knative runs on {path.parent}") from taken
        yield


if __name__ == "__main__":
    sys.exit(main())
