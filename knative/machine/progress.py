"""Progress of a task: one line per step with its duration, at most 80 columns; a spinner on a terminal."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from rich.console import Console
from rich.markup import escape
from rich.status import Status

from knative.machine.problems import NotApplicable, Problem


@dataclass(frozen=True)
class Timing:
    """When a step began and ended, in seconds since the task began."""

    title: str
    began: float
    ended: float


class Progress:
    """Prints `✓ title  detail  1.2 s` for each step. Steps may run in threads."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console(highlight=False)
        self.timings: list[Timing] = []
        """Of the steps that have ended."""
        self._began_at = time.monotonic()
        self._lock = threading.Lock()
        self._active: list[Step] = []
        self._status: Status | None = None

    def print(self, text: str) -> None:
        """Print a line of Rich markup. The terminal wraps it."""
        self.console.print(text, soft_wrap=True)

    @contextmanager
    def step(self, title: str) -> Iterator["Step"]:
        """Run the body as a step and print its line: ✗ when it raises, none when it does not apply, which the caller explains."""
        step = Step(title, self._refresh)
        self._begin(step)
        started_at = time.monotonic()
        try:
            yield step
        except NotApplicable:
            self._end(step)
            raise
        except BaseException:
            self._end(step)
            self.console.print(f"[red]✗[/] {title}")
            raise
        self._end(step)
        ended_at = time.monotonic()
        self.timings.append(Timing(title, started_at - self._began_at, ended_at - self._began_at))
        seconds = ended_at - started_at
        self.console.print(f"[green]✓[/] {title:<11} [dim]{escape(f'{step.detail:<56}')}[/] {seconds:5.1f} s", soft_wrap=True)

    def print_timings(self) -> None:
        """Print when each step began and ended, in the order of their beginnings: what runs at the same time, and what all wait for."""
        total = max((each.ended for each in self.timings), default=0.0)
        width = 40
        for each in sorted(self.timings, key=lambda each: each.began):
            begin, end = (round(at / total * width) if total else 0 for at in (each.began, each.ended))
            bar = " " * begin + "█" * max(end - begin, 1)
            self.console.print(f"{each.title:<11} {each.began:6.2f} {each.ended:6.2f} s  {bar}", soft_wrap=True)

    def _begin(self, step: "Step") -> None:
        with self._lock:
            self._active.append(step)
        self._refresh()

    def _end(self, step: "Step") -> None:
        with self._lock:
            self._active.remove(step)
        self._refresh()

    def _refresh(self) -> None:
        if not self.console.is_terminal:
            return
        with self._lock:
            if self._active:
                if self._status is None:
                    self._status = self.console.status("")
                    self._status.start()
                self._status.update(" · ".join(f"{step.title} [dim]{escape(step.detail)}[/]" for step in self._active))
            elif self._status is not None:
                self._status.stop()
                self._status = None


class Step:
    """A step that runs. `detail` is shown beside its title; setting it refreshes the spinner."""

    def __init__(self, title: str, on_change: Callable[[], None]) -> None:
        self.title = title
        self._detail = ""
        self._on_change = on_change

    @property
    def detail(self) -> str:
        return self._detail

    @detail.setter
    def detail(self, text: str) -> None:
        if text != self._detail:
            self._detail = text
            self._on_change()


def show_problem(problem: Problem, console: Console) -> None:
    """Print the message with ✗ and the remedy with →."""
    message = escape(problem.message)
    console.print(f"[bold red]✗[/] {message}" if "\n" in message else f"[bold red]✗ {message}[/]", soft_wrap=True)
    if problem.remedy:
        console.print(f"  → {escape(problem.remedy)}", soft_wrap=True)
