"""Runs the `capsule` command as a child process.

`run` prints the command and its output. `read_json` runs it with `--json`, without printing, for values that the next step needs.
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

from cli.variables import API, CA_FILE, CONFIG
from knative.machine import tls
from knative.machine.home import Home
from knative.machine.problems import Problem

Json = dict[str, Any]
T = TypeVar("T")
CAPSULE = (sys.executable, "-m", "cli")
PLAIN_OUTPUT = {"NO_COLOR": "1", "TERM": "dumb"}


def cli_environment(home: Home) -> dict[str, str]:
    """The variables that point the command at this installation, with a login of its own."""
    trusted = {CA_FILE.name: str(tls.authority(home))} if home.has_https else {}
    return {API.name: home.gateway_url, CONFIG.name: str(home.path / "demo"), **trusted}


class Terminal:
    """A terminal with its own `capsule` configuration."""

    def __init__(self, console: Console, environment: Mapping[str, str]) -> None:
        """`environment`: CAPSULE_API and CAPSULE_CONFIG, in place of those of this process."""
        self.console = console
        self._environment = {**{name: value for name, value in os.environ.items() if not name.startswith("CAPSULE_")}, **environment}

    def run(self, *arguments: str, standard_input: str | None = None, exit_code: int = 0) -> float:
        """Run a command and return its duration in seconds. Raises: Problem for another exit code than expected."""
        command = f"{'echo … | ' if standard_input else ''}capsule {shlex.join(arguments)}"
        self.console.print(f"\n  [dim]$[/] [bold cyan]{escape(command)}[/]", soft_wrap=True)
        self.console.file.flush()
        started_at = time.monotonic()
        result = subprocess.run([*CAPSULE, *arguments], input=standard_input, text=True, env=self._environment, check=False)
        if result.returncode != exit_code:
            raise Problem(
                f"`{command}` exited with {result.returncode}, expected {exit_code}.", "Its output is above. See ./taskw logs NAME of a function."
            )
        return time.monotonic() - started_at

    def read_json(self, *arguments: str, exit_codes: tuple[int, ...] = (0,)) -> Any:
        """The JSON document that a command prints; None for one of `exit_codes` other than 0. Raises: Problem for any other exit code."""
        result = subprocess.run(
            [*CAPSULE, *arguments, "--json"], text=True, capture_output=True, env={**self._environment, **PLAIN_OUTPUT}, check=False
        )
        if result.returncode not in exit_codes:
            raise Problem(f"`capsule {shlex.join(arguments)} --json` exited with {result.returncode}: {result.stderr.strip()}", "./taskw status")
        if result.returncode != 0:
            return None
        return json.loads(result.stdout)

    def read_json_lines(self, *arguments: str) -> list[Json]:
        """The documents of a command that prints one per line."""
        result = subprocess.run(
            [*CAPSULE, *arguments, "--json"], text=True, capture_output=True, env={**self._environment, **PLAIN_OUTPUT}, check=False
        )
        if result.returncode != 0:
            raise Problem(f"`capsule {shlex.join(arguments)} --json` exited with {result.returncode}: {result.stderr.strip()}", "./taskw status")
        return [json.loads(line) for line in result.stdout.splitlines()]


def until(title: str, timeout_seconds: float, find: Callable[[], T | None], pause_seconds: float = 0.25) -> T:
    """Poll until `find` returns a value. Raises: Problem when the time is over."""
    deadline = time.monotonic() + timeout_seconds
    while True:
        value = find()
        if value is not None:
            return value
        if time.monotonic() > deadline:
            raise Problem(f"No sign of {title} after {timeout_seconds:.0f} s.", "See ./taskw status and ./taskw logs NAME of the function concerned.")
        time.sleep(pause_seconds)
