"""`./taskw bench`: run all measurements, in a temporary state folder and on free ports."""

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

from knative.machine import packages
from knative.machine.home import PROJECT
from knative.machine.problems import Problem
from tests.bench import dashboard, deployments, gateway, logs, many, rows
from tests.bench.check import TOLERANCE, find_fallen
from tests.bench.load import Missing
from tests.bench.peers import REFERENCE, WITH_PROMISES, Peer, peers
from tests.bench.report import Row, chart, table
from tests.bench.systems import Capsule, System
from tests.servers import discard, fresh_home

CHART = PROJECT / "docs" / "bench.svg"
FIGURES = PROJECT / "docs" / "bench.json"
ROWS = "get,post,event,cold,five,chain,idle,cost,declared"
Measurement = Callable[[System], rows.Numbers]


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="./taskw bench", description="Measure speed, CPU and memory of Capsule and its peers.")
    parser.add_argument("--quick", action="store_true", help="two short rounds, for a rough comparison")
    parser.add_argument("--rounds", type=int, metavar="N", help="rounds per row (default: 5)")
    parser.add_argument("--seconds", type=float, metavar="S", help="seconds of load per row and round (default: 10)")
    parser.add_argument("--rows", default=ROWS, metavar="ROWS", help="rows, comma-separated (default: all)")
    parser.add_argument("--no-peers", action="store_true", help="measure Capsule only")
    parser.add_argument("--beside", type=Path, metavar="FOLDER", help="another checkout of Capsule, measured in the same run")
    parser.add_argument("--check", action="store_true", help=f"name rows that fell by more than {TOLERANCE * 100:.0f} %% against docs/bench.json")
    parser.add_argument("--write", action="store_true", help="write docs/bench.svg and docs/bench.json")
    parser.add_argument("--deployments", nargs=argparse.REMAINDER, metavar="OPTION", help="measure deployments instead (--deployments --help)")
    parser.add_argument("--gateway", nargs=argparse.REMAINDER, metavar="OPTION", help="measure the gateway instead (--gateway --help)")
    parser.add_argument("--dashboard", nargs=argparse.REMAINDER, metavar="OPTION", help="measure the dashboard instead (--dashboard --help)")
    parser.add_argument("--logs", nargs=argparse.REMAINDER, metavar="OPTION", help="measure log lines instead (--logs --help)")
    parser.add_argument("--many", nargs=argparse.REMAINDER, metavar="OPTION", help="measure many applications at zero instead (--many --help)")
    options = parser.parse_args(arguments)
    rounds, seconds = options.rounds or (2 if options.quick else 5), options.seconds or (3.0 if options.quick else 10.0)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # exit through `finally`, which stops the servers
    try:
        packages.install([packages.WRK], _log)
    except Problem as problem:
        print(f"bench: {problem}", file=sys.stderr)
        return 1
    if options.deployments is not None:
        return deployments.main(options.deployments)
    if options.gateway is not None:
        return gateway.main(options.gateway)
    if options.dashboard is not None:
        return dashboard.main(options.dashboard)
    if options.logs is not None:
        return logs.main(options.logs)
    if options.many is not None:
        return many.main(options.many)
    home = fresh_home("capsule-bench-")
    pushed, consuming = Capsule(home, "Capsule, pushed", consumes=False), Capsule(home, "Capsule", consumes=True)
    beside = [Capsule(fresh_home("capsule-bench-"), f"Capsule in {options.beside.name}", options.beside.absolute())] if options.beside else []
    others: list[Peer] = []
    try:
        for capsule in (consuming, *beside):
            _log(f"Starting {capsule.name}")
            capsule.up()
            capsule.fill()
        if not options.no_peers:
            _log("Starting the peers")
            others = peers(consuming)
        results = Bench(consuming, [consuming, pushed, *beside, *others], rounds, seconds, options.quick).run(options.rows.split(","))
    except (Missing, Problem) as problem:
        print(f"bench: {problem}", file=sys.stderr)
        return 1
    finally:
        for peer in others:
            peer.stop()
        for capsule in (consuming, *beside):
            discard(capsule.home)
    references = [REFERENCE, WITH_PROMISES, *(each.name for each in beside)]
    caption = f"{date.today():%Y-%m-%d}, {os.cpu_count()} cores ({platform.machine()}), everything on one machine, medians of {rounds} rounds"
    print(f"\n{caption}; load average {os.getloadavg()[2]:.1f} (15 minutes)\n\n{table(results, references)}")
    if options.write:
        _write(results, caption)
    fallen = find_fallen(results, json.loads(FIGURES.read_text())["rows"], REFERENCE) if options.check else []
    print("\n".join(["", *fallen] if fallen else []))
    return 1 if fallen else 0


class Bench:
    """Runs the rows and collects the numbers of each round."""

    def __init__(self, capsule: Capsule, systems: Sequence[System], rounds: int, seconds: float, quick: bool) -> None:
        self._capsule, self._systems = capsule, systems
        self._rounds, self._seconds, self._quick = rounds, seconds, quick

    def run(self, names: Sequence[str]) -> list[Row]:
        """Measure the rows of these names, in a fixed order."""
        capsule, seconds = self._capsule, self._seconds
        results: list[Row] = []
        if "get" in names:
            row = Row("authenticated GET /v1/users/me, 32 connections", "per second", "rate")
            results.append(self._measure_all(row, lambda system: rows.get(system, capsule, seconds)))
        if "post" in names:
            row = Row("POST /v1/apps with its event handled", "per second", "rate")
            results.append(self._measure_all(row, lambda system: rows.post(system, capsule, seconds)))
        if "event" in names:
            row = Row("event at 200/s: published → committed", "ms, mean", "mean", more_is_better=False)
            results.append(self._measure_all(row, lambda system: rows.event_latency(system, capsule, seconds)))
        for name, title, measure in (
            ("cold", "cold start of one function", rows.cold),
            ("five", "cold start of five functions at once", rows.cold_five),
            ("chain", "cold start of a chain of three functions", rows.cold_chain),
        ):
            if name in names:
                results.append(self._measure_capsule(Row(title, "ms", "ms", more_is_better=False), measure))
        if "idle" in names:
            row = Row("idle (without RabbitMQ and PostgreSQL)", "MB", "memory", more_is_better=False)
            row.add(capsule.name, rows.idle(capsule, 20 if self._quick else 300))
            results.append(row)
        if "cost" in names:
            results += [self._measure_event_cost(count) for count in ((100, 1000) if self._quick else (100, 1000, 10_000))]
        if "declared" in names:
            for count in (10, 50) if self._quick else (10, 50, 200):
                row = Row(f"{count} functions declared → ready", "s", "seconds", more_is_better=False)
                row.add(capsule.name, rows.declared(capsule, count))
                results.append(row)
        return results

    def _measure_all(self, row: Row, measure: Measurement) -> Row:
        """Measure each system in turn, round after round, after a short warm-up."""
        for number in range(self._rounds):
            for system in self._systems:
                system.prepare()
                numbers = measure(system)
                _log(f"{row.title}, round {number + 1} of {self._rounds}: {system.name} {numbers[row.headline]:.1f}")
                row.add(system.name, numbers)
        return row

    def _measure_capsule(self, row: Row, measure: Callable[[Capsule], rows.Numbers]) -> Row:
        for number in range(self._rounds):
            self._capsule.prepare()
            numbers = measure(self._capsule)
            _log(f"{row.title}, round {number + 1} of {self._rounds}: {numbers[row.headline]:.1f}")
            row.add(self._capsule.name, numbers)
        return row

    def _measure_event_cost(self, count: int) -> Row:
        row = Row(f"{count} events through one handler", "µs of CPU each", "cpu", more_is_better=False)
        for capsule in (each for each in self._systems if isinstance(each, Capsule)):
            capsule.prepare()
            row.add(capsule.name, rows.event_cost(capsule, count))
            _log(f"{row.title}: {capsule.name} {row.median(capsule.name, 'cpu'):.0f} µs each")
        return row


def _write(results: Sequence[Row], caption: str) -> None:
    CHART.parent.mkdir(exist_ok=True)
    CHART.write_text(chart([row for row in results if len(row.rounds) > 1], caption))
    figures = {row.title: {"unit": row.unit, "rounds": row.rounds} for row in results}
    FIGURES.write_text(json.dumps({"caption": caption, "rows": figures}, indent=1, ensure_ascii=False) + "\n")
    print(f"\nWritten: {_relative(CHART)}, {_relative(FIGURES)}")


def _relative(path: Path) -> str:
    return str(path.relative_to(PROJECT))


def _log(text: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
