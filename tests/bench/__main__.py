"""`./taskw bench [--quick] [--rounds N] [--seconds S] [--rows get,post,…]`: the whole bench, in a state folder and on ports of its own."""

import argparse
import json
import os
import platform
import signal
import sys
import time
from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path

from knative.machine.home import PROJECT
from knative.machine.problems import Problem
from tests.bench import rows
from tests.bench.load import Missing
from tests.bench.report import Row, chart, table
from tests.bench.systems import Capsule, Peer, System, peers
from tests.servers import discard, fresh_home

CHART = PROJECT / "docs" / "bench.svg"
FIGURES = PROJECT / "docs" / "bench.json"
REFERENCE = "NestJS"
Each = Callable[[System], rows.Numbers]


def main(words: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="./taskw bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="two short rounds: what changed roughly, not how fast it is")
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--seconds", type=float, help="of load, each row and round")
    parser.add_argument("--rows", default="get,post,event,cold,five,chain,idle,cost,declared", help="which, comma-separated (default: all)")
    parser.add_argument("--no-peers", action="store_true")
    parser.add_argument("--write", action="store_true", help="writes docs/bench.svg and docs/bench.json")
    options = parser.parse_args(words)
    rounds, seconds = options.rounds or (2 if options.quick else 5), options.seconds or (3.0 if options.quick else 10.0)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # told to end, it takes its servers with it
    home = fresh_home("capsule-bench-")
    pushed, consuming = Capsule(home, "Capsule, pushed", consumes=False), Capsule(home, "Capsule", consumes=True)
    others: list[Peer] = []
    try:
        _say("starting Capsule")
        consuming.up()
        consuming.fill()
        if not options.no_peers:
            _say("starting the peers")
            others = peers(consuming)
        found = Bench(consuming, [consuming, pushed, *others], rounds, seconds, options.quick).run(options.rows.split(","))
    except (Missing, Problem) as problem:
        print(f"bench: {problem}", file=sys.stderr)
        return 1
    finally:
        for peer in others:
            peer.stop()
        discard(home)
    caption = f"{date.today():%Y-%m-%d}, {os.cpu_count()} cores ({platform.machine()}), everything on one machine, medians of {rounds} rounds"
    print(f"\n{caption}; load {os.getloadavg()[2]:.1f} in the last quarter of an hour\n\n{table(found, REFERENCE)}")
    if options.write:
        _write(found, caption)
    return 0


class Bench:
    def __init__(self, capsule: Capsule, systems: Sequence[System], rounds: int, seconds: float, quick: bool) -> None:
        self._capsule, self._systems = capsule, systems
        self._rounds, self._seconds, self._quick = rounds, seconds, quick

    def run(self, names: Sequence[str]) -> list[Row]:
        """In the order of the issue."""
        capsule, seconds = self._capsule, self._seconds
        found: list[Row] = []
        if "get" in names:
            row = Row("authenticated GET /v1/users/me, 32 connections", "per second", "rate")
            found.append(self._against_all(row, lambda system: rows.get(system, capsule, seconds)))
        if "post" in names:
            row = Row("POST /v1/apps with its event handled", "per second", "rate")
            found.append(self._against_all(row, lambda system: rows.post(system, capsule, seconds)))
        if "event" in names:
            row = Row("event at 200/s: published → committed", "ms, mean", "mean", more_is_better=False)
            found.append(self._against_all(row, lambda system: rows.event_latency(system, capsule, seconds)))
        for name, title, measure in (
            ("cold", "one function from zero to its answer", rows.cold),
            ("five", "five functions from zero at once", rows.cold_five),
            ("chain", "a chain of three functions from zero", rows.cold_chain),
        ):
            if name in names:
                found.append(self._alone(Row(title, "ms", "ms", more_is_better=False), measure))
        if "idle" in names:
            row = Row("at rest (beyond RabbitMQ and PostgreSQL)", "MB", "memory", more_is_better=False)
            row.add(capsule.name, rows.idle(capsule, 20 if self._quick else 300))
            found.append(row)
        if "cost" in names:
            found += [self._sized(count) for count in ((100, 1000) if self._quick else (100, 1000, 10_000))]
        if "declared" in names:
            for count in (10, 50) if self._quick else (10, 50, 200):
                row = Row(f"{count} functions declared → ready", "s", "seconds", more_is_better=False)
                row.add(capsule.name, rows.declared(capsule, count))
                found.append(row)
        return found

    def _against_all(self, row: Row, measure: Each) -> Row:
        """Round after round, each system in turn; a short one before the first, unmeasured."""
        for number in range(self._rounds):
            for system in self._systems:
                system.prepare()
                found = measure(system)
                _say(f"{row.title}, round {number + 1} of {self._rounds}: {system.name} {found[row.headline]:.1f}")
                row.add(system.name, found)
        return row

    def _alone(self, row: Row, measure: Callable[[Capsule], rows.Numbers]) -> Row:
        for number in range(self._rounds):
            self._capsule.prepare()
            found = measure(self._capsule)
            _say(f"{row.title}, round {number + 1} of {self._rounds}: {found[row.headline]:.1f}")
            row.add(self._capsule.name, found)
        return row

    def _sized(self, count: int) -> Row:
        row = Row(f"{count} events through one handler", "µs of CPU each", "cpu", more_is_better=False)
        for capsule in (each for each in self._systems if isinstance(each, Capsule)):
            capsule.prepare()
            row.add(capsule.name, rows.event_cost(capsule, count))
            _say(f"{row.title}: {capsule.name} {row.median(capsule.name, 'cpu'):.0f} µs each")
        return row


def _write(found: Sequence[Row], caption: str) -> None:
    CHART.parent.mkdir(exist_ok=True)
    CHART.write_text(chart([row for row in found if len(row.rounds) > 1], caption))
    figures = {row.title: {"unit": row.unit, "rounds": row.rounds} for row in found}
    FIGURES.write_text(json.dumps({"caption": caption, "rows": figures}, indent=1, ensure_ascii=False) + "\n")
    print(f"\nwritten: {_shown(CHART)}, {_shown(FIGURES)}")


def _shown(path: Path) -> str:
    return str(path.relative_to(PROJECT))


def _say(text: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
