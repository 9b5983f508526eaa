"""One run of the soak: an installation of its own, clients, faults, recoveries, and the audit."""

import random
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from knative.machine.home import Home
from tests.journeys.whole import Whole, until
from tests.servers import discard, fresh_home
from tests.soak import sums
from tests.soak.client import Client, started_clients, wait_for_all, wait_for_payment
from tests.soak.faults import Fault, Faults, describe
from tests.soak.processes import find_orphans, find_processes, find_remains

CLIENTS = 6
DEPLOYING = 2
"""How many of them have a deployed application, which they deploy again and visit."""
MAX_WAIT_SECONDS = 20.0
"""The next fault happens after this time even without progress: it then hits a recovery."""
RECOVERY_SECONDS = 120.0
APP = """
import http.server, os
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.end_headers(); self.wfile.write(b"here")
    def log_message(self, *_):
        pass
http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
"""


@dataclass
class Report:
    """The figures of a run."""

    seed: int
    seconds: float = 0.0
    sent: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    killed: int = 0
    up_seconds: list[float] = field(default_factory=list)
    recovery_seconds: list[float] = field(default_factory=list)
    sums: dict[str, Any] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)

    def lines(self) -> Iterator[str]:
        yield f"seed {self.seed}: {self.seconds:.0f} s, {sum(self.sent.values())} messages ({_counts(self.sent)})"
        yield f"  faults: {_counts(self.faults)}; processes killed: {self.killed}"
        yield f"  ./taskw up: {_spread(self.up_seconds)}; from the fault until gateway and application answered: {_spread(self.recovery_seconds)}"
        yield f"  {sums.show(self.sums)}"
        yield "  nothing lost, nothing duplicated, nothing left" if not self.failures else f"  FAILED: {'; '.join(self.failures)}"


def _counts(counter: Counter[str]) -> str:
    return ", ".join(f"{count} × {name}" for name, count in counter.most_common())


def _spread(seconds: list[float]) -> str:
    ordered = sorted(seconds) or [0.0]
    return f"median {ordered[len(ordered) // 2]:.1f} s, at most {ordered[-1]:.1f} s"


@contextmanager
def installation() -> Iterator[Whole]:
    """A whole Capsule in a temporary folder and on ports of its own."""
    home: Home = fresh_home("capsule-soak-")
    try:
        whole = Whole(home)
        whole.task("up")
        yield whole
    finally:
        discard(home)


def soak(seed: int, messages: int, seconds: float, faults: int) -> Report:
    """Send `messages` messages at least, in `seconds` at most, while `faults` faults are injected; then audit."""
    rng, report, ended = random.Random(seed), Report(seed), threading.Event()
    with installation() as whole:
        clients = [Client(whole, random.Random(rng.random()), ended) for _ in range(CLIENTS)]
        repository = whole.repository("soak", {"main.py": APP, "requirements.txt": ""}).url
        with ThreadPoolExecutor(CLIENTS) as pool:
            list(pool.map(lambda index: clients[index].prepare(repository, deploys=index < DEPLOYING), range(CLIENTS)))
        started_at = time.monotonic()
        try:
            _disturb(whole, clients, rng, report, messages, faults, started_at + seconds, ended)
            _conclude(whole, clients, report)
        except Exception as failure:  # noqa: BLE001 - it is reported with the figures, and other seeds follow
            report.failures.append(f"{type(failure).__name__}: {failure}")
        finally:
            ended.set()
            report.seconds = time.monotonic() - started_at
            for client in clients:
                report.sent += client.sent
    return report


def _disturb(
    whole: Whole, clients: list[Client], rng: random.Random, report: Report, messages: int, faults: int, deadline: float, ended: threading.Event
) -> None:
    """Run the clients and inject the faults, spread over the messages; the clients go on until the last fault."""
    faults_over = threading.Event()
    threads = started_clients(clients, messages, faults_over)
    started_at = time.monotonic()
    for number, fault in enumerate(Faults(rng, whole).plan(faults), start=1):
        done = _wait_for_progress(clients, messages * number // (faults + 1), deadline)
        if time.monotonic() > deadline:
            break
        print(f"{time.monotonic() - started_at:7.1f} s {done:6} done  {fault.title}: ", end="", flush=True)
        print(_recover(whole, clients, rng, report, fault), flush=True)
    faults_over.set()
    is_complete = wait_for_all(threads, deadline)
    ended.set()
    wait_for_all(threads, time.monotonic() + 60)
    report.failures += [f"{type(client.failure).__name__}: {client.failure}" for client in clients if client.failure is not None]
    if not is_complete:
        report.failures.append(f"only {sum(sum(client.sent.values()) for client in clients)} of {messages} messages were sent in time")


def _wait_for_progress(clients: list[Client], target: int, deadline: float) -> int:
    """Wait until `target` messages were sent, so that faults are spread over the run. Returns their number."""
    end = min(deadline, time.monotonic() + MAX_WAIT_SECONDS)
    while (done := sum(sum(client.sent.values()) for client in clients)) < target and time.monotonic() < end:
        if failed := [client.failure for client in clients if client.failure is not None]:
            raise failed[0]
        time.sleep(0.1)
    return done


def _recover(whole: Whole, clients: list[Client], rng: random.Random, report: Report, fault: Fault) -> str:
    """Inject a fault, bring everything back, and look for what was left. Returns what happened, in a line."""
    before = find_processes(whole.home)
    killed = fault.inject()
    report.faults[fault.title] += 1
    report.killed += sum(int(each.split()[0]) if each.endswith(" processes") else 1 for each in killed)
    time.sleep(rng.uniform(0.0, 2.0))
    began_at = time.monotonic()
    if fault.needs_up:
        output = whole.task("up")
        if "Capsule is up" not in output:
            raise AssertionError(f"after “{fault.title}” up printed:\n{output}")
        report.up_seconds.append(time.monotonic() - began_at)
    until(
        lambda: whole.is_ready() and all(client.is_served() for client in clients),
        RECOVERY_SECONDS,
        f"for gateway and application after “{fault.title}”",
        every=0.2,
    )
    report.recovery_seconds.append(time.monotonic() - began_at)
    until(lambda: not find_orphans(whole.home, before), 30, f"until nothing is left of before: {find_orphans(whole.home, before)}", every=0.5)
    return f"{describe(killed)}; back after {report.recovery_seconds[-1]:.1f} s"


def _conclude(whole: Whole, clients: list[Client], report: Report) -> None:
    """Wait until all work has ended, audit, and stop the installation. Raises: AssertionError."""
    databases = sums.Databases(whole.home)
    for client in clients:
        client.person.session = {}
        client.person.sign_in()
        wait_for_payment(client)
    sums.settle(whole.home, databases)
    report.sums = sums.audit(databases, clients)
    status = whole.task("status")
    print(status, end="", flush=True)
    whole.task("down")
    if remains := find_remains(whole.home):
        report.failures.append(f"down left {remains[:5]}")
