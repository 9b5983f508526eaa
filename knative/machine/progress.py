"""What a person sees while it works: one line a step, with its duration; a spinner where there is a terminal, plain lines where there is none."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.status import Status

from knative.machine.problems import Problem


class Progress:
    """Prints `✓ what  detail  1.2 s`. Steps may run in threads; each prints one line when it is done."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console(highlight=False)
        self._lock = threading.Lock()
        self._doing: list[Step] = []
        self._status: Status | None = None

    def say(self, text: str) -> None:
        self.console.print(text, soft_wrap=True)

    @contextmanager
    def step(self, what: str) -> Iterator["Step"]:
        step = Step(what, self._refresh)
        self._begin(step)
        started = time.monotonic()
        try:
            yield step
        except BaseException:
            self._end(step)
            self.console.print(f"[red]✗[/] {what}")
            raise
        self._end(step)
        seconds = time.monotonic() - started
        self.console.print(f"[green]✓[/] {what:<24} [dim]{step.detail:<52}[/] {seconds:6.1f} s", soft_wrap=True)

    def _begin(self, step: "Step") -> None:
        with self._lock:
            self._doing.append(step)
        self._refresh()

    def _end(self, step: "Step") -> None:
        with self._lock:
            self._doing.remove(step)
        self._refresh()

    def _refresh(self) -> None:
        if not self.console.is_terminal:
            return
        with self._lock:
            if self._doing:
                if self._status is None:
                    self._status = self.console.status("")
                    self._status.start()
                self._status.update(" · ".join(f"{step.what} [dim]{step.detail}[/]" for step in self._doing))
            elif self._status is not None:
                self._status.stop()
                self._status = None


class Step:
    """One step; what it found out is shown beside it."""

    def __init__(self, what: str, changed: Callable[[], None]) -> None:
        self.what = what
        self._detail = ""
        self._changed = changed

    @property
    def detail(self) -> str:
        return self._detail

    @detail.setter
    def detail(self, text: str) -> None:
        if text != self._detail:
            self._detail = text
            self._changed()


def show_problem(problem: Problem, console: Console) -> None:
    """The same shape for all that can go wrong: what, and what to do."""
    console.print(f"[bold red]✗ {problem.what}[/]" if "\n" not in problem.what else f"[bold red]✗[/] {problem.what}", markup=True, soft_wrap=True)
    if problem.remedy:
        console.print(f"  → {problem.remedy}", soft_wrap=True)
