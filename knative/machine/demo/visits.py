"""HTTP clients of the application: single requests, and a client that sends requests continuously during deployments."""

import threading
import time
from collections import Counter
from dataclasses import dataclass
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

import httpx

from knative.machine import https
from knative.machine.home import LOOPBACK, Home
from knative.machine.problems import Problem


@dataclass(frozen=True)
class Visit:
    """An answer and the time that it took."""

    status: int
    text: str
    seconds: float


def address(url: str) -> tuple[str, dict[str, str]]:
    """The loopback URL and the Host header for a *.localhost URL, so that no resolver is needed."""
    parts = urlsplit(url)
    target = parts._replace(netloc=f"{LOOPBACK}:{parts.port or 80}", path=parts.path or "/").geturl()
    return target, {"Host": parts.netloc}


def visit(url: str, client: httpx.Client | None = None) -> Visit:
    """Send a GET request. Raises: Problem when there is no answer."""
    target, headers = address(url)
    started_at = time.monotonic()
    try:
        response = client.get(target, headers=headers) if client else _get(target, headers)
    except httpx.TransportError as error:
        raise Problem(f"{url} does not answer: {error or type(error).__name__}.", "./taskw status") from error
    return Visit(response.status_code, response.text, time.monotonic() - started_at)


def _client() -> httpx.Client:
    return httpx.Client(timeout=60, trust_env=False, verify=https.trusting(Home.from_environment()))


def _get(target: str, headers: dict[str, str]) -> httpx.Response:
    with _client() as client:
        return client.get(target, headers=headers)


def visits(url: str, count: int) -> list[Visit]:
    with _client() as client:
        return [visit(url, client) for _ in range(count)]


class Visitor:
    """Sends requests in a thread and stores every answer."""

    def __init__(self, url: str, pause_seconds: float = 0.1) -> None:
        self._url = url
        self._pause_seconds = pause_seconds
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="visitor", daemon=True)
        self.answers: list[Visit] = []
        self.errors: list[str] = []

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._ended.set()
        self._thread.join(timeout=90)

    def _run(self) -> None:
        with _client() as client:
            while not self._ended.wait(self._pause_seconds):
                try:
                    self.answers.append(visit(self._url, client))
                except Problem as problem:
                    self.errors.append(str(problem))

    def wait_for(self, expected: Visit, timeout_seconds: float = 20) -> None:
        """Wait until the last three answers equal `expected`. Raises: Problem."""
        deadline = time.monotonic() + timeout_seconds
        while [each.text for each in self.answers[-3:]] != [expected.text] * 3:
            if time.monotonic() > deadline:
                raise Problem(
                    f"{self._url} answered {expected.text.strip()!r} before, and {self.answers[-1].text.strip()[:80]!r} now."
                    if self.answers
                    else f"{self._url} did not answer."
                )
            time.sleep(0.2)

    @property
    def summary(self) -> list[tuple[int, str, int]]:
        """Consecutive equal answers: (status, first line, count)."""
        runs: list[tuple[int, str, int]] = []
        for each in list(self.answers):
            first = each.text.strip().partition("\n")[0]
            if runs and runs[-1][:2] == (each.status, first):
                runs[-1] = (each.status, first, runs[-1][2] + 1)
            else:
                runs.append((each.status, first, 1))
        return runs

    def require_no_errors(self, allowed_text: str | None = None) -> None:
        """Raise Problem for a request without an answer, or a 5xx answer that does not contain `allowed_text`."""
        if self.errors:
            raise Problem(f"{len(self.errors)} requests got no answer: {self.errors[0]}")
        faults = Counter(
            f"{each.status} {each.text.strip()[:80]}"
            for each in self.answers
            if each.status >= 500 and not (allowed_text and allowed_text in each.text)
        )
        if faults:
            raise Problem(f"The previous release should have served throughout; errors: {dict(faults)}")
        if not self.answers:
            raise Problem("The client sent no request meanwhile.")
