"""Attach to a one-off command: its standard streams over a WebSocket, framed as Kubernetes frames them (v5.channel.k8s.io)."""

import json
import os
import select
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum

from websockets.exceptions import ConnectionClosed, ConnectionClosedOK
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

from cli.client import Json
from cli.failures import Failure
from cli.raw_terminal import LEAVE_SCREEN, raw, resize_events, size_of
from cli.tickets import NOT_OPENED, failure_of, options_of

PROTOCOL = Subprotocol("v5.channel.k8s.io")
STDIN, STDOUT, STDERR, ERROR, RESIZE, CLOSE = 0, 1, 2, 3, 4, 255
OPEN_SECONDS = 150
"""The command may have to wait for its container."""
CHUNK_BYTES = 1 << 15


class Ending(Enum):
    COMPLETE = "the output has ended"
    LOST = "the connection was lost"


class Refused(Failure):
    """The connection was not accepted. The text says why."""


def attach(ticket: Json, ca_file: str = "", *, forwards_input: bool) -> tuple[Ending, str]:
    """Pass streams on until the command's output ends.

    `ca_file`: the path of certificate authorities beside the system's.

    `ticket`: of the API. Its `streams` decides whether the local terminal goes into raw mode. Returns how it ended, and the
    server's reason. Raises Refused.
    """
    has_terminal = ticket["streams"] == "terminal"
    with _connect(ticket, ca_file) as connection:
        if not has_terminal:
            with _input_thread(connection, None, forwards_input):
                return _copy_output(connection)
        with resize_events() as resized, raw(sys.stdin.fileno()), _input_thread(connection, resized, True):
            ending, reason = _copy_output(connection)
            if ending is Ending.LOST:
                os.write(sys.stdout.fileno(), LEAVE_SCREEN)
            return ending, reason


def _connect(ticket: Json, ca_file: str) -> ClientConnection:
    try:
        connection: ClientConnection = connect(**options_of(ticket, PROTOCOL, ca_file), open_timeout=OPEN_SECONDS)
    except NOT_OPENED as error:
        raise failure_of(error, ticket, "Cannot attach to the command", Refused) from error
    return connection


def _copy_output(connection: ClientConnection) -> tuple[Ending, str]:
    outputs = {STDOUT: sys.stdout.fileno(), STDERR: sys.stderr.fileno()}
    is_complete = False
    try:
        for message in connection:
            channel, data = (message[0], message[1:]) if isinstance(message, bytes) and message else (None, b"")
            if channel in outputs:
                _write_all(outputs[channel], data)
            elif channel == ERROR:
                is_complete = True
    except ConnectionClosed as closed:
        is_clean = isinstance(closed, ConnectionClosedOK)
        return Ending.COMPLETE if is_complete and is_clean else Ending.LOST, closed.rcvd.reason if closed.rcvd else ""
    return Ending.COMPLETE if is_complete else Ending.LOST, connection.close_reason or ""


def _write_all(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


@contextmanager
def _input_thread(connection: ClientConnection, resized: int | None, forwards_input: bool) -> Iterator[None]:
    """Send input, and the size of the window, in a thread: a signal handler must not use the connection."""
    stopped, stop = os.pipe()
    thread = threading.Thread(target=_copy_input, args=(connection, stopped, resized, forwards_input), daemon=True)
    thread.start()
    try:
        yield
    finally:
        os.close(stop)
        connection.close()  # a thread that waits until it can send goes on
        thread.join()
        os.close(stopped)


def _copy_input(connection: ClientConnection, stopped: int, resized: int | None, forwards_input: bool) -> None:
    descriptor = sys.stdin.fileno() if forwards_input else None
    try:
        if resized is not None:
            _send_size(connection)
        if descriptor is None:
            connection.send(bytes((CLOSE, STDIN)))
        waiting = [each for each in (descriptor, resized, stopped) if each is not None]
        while stopped not in (ready := select.select(waiting, [], [])[0]):
            if resized in ready and resized is not None:
                os.read(resized, CHUNK_BYTES)
                _send_size(connection)
            if descriptor in ready and descriptor is not None:
                data = os.read(descriptor, CHUNK_BYTES)
                connection.send(bytes((STDIN,)) + data if data else bytes((CLOSE, STDIN)))
                if not data:
                    waiting.remove(descriptor)
    except (ConnectionClosed, OSError):
        return  # the main thread reports how the connection ended


def _send_size(connection: ClientConnection) -> None:
    columns, rows = size_of(sys.stdout.fileno())
    connection.send(bytes((RESIZE,)) + json.dumps({"Width": columns, "Height": rows}).encode())
