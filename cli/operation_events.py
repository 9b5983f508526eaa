"""Follows the events of an operation (docs/api.md, "Long operations"), so that a command asks for it only when it has changed.

The stream is read in a thread of its own. It is opened again with Last-Event-ID when it ends early. Where it cannot be read (an older server, a
proxy that holds events back), the command polls instead.
"""

import threading
import time
from collections.abc import Iterable
from types import TracebackType
from typing import Self

import httpx

from cli.client import Client, segment
from cli.failures import Failure

POLL_SECONDS = 0.4
"""Between requests without a stream."""
RETRY_SECONDS = 2.0
"""Before the stream is opened again; the server may ask for another time (`retry:`)."""
MAX_FAILURES = 3
"""Attempts in a row without an event, after which the command polls."""


PATHS = {
    "deploy": "/v1/operations/{id}",
    "billing": "/v1/operations/billing/{id}",
    "monitor": "/v1/operations/monitor/{id}",
    "auth": "/v1/operations/auth/{id}",
}
"""By context, in the order in which an id is looked up."""


def operation_path(operation_id: str, context: str = "deploy") -> str:
    return PATHS[context].format(id=segment(operation_id))


class OperationEvents:
    """A context manager. `wait` is for one thread."""

    def __init__(self, api: Client, operation_id: str, context: str = "deploy") -> None:
        self._api, self._path = api, f"{operation_path(operation_id, context)}/events"
        self._changed, self._closed = threading.Event(), threading.Event()
        self._is_followed = False
        self._last_id = ""
        self._retry_seconds = RETRY_SECONDS
        self._thread = threading.Thread(target=self._follow, name="operation events", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._closed.set()  # the thread ends with its next line, or with the process

    def wait(self, seconds: float) -> bool:
        """Wait up to `seconds` for a change. Returns whether the operation may have changed: always after POLL_SECONDS without a stream."""
        deadline = time.monotonic() + seconds
        while not self._changed.wait(min(max(deadline - time.monotonic(), 0.0), POLL_SECONDS)):
            if not self._is_followed:
                return True
            if time.monotonic() >= deadline:
                return False
        self._changed.clear()
        return True

    def _follow(self) -> None:
        failures = 0
        while not self._closed.is_set() and failures < MAX_FAILURES:
            before = self._last_id
            if self._has_ended():
                break
            failures = 0 if self._last_id != before else failures + 1
            self._closed.wait(self._retry_seconds)

    def _has_ended(self) -> bool:
        """Read one response. Returns whether nothing follows. The command polls from its end on, whatever ended it, until the next line."""
        try:
            return self._read()
        except (httpx.HTTPError, Failure):  # no connection, or no new access token: the command, which polls, gets the same and reports it
            return False
        finally:
            self._is_followed = False
            self._changed.set()

    def _read(self) -> bool:
        """Returns whether nothing follows. Raises httpx.HTTPError, Failure."""
        with self._api.stream(self._path, {"Last-Event-ID": self._last_id} if self._last_id else {}) as response:
            if response.status_code != httpx.codes.OK:
                return response.status_code not in (401, 429, 503, 504)
            return self._read_events(response.iter_lines())

    def _read_events(self, lines: Iterable[str]) -> bool:
        """Server-sent events (WHATWG HTML, section 9.2.6). The data is not needed: the command asks for what it shows."""
        name = event_id = ""
        for line in lines:
            if self._closed.is_set():
                return True
            if not self._is_followed:  # not by its headers: a proxy may hold the events back
                self._is_followed = True
                self._changed.set()  # what has changed while nothing was read
            field, _, value = line.partition(":")
            value = value.removeprefix(" ")
            match field:
                case "event":
                    name = value
                case "id":
                    event_id = value
                case "retry" if value.isdecimal():
                    self._retry_seconds = int(value) / 1000
                case "" if not line and name:  # a blank line ends an event
                    self._last_id = event_id or self._last_id
                    if name in ("end", "problem"):
                        return True
                    self._changed.set()
                    name = event_id = ""
        return False
