"""`./taskw bench --many`: what 10, 100 and 1,000 applications at zero cost the one-machine Knative, and 50 awake ones beside them.

Each application is a Namespace with a Service that has no pod, as `deploy` creates them, created over the Kubernetes API, and an application of one
user, created over the gateway, with a month's history in the databases (`application_history`).

    create       CPU of the Knative process for each application, while their number grows
    memory       proportional set size of the process
    list         GET of all Services, and of one namespace's, in milliseconds
    GET …        lists of the platform, as their client waits for them, and the first page of the dashboard
    schedules    CPU of the four schedules and of what follows from them, as a share of one core at their interval of ten minutes
    at rest      share of one core while nothing happens
    up           `up` after `down`; the slope is what one more application adds
    awake        the same while `--awake` applications have an instance: the Knative process, and its sandboxes without the applications

`--beside FOLDER` measures another checkout of Capsule in the same run, in turn.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from knative.machine.problems import Problem
from tests.bench.applications_at_zero import Machine
from tests.bench.installations import installations, log
from tests.bench.load import Missing
from tests.bench.meter import Numbers
from tests.bench.report import Goal, Row, at_most, table

PAGE_GOAL_MS, SCHEDULES_GOAL_PERCENT = 50, 1


class Rows:
    """The rows of a run, in the order in which they were first measured."""

    def __init__(self) -> None:
        self.rows: dict[str, Row] = {}

    def add(self, system: str, title: str, unit: str, numbers: Numbers, *goals: Goal) -> None:
        """The first of `numbers` is the headline."""
        row = self.rows.setdefault(title, Row(title, unit, next(iter(numbers)), more_is_better=False, goals=goals))
        row.add(system, numbers)
        log(f"{title}: {system} " + ", ".join(f"{name} {value:.2f}" for name, value in numbers.items()))


def measure(machines: Sequence[Machine], counts: Sequence[int], awake: int, seconds: float) -> list[Row]:
    found = Rows()
    for machine in machines:
        numbers = {"memory": machine.memory(), "at rest, % of a core": machine.at_rest(seconds)}
        found.add(machine.name, "0 applications: memory", "MB", numbers)
    started: dict[str, dict[int, float]] = {each.name: {} for each in machines}
    for count in counts:
        for machine in machines:
            name, title = machine.name, f"{count:,} applications: "
            found.add(name, f"{title}create the last of them", "ms of CPU each", machine.grow(count))
            found.add(name, f"{title}memory", "MB", {"memory": machine.memory()})
            found.add(name, f"{title}list all", "ms", machine.list_services(None))
            found.add(name, f"{title}list one namespace", "ms", machine.list_services("app-many-0"))
            for path, numbers in machine.platform.lists():
                found.add(name, f"{title}{path}", "ms, p95", numbers, *_goals(path))
            found.add(name, f"{title}schedules", "% of a core", machine.platform.schedules(), at_most(SCHEDULES_GOAL_PERCENT))
            found.add(name, f"{title}at rest", "% of a core", {"share": machine.at_rest(seconds)})
            started[name][count] = machine.up_again()
            found.add(name, f"{title}`up` after `down`", "s", {"seconds": started[name][count]})
    for machine in machines:
        if len(counts) > 1:
            low, high = min(counts), max(counts)
            slope = (started[machine.name][high] - started[machine.name][low]) / (high - low) * 1000
            found.add(machine.name, f"`up`: one more application, {low:,} to {high:,}", "ms", {"slope": slope})
    for machine in machines if awake else ():
        title = f"{awake} awake beside {machine.created:,} at zero: "
        machine.wake(awake)
        found.add(machine.name, f"{title}memory", "MB", machine.awake_memory())
        found.add(machine.name, f"{title}at rest", "% of a core", machine.awake_share(seconds))
        for path, numbers in machine.platform.lists():
            found.add(machine.name, f"{title}{path}", "ms, p95", numbers, *_goals(path))
        found.add(machine.name, f"{title}schedules", "% of a core", machine.platform.schedules(), at_most(SCHEDULES_GOAL_PERCENT))
        machine.sleep()
    return list(found.rows.values())


def _goals(path: str) -> tuple[Goal, ...]:
    """The goal of lists. A page of the dashboard calls several."""
    return (at_most(PAGE_GOAL_MS),) if path.startswith("GET ") else ()


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="./taskw bench --many", description="Measure many applications at zero, and awake ones beside them.")
    parser.add_argument("--counts", default="10,100,1000", metavar="N,…", help="numbers of applications, ascending (default: 10,100,1000)")
    parser.add_argument("--awake", type=int, default=50, metavar="N", help="awake applications beside the last number (default: 50)")
    parser.add_argument("--seconds", type=float, default=30.0, metavar="S", help="seconds at rest (default: 30)")
    parser.add_argument("--beside", type=Path, metavar="FOLDER", help="another checkout of Capsule, measured in the same run")
    options = parser.parse_args(arguments)
    try:
        with installations(options.beside) as measured:
            machines = [Machine(each) for each in measured]
            rows = measure(machines, [int(each) for each in options.counts.split(",")], options.awake, options.seconds)
            others = [each.name for each in machines[1:]]
    except (Missing, Problem) as problem:
        print(f"bench: {problem}", file=sys.stderr)
        return 1
    print(f"{os.cpu_count()} cores; load average {os.getloadavg()[2]:.1f} (15 minutes)\n\n{table(rows, others)}")
    return 0
