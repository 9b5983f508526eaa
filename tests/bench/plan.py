"""Which rows there are, in which order, with their goals, and how each is measured: every system in turn, round after round."""

import sys
import time
import urllib.error
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TypeVar

import httpx
import psycopg

from knative.machine.problems import Problem
from tests.bench import idle, mixed, noisy, rows, start, throughput
from tests.bench.application import Applications
from tests.bench.handshakes import tls_servers
from tests.bench.http2 import http2_proxies
from tests.bench.load import Missing
from tests.bench.meter import Numbers
from tests.bench.peers import REFERENCE, WITH_PROMISES, Peer
from tests.bench.proxies import NGINX, SIZES, proxies
from tests.bench.report import Goal, Row, at_least, at_most
from tests.bench.systems import Capsule, System

NAMES = (
    *("get", "post", "mixed", "latency", "event", "events", "cold", "five", "chain", "idle", "application", "noisy", "ingress", "cost", "declared"),
    "up",  # last: the peers lose their servers
)
NO_PEERS = frozenset(("cold", "five", "chain", "idle", "application", "noisy", "ingress", "cost", "declared", "up"))
"""Rows without the peers: they are not started for these."""
LACKING = (Missing, Problem, httpx.HTTPError, psycopg.Error, urllib.error.URLError)
S = TypeVar("S", bound=System)
LATENCY_CONNECTIONS = (1, 8, 32)
PROXY_CONNECTIONS = 32
ZERO_TO_ANSWER = 0.5
"""The goal of cold starts, as a part of what the other checkout takes."""


class Bench:
    """Runs the rows and collects the numbers of each round.

    `capsule`: this checkout. `pushed`: the same one, whose functions receive messages over HTTP. `beside`: another checkout.
    """

    def __init__(
        self, capsule: Capsule, pushed: Capsule, beside: Sequence[Capsule], others: Sequence[Peer], rounds: int, seconds: float, is_quick: bool
    ) -> None:
        self._capsule, self._pushed, self._beside, self._others = capsule, pushed, beside, others
        self._rounds, self._seconds, self._is_quick = rounds, seconds, is_quick

    @property
    def _checkouts(self) -> list[Capsule]:
        return [self._capsule, *self._beside]

    @property
    def _systems(self) -> list[System]:
        return [self._capsule, self._pushed, *self._beside, *self._others]

    def run(self, names: Sequence[str]) -> list[Row]:
        """Measure the rows of these names, in a fixed order."""
        return [row for name in NAMES if name in names for row in getattr(self, f"_{name}")()]

    # --- under load, beside the peers

    def _get(self) -> list[Row]:
        row = Row("authenticated GET /v1/users/me, 32 connections", "per second", "rate", goals=(at_least(1.6, REFERENCE),))
        return [self._measure(row, rows.get)]

    def _post(self) -> list[Row]:
        goals = (at_least(0.85, REFERENCE), at_least(1.5, WITH_PROMISES))
        return [self._measure(Row("POST /v1/apps with its event handled", "per second", "rate", goals=goals), rows.post)]

    def _mixed(self) -> list[Row]:
        goals = (at_least(1000), at_most(200, number="p95"), at_most(100, number="message"))
        return [self._measure(Row("70 % reads, 30 % writes, 32 connections", "per second", "rate", goals=goals), mixed.mixed)]

    def _latency(self) -> list[Row]:
        found = []
        for title, measure in (("GET /v1/users/me", rows.get), ("POST /v1/apps", rows.post)):
            for connections in LATENCY_CONNECTIONS:
                row = Row(f"{title}, {connections} connection{'s' * (connections > 1)}: latency", "ms, p50", "p50", more_is_better=False)
                found.append(self._measure(row, partial(measure, connections=connections)))
        return found

    def _event(self) -> list[Row]:
        row = Row("event at 200/s: published → committed", "ms, mean", "mean", more_is_better=False, goals=(at_most(1.5, REFERENCE),))
        return [self._measure(row, rows.event_latency)]

    def _events(self) -> list[Row]:
        goals = (at_least(3000), at_least(1.5, WITH_PROMISES))
        one = Row("events at full rate, one handler", "per second", "rate", goals=goals)
        routed = Row("events at full rate, through the exchange", "per second", "rate")
        return [self._measure(one, throughput.one_handler), self._measure(routed, throughput.through_exchange)]

    def _cost(self) -> list[Row]:
        found = []
        for count in (100, 1000) if self._is_quick else (100, 1000, 10_000):
            row = Row(f"{count} events at once", "µs of CPU each", "cpu", more_is_better=False)
            found.append(self._measure_checkouts(row, partial(rows.event_cost, count=count), rounds=1, systems=[*self._checkouts, self._pushed]))
        return found

    # --- of Capsule, beside another checkout

    def _cold(self) -> list[Row]:
        return [self._cold_start("cold start of one function", rows.cold)]

    def _five(self) -> list[Row]:
        return [self._cold_start("cold start of five functions at once", rows.cold_five)]

    def _chain(self) -> list[Row]:
        return [self._cold_start("cold start of a chain of three functions", rows.cold_chain)]

    def _cold_start(self, title: str, measure: Callable[[Capsule], Numbers]) -> Row:
        goals = tuple(at_most(ZERO_TO_ANSWER, each.name) for each in self._beside)
        return self._measure_checkouts(Row(title, "ms", "ms", more_is_better=False, goals=goals), measure)

    def _idle(self) -> list[Row]:
        memory = Row("idle, without RabbitMQ and PostgreSQL: memory", "MB", "memory", more_is_better=False, goals=(at_most(100),))
        core = Row("idle, without RabbitMQ and PostgreSQL: CPU", "% of a core", "core", more_is_better=False, goals=(at_most(0.3),))
        for system, numbers in idle.idle(self._checkouts, 20 if self._is_quick else 300).items():
            for row in (memory, core):
                row.add(system, {name: value for name, value in numbers.items() if name.startswith(row.headline)})
        return [memory, core]

    def _application(self) -> list[Row]:
        row = Row("application from zero, without its own start", "s", "above", more_is_better=False, goals=(at_most(0.1),))
        return [self._measure_checkouts(row, Applications().from_zero)]

    def _noisy(self) -> list[Row]:
        count = noisy.QUICK_MESSAGES if self._is_quick else noisy.MESSAGES
        quiet: tuple[Goal, ...] = (at_most(20),)
        unit = "% more at p95"
        queued = Row(f"another tenant queues {count:,} messages", unit, "growth", more_is_better=False, goals=quiet)
        logged = Row(f"another tenant logs {noisy.LINES_PER_SECOND:,} lines/s", unit, "growth", more_is_better=False, goals=quiet)
        return [
            self._measure_checkouts(queued, partial(noisy.messages, seconds=self._seconds, count=count)),
            self._measure_checkouts(logged, partial(noisy.log_lines, seconds=self._seconds)),
        ]

    def _ingress(self) -> list[Row]:
        found = [Row(f"ingress, {size}", "requests per second of a core", "per core", goals=(at_least(0.5, NGINX),)) for size in SIZES]
        checkouts: dict[str, Path] = {each.name: each.project for each in self._checkouts}
        with proxies(checkouts) as measured:
            for number in range(self._rounds):
                for row, size in zip(found, SIZES, strict=True):
                    for proxy in measured:
                        self._add(row, proxy.name, number, proxy.measure(size, PROXY_CONNECTIONS, self._seconds))
        return [*found, *self._http2(checkouts), self._handshakes(checkouts)]

    def _http2(self, checkouts: dict[str, Path]) -> list[Row]:
        found = [Row(f"ingress over HTTP/2, {size}", "requests per second of a core", "per core") for size in SIZES]
        with http2_proxies(checkouts) as measured:
            for number in range(self._rounds):
                for row, size in zip(found, SIZES, strict=True):
                    for proxy in measured:
                        self._add(row, proxy.name, number, proxy.measure(size, self._seconds))
        return found

    def _handshakes(self, checkouts: dict[str, Path]) -> Row:
        row = Row("TLS handshakes of a domain", "per second of a core", "per core", goals=(at_least(0.5, NGINX),))
        with tls_servers(checkouts) as measured:
            for number in range(self._rounds):
                for server in measured:
                    self._add(row, server.name, number, server.measure(self._seconds))
        return row

    def _declared(self) -> list[Row]:
        found = []
        for count in (10, 50) if self._is_quick else (10, 50, 200):
            row = Row(f"{count} functions declared → ready", "s", "seconds", more_is_better=False)
            found.append(self._measure_checkouts(row, partial(idle.declared, count=count), rounds=1))
        return found

    def _up(self) -> list[Row]:
        for peer in self._others:
            peer.stop()
        again = Row("`up` after `down`", "s", "seconds", more_is_better=False, goals=(at_most(3),))
        killed = Row("`up` after `kill -9` of every process", "s", "seconds", more_is_better=False)
        return [self._measure_checkouts(again, start.again), self._measure_checkouts(killed, start.after_kill)]

    # --- rounds

    def _measure(self, row: Row, measure: Callable[[System, Capsule, float], Numbers]) -> Row:
        """Measure each system in turn, round after round, after a short warm-up."""
        return self._take_turns(row, self._systems, lambda system: measure(system, self._capsule, self._seconds), self._rounds)

    def _measure_checkouts(self, row: Row, measure: Callable[[Capsule], Numbers], rounds: int = 0, systems: Sequence[Capsule] | None = None) -> Row:
        """The same without the peers. `rounds`: 0 is those of the run. `systems`: default is one of each checkout."""
        return self._take_turns(row, systems or self._checkouts, measure, rounds or self._rounds)

    def _take_turns(self, row: Row, systems: Sequence[S], measure: Callable[[S], Numbers], rounds: int) -> Row:
        """Another checkout may lack what a row needs: that is said, and the others are measured."""
        lacking: set[str] = set()
        for number in range(rounds):
            for system in (each for each in systems if each.name not in lacking):
                try:
                    system.prepare()
                    self._add(row, system.name, number, measure(system))
                except LACKING as error:
                    if system not in self._beside:
                        raise
                    lacking.add(system.name)
                    log(f"{row.title}: {system.name} is not measured: {error}")
        return row

    def _add(self, row: Row, system: str, number: int, numbers: Numbers) -> None:
        log(f"{row.title}, round {number + 1} of {self._rounds}: {system} {numbers[row.headline]:.2f}")
        row.add(system, numbers)


def log(text: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)
