"""The people who use the application: one who opens its address, and one who keeps asking, while releases come and go."""

import threading
import time
from collections import Counter
from dataclasses import dataclass
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

import httpx

from knative.machine.home import LOOPBACK
from knative.machine.problems import Problem


@dataclass(frozen=True)
class Visit:
    status: int
    text: str
    seconds: float


def address(url: str) -> tuple[str, dict[str, str]]:
    """*.localhost is this machine, whatever its resolver thinks of the name."""
    parts = urlsplit(url)
    target = parts._replace(netloc=f"{LOOPBACK}:{parts.port or 80}", path=parts.path or "/").geturl()
    return target, {"Host": parts.netloc}


def visit(url: str, client: httpx.Client | None = None) -> Visit:
    target, headers = address(url)
    began = time.monotonic()
    try:
        answer = client.get(target, headers=headers) if client else httpx.get(target, headers=headers, timeout=60, trust_env=False)
    except httpx.TransportError as error:
        raise Problem(f"{url} does not answer: {error or type(error).__name__}", "./taskw status") from error
    return Visit(answer.status_code, answer.text, time.monotonic() - began)


def visits(url: str, count: int) -> list[Visit]:
    with httpx.Client(timeout=60, trust_env=False) as client:
        return [visit(url, client) for _ in range(count)]


class Visitor:
    """Asks again and again in a thread, and remembers every answer."""

    def __init__(self, url: str, pause: float = 0.1) -> None:
        self._url = url
        self._pause = pause
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._ask, name="visitor", daemon=True)
        self.seen: list[Visit] = []
        self.lost: list[str] = []

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._ended.set()
        self._thread.join(timeout=90)

    def _ask(self) -> None:
        with httpx.Client(timeout=60, trust_env=False) as client:
            while not self._ended.wait(self._pause):
                try:
                    self.seen.append(visit(self._url, client))
                except Problem as problem:
                    self.lost.append(str(problem))

    def see_again(self, expected: Visit, seconds: float = 20) -> None:
        """Goes on until the newest answers are those of before."""
        end = time.monotonic() + seconds
        while [each.text for each in self.seen[-3:]] != [expected.text] * 3:
            if time.monotonic() > end:
                raise Problem(
                    f"{self._url} answered {expected.text.strip()!r} before, and now {self.seen[-1].text.strip()[:80]!r}"
                    if self.seen
                    else "no answers"
                )
            time.sleep(0.2)

    @property
    def story(self) -> list[tuple[int, str, int]]:
        """Equal answers in a row as one: status, first line, how many."""
        told: list[tuple[int, str, int]] = []
        for each in list(self.seen):
            first = each.text.strip().partition("\n")[0]
            if told and told[-1][:2] == (each.status, first):
                told[-1] = (each.status, first, told[-1][2] + 1)
            else:
                told.append((each.status, first, 1))
        return told

    def must_not_have_suffered(self, bad: str | None = None) -> None:
        """No answer was lost, and none was 5xx but those in which the bad release names itself."""
        if self.lost:
            raise Problem(f"{len(self.lost)} requests had no answer: {self.lost[0]}")
        faults = Counter(f"{each.status} {each.text.strip()[:80]}" for each in self.seen if each.status >= 500 and not (bad and bad in each.text))
        if faults:
            raise Problem(f"the old release should have served throughout; there were {dict(faults)}")
        if not self.seen:
            raise Problem("nobody has asked meanwhile")
