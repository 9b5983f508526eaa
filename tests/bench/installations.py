"""Installations of Capsule from one or two checkouts, measured in turn in one run, and the table of their figures."""

import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from cli.client import Client
from cli.credentials import Credentials
from cli.tokens import StoredLogin
from knative.machine.home import PROJECT, Home
from tests.bench.checkouts import python_of
from tests.bench.load import Missing
from tests.corpus.account import Account
from tests.servers import discard, fresh_home

Json = dict[str, Any]
UP_SECONDS = 600


@dataclass
class Figures:
    """Numbers by title, one for each measurement."""

    rounds: dict[str, list[float]] = field(default_factory=dict)

    def add(self, title: str, number: float) -> None:
        self.rounds.setdefault(title, []).append(number)


@dataclass
class Installation:
    """A Capsule of its own, from one checkout, with a signed-in user."""

    name: str
    project: Path
    home: Home
    settings: Mapping[str, str] = field(default_factory=dict)
    figures: Figures = field(default_factory=Figures)
    instance_figures: Figures = field(default_factory=Figures)
    """Of instances of applications, each with its own unit."""

    def up(self) -> None:
        """Raises: Missing with what `up` printed."""
        self.run_task("up")
        self.account = Account(self.home, self.project)
        self.account.sign_in()
        credentials = Credentials(self.account.configuration, self.home.gateway_url)
        self.login = StoredLogin(credentials, Client(self.home.gateway_url))
        self.api = Client(self.home.gateway_url, self.login)

    def run_task(self, name: str) -> None:
        """Run a task of `./taskw`. Raises: Missing with what it printed."""
        environment = {**self.home.child_environment(), **self.settings, "PYTHONPATH": str(self.project)}
        command = [python_of(self.project), "-m", "knative.machine", name]
        result = subprocess.run(command, cwd=self.project, env=environment, capture_output=True, text=True, timeout=UP_SECONDS)
        if result.returncode != 0:
            raise Missing(f"{self.name}: `{name}` failed: {result.stdout[-800:]}")


@contextmanager
def installations(beside: Path | None, settings: Mapping[str, str] | None = None) -> Iterator[list[Installation]]:
    """This checkout's Capsule and that of `beside`, both up. They are gone afterwards."""
    checkouts = {"Capsule": PROJECT} | ({f"Capsule in {beside.name}": beside.absolute()} if beside else {})
    started = [Installation(name, project, fresh_home("capsule-bench-"), settings or {}) for name, project in checkouts.items()]
    try:
        for installation in started:
            log(f"Starting {installation.name}")
            installation.up()
        yield started
    finally:
        for installation in started:
            discard(installation.home)


def report(systems: Sequence[tuple[str, Figures]], unit: str, reference: str = "") -> str:
    """A Markdown table with p50 and p95 by title and system; with `reference`, the name of the first system, also what lies beyond its p50.

    `unit`: of all figures; empty if the titles name theirs.
    """
    suffix = f", {unit}" if unit else ""
    lines = [f"| | system | p50{suffix} | p95{suffix} | measurements |{f' beside {reference} |' if reference else ''}"]
    lines.append(f"|---|---|--:|--:|--:|{'---|' if reference else ''}")
    for title in dict.fromkeys(title for _, figures in systems for title in figures.rounds):
        first = systems[0][1].rounds.get(title) if reference else None
        for name, figures in systems:
            values = sorted(figures.rounds.get(title, ()))
            if not values:
                continue
            beyond = f"{median(values) - median(first):+.2f} {unit}" if first and figures is not systems[0][1] else ""
            cells = (title, name, f"{median(values):.2f}", f"{_percentile(values, 95):.2f}", str(len(values)), *((beyond,) if reference else ()))
            lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _percentile(values: Sequence[float], percent: int) -> float:
    """The smallest value that at least `percent` % of the sorted values do not exceed."""
    return values[max(0, -(-len(values) * percent // 100) - 1)]


def log(text: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)
