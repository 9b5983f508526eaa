"""`./taskw bench`: run all measurements, in a temporary state folder and on free ports."""

import argparse
import json
import os
import platform
import signal
import sys
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

from knative.machine import packages
from knative.machine.home import PROJECT
from knative.machine.problems import Problem
from tests.bench import dashboard, deployments, gateway, logs, many
from tests.bench.chart import chart
from tests.bench.check import TOLERANCE, find_fallen
from tests.bench.figures import figures
from tests.bench.load import Missing
from tests.bench.peers import REFERENCE, WITH_PROMISES, Peer, peers
from tests.bench.plan import NAMES, NO_PEERS, Bench, log
from tests.bench.proxies import NGINX
from tests.bench.report import Row, table
from tests.bench.systems import Capsule
from tests.servers import discard, fresh_home

CHART = PROJECT / "docs" / "bench.svg"
FIGURES = PROJECT / "docs" / "bench.json"
DOCUMENT = PROJECT / "docs" / "bench.md"


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="./taskw bench", description="Measure speed, CPU and memory of Capsule and its peers.")
    parser.add_argument("--quick", action="store_true", help="two short rounds, for a rough comparison")
    parser.add_argument("--rounds", type=int, metavar="N", help="rounds per row (default: 5)")
    parser.add_argument("--seconds", type=float, metavar="S", help="seconds of load per row and round (default: 10)")
    parser.add_argument("--rows", default=",".join(NAMES), metavar="ROWS", help=f"rows, comma-separated (default: all: {', '.join(NAMES)})")
    parser.add_argument("--no-peers", action="store_true", help="measure Capsule only")
    parser.add_argument("--beside", type=Path, metavar="FOLDER", help="another checkout of Capsule, measured in the same run")
    parser.add_argument("--check", action="store_true", help=f"name rows that fell by more than {TOLERANCE * 100:.0f} %% against docs/bench.json")
    parser.add_argument("--write", action="store_true", help="write docs/bench.md, bench.svg and bench.json")
    parser.add_argument("--merge", action="store_true", help="with --write: keep the rows that this run does not measure")
    parser.add_argument("--deployments", nargs=argparse.REMAINDER, metavar="OPTION", help="measure deployments instead (--deployments --help)")
    parser.add_argument("--gateway", nargs=argparse.REMAINDER, metavar="OPTION", help="measure the gateway instead (--gateway --help)")
    parser.add_argument("--dashboard", nargs=argparse.REMAINDER, metavar="OPTION", help="measure the dashboard instead (--dashboard --help)")
    parser.add_argument("--logs", nargs=argparse.REMAINDER, metavar="OPTION", help="measure log lines instead (--logs --help)")
    parser.add_argument("--many", nargs=argparse.REMAINDER, metavar="OPTION", help="measure many applications at zero instead (--many --help)")
    options = parser.parse_args(arguments)
    rounds, seconds = options.rounds or (2 if options.quick else 5), options.seconds or (3.0 if options.quick else 10.0)
    names = options.rows.split(",")
    if unknown := [name for name in names if name not in NAMES]:
        parser.error(f"unknown rows: {', '.join(unknown)}. There are {', '.join(NAMES)}")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # exit through `finally`, which stops the servers
    try:
        packages.install([packages.WRK, *([packages.NGINX, packages.NGHTTP2] if "ingress" in names else [])], log)
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
        for capsule in (consuming, *beside) if set(names) != {"ingress"} else ():
            log(f"Starting {capsule.name}")
            capsule.up()
            capsule.fill()
        if not options.no_peers and not NO_PEERS.issuperset(names):
            log("Starting the peers")
            others = peers(consuming)
        results = Bench(consuming, pushed, beside, others, rounds, seconds, options.quick).run(names)
    except (Missing, Problem) as problem:
        print(f"bench: {problem}", file=sys.stderr)
        return 1
    finally:
        for peer in others:
            peer.stop()
        for capsule in (consuming, *beside):
            discard(capsule.home)
    references = [REFERENCE, WITH_PROMISES, NGINX, *(each.name for each in beside)]
    caption = f"{date.today():%Y-%m-%d}, {os.cpu_count()} cores ({platform.machine()}), everything on one machine, medians of {rounds} rounds"
    print(f"\n{caption}; load average {os.getloadavg()[2]:.1f} (15 minutes)\n\n{table(results, references)}")
    if options.write:
        _write(results, caption, references, options.merge)
    fallen = find_fallen(results, json.loads(FIGURES.read_text())["rows"], REFERENCE) if options.check else []
    print("\n".join(["", *fallen] if fallen else []))
    return 1 if fallen else 0


def _write(results: Sequence[Row], caption: str, references: Sequence[str], is_merged: bool) -> None:
    """Write the figures, the document and the chart of the rows that have peers. `is_merged`: keep the rows that this run did not measure."""
    stored: dict[str, Any] = json.loads(FIGURES.read_text())["rows"] if is_merged else {}
    stored = {title: row for title, row in stored.items() if "headline" in row} | {row.title: row.to_json(caption) for row in results}
    rows = [Row.from_json(title, row) for title, row in stored.items()]
    CHART.write_text(chart([row for row in rows if len(row.rounds) > 1], caption))
    DOCUMENT.write_text(figures(rows, {title: row["caption"] for title, row in stored.items()}, references))
    FIGURES.write_text(json.dumps({"caption": caption, "rows": stored}, indent=1, ensure_ascii=False) + "\n")
    print(f"\nWritten: {_relative(CHART)}, {_relative(DOCUMENT)}, {_relative(FIGURES)}")


def _relative(path: Path) -> str:
    return str(path.relative_to(PROJECT))


if __name__ == "__main__":
    sys.exit(main())
