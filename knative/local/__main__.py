"""The process of the one-machine Knative: `python -m knative.local serve`.

SIGTERM or Ctrl-C ends it cleanly.

`--parts api` serves the API alone: objects are stored, but no reconciler turns them into processes or queues (for
tests, and to inspect a state).

`--successor DESCRIPTOR` loads the code, says so over that socket, and goes on when its other end is closed: `up` lets the former process
serve meanwhile.
"""

import argparse
import asyncio
import fcntl
import logging
import os
import signal
import socket
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import uvloop

from functions.wire.settings import InvalidSetting, check, settings_of
from knative.local import definitions, variables
from knative.local.assembly import api_only, everything
from knative.local.controller import Runnable
from knative.local.settings import Settings
from knative.local.store import Store

log = logging.getLogger("knative.local")

STOP_SECONDS = 25.0
LONG_STOP_SECONDS = 0.05
LOADED = b"1"
LOG_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m knative.local", description="A small Knative on one machine.")
    commands = parser.add_subparsers(dest="command", required=True)
    serve = commands.add_parser("serve", help="run until SIGTERM")
    serve.add_argument("--parts", choices=("all", "api"), default="all")
    serve.add_argument("--successor", type=int, metavar="DESCRIPTOR")
    arguments = parser.parse_args()
    logging.basicConfig(stream=sys.stderr, format=LOG_FORMAT)
    logging.getLogger("uvicorn").setLevel(logging.WARNING)
    try:
        check(settings_of(variables.SECTIONS), os.environ)
        if arguments.successor is not None:
            await_turn(socket.socket(fileno=arguments.successor))
        logging.getLogger().setLevel(variables.LOG_LEVEL.read(os.environ))
        settings = Settings.from_environment()
        settings.state.mkdir(parents=True, exist_ok=True, mode=0o700)
        with _exclusive(settings.state / "lock"):
            uvloop.run(run(settings, arguments.parts == "api"))
            return 0
    except (StartupError, InvalidSetting) as error:
        log.error("%s", error)
        return 1


def await_turn(channel: socket.socket) -> None:
    """Import what `everything` needs, and wait until the former process has ended, or `up` has."""
    import knative.local.eventing.assembly
    import knative.local.jobs
    import knative.local.serving.assembly  # noqa: F401 - loaded here, so that it is not while nobody serves

    with channel:
        channel.sendall(LOADED)
        channel.recv(1)


class StartupError(Exception):
    """The process cannot start. The message says why, in one line."""


async def run(settings: Settings, is_api_only: bool) -> None:
    """Run until SIGTERM or SIGINT. Raises StartupError."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    kinds = definitions.load()
    store = Store(settings.state / "store.db", kinds)
    parts = (api_only if is_api_only else everything)(store, kinds, settings)
    started: list[Runnable] = []
    try:
        for part in parts:
            await part.start()
            started.append(part)
        log.info("ready")
        await stop.wait()
        log.info("stopping")
    except OSError as error:
        raise StartupError(str(error)) from error
    finally:
        await _stop(started)
        store.close()


async def _stop(started: Sequence[Runnable]) -> None:
    """Stop in reverse order. A part that fails to stop does not keep the others running. Logs which parts took long."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    long: list[str] = []
    for part in reversed(started):
        part_began = loop.time()
        try:
            await asyncio.wait_for(part.stop(), STOP_SECONDS)
        except Exception:
            log.exception("%s did not stop cleanly", type(part).__name__)
        if (seconds := loop.time() - part_began) >= LONG_STOP_SECONDS:
            long.append(f"{type(part).__name__} {seconds:.2f} s")
    log.info("stopped after %.2f s%s", loop.time() - began, f", of which {', '.join(long)}" if long else "")


@contextmanager
def _exclusive(path: Path) -> Iterator[None]:
    """Lock the state folder for this process. Raises StartupError."""
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise StartupError(f"another one-machine Knative runs on {path.parent}") from error
        yield


if __name__ == "__main__":
    sys.exit(main())
