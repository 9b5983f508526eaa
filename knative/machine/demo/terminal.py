"""A person's terminal: every step is a command of `capsule`, shown as it is typed and run as a child process; nothing goes past it.

`run` is what the person types and reads, `ask` what a script would: the same command with `--json`, unseen, for what the next step must know.
"""

import json
import os
import shlex
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from rich.console import Console
from rich.markup import escape

from knative.machine.problems import Problem

Json = dict[str, Any]
T = TypeVar("T")
CAPSULE = (sys.executable, "-m", "cli")
HIDDEN = {"NO_COLOR": "1", "TERM": "dumb"}


class Terminal:
    def __init__(self, console: Console, environment: Mapping[str, str]) -> None:
        """`environment` says where to and as whom: CAPSULE_API and CAPSULE_CONFIG."""
        self.console = console
        self._environment = {**{name: value for name, value in os.environ.items() if not name.startswith("CAPSULE_")}, **environment}

    def run(self, *words: str, typed: str | None = None, ends: int = 0) -> float:
        """Seconds it took. `typed` goes to its standard input; an end other than expected ends the demo."""
        shown = f"{'echo … | ' if typed else ''}capsule {shlex.join(words)}"
        self.console.print(f"\n  [dim]$[/] [bold cyan]{escape(shown)}[/]", soft_wrap=True)
        self.console.file.flush()
        began = time.monotonic()
        done = subprocess.run([*CAPSULE, *words], input=typed, text=True, env=self._environment, check=False)
        if done.returncode != ends:
            raise Problem(f"`{shown}` ended with {done.returncode} instead of {ends}", "its own words are above; ./taskw logs <function>")
        return time.monotonic() - began

    def ask(self, *words: str, ends: tuple[int, ...] = (0,)) -> Any:
        """What it answers with `--json`; None where it ended otherwise than with 0."""
        done = subprocess.run([*CAPSULE, *words, "--json"], text=True, capture_output=True, env={**self._environment, **HIDDEN}, check=False)
        if done.returncode not in ends:
            raise Problem(f"`capsule {shlex.join(words)} --json` ended with {done.returncode}: {done.stderr.strip()}", "./taskw status")
        if done.returncode != 0:
            return None
        return json.loads(done.stdout)

    def lines(self, *words: str) -> list[Json]:
        """Of a command that answers a document a line."""
        done = subprocess.run([*CAPSULE, *words, "--json"], text=True, capture_output=True, env={**self._environment, **HIDDEN}, check=False)
        if done.returncode != 0:
            raise Problem(f"`capsule {shlex.join(words)} --json` ended with {done.returncode}: {done.stderr.strip()}", "./taskw status")
        return [json.loads(line) for line in done.stdout.splitlines()]


def until(what: str, seconds: float, look: Callable[[], T | None], pause: float = 0.25) -> T:
    """Looks until there is something: other functions may still be at it."""
    end = time.monotonic() + seconds
    while True:
        found = look()
        if found is not None:
            return found
        if time.monotonic() > end:
            raise Problem(f"{what}: nothing after {seconds:.0f} s", "./taskw status, and ./taskw logs <function> of the one that should have done it")
        time.sleep(pause)
