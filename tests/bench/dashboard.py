"""`./taskw bench --dashboard`: what a person in front of the dashboard waits for, on a whole Capsule, in Chromium.

    page → content, warm              a page from the click until its content is there (navigation timing, DOMContentLoaded)
    page over its calls               the dashboard's whole time for a page over the time in which it waits for functions (Server-Timing)
    page → content, from zero         the same with no function running, the dashboard's among them
    logs, 100,000 lines stored        the page of logs of an application with so many lines
    live tail at 1,000 lines/s        lines written to the store for ten seconds, and those that arrive on the open page

Needs Debian's package chromium.
"""

import argparse
import json
import sys
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from threading import Thread
from uuid import UUID

import psutil
from playwright.sync_api import Browser, sync_playwright

from knative.machine import packages, repositories
from knative.machine.cluster import Cluster
from knative.machine.postgres import PostgreSQL
from knative.machine.problems import Problem
from tests.bench.installations import Figures, Installation, installations, log, report
from tests.bench.load import Missing
from tests.bench.systems import until
from tests.bench.usage import resident

STORED_LINES, LINES_A_SECOND, TAIL_SECONDS, BATCHES_A_SECOND = 100_000, 1000, 10, 10
ZERO_SECONDS = 300
SETTINGS = {"CAPSULE_GATEWAY_RATE_LIMITS": "off"}
SERVICE = "serving.knative.dev/service"
KIND, REPLYING = "capsule.dev/kind", ("dashboard", "query", "command")
INSERT = """
    INSERT INTO log_lines (at, application_id, environment, component, pod, container, stream, line)
    SELECT clock_timestamp(), %s, 'staging', 'run', 'hello-00001', 'web', 'stdout', %s || number || ' GET /orders/' || number || ' status=200'
    FROM generate_series(1, %s) AS number
"""
COUNT_LINES = """
    window.arrived = 0; window.lastAt = performance.now(); window.longestGap = 0; window.longTasks = 0;
    new MutationObserver(changes => {
      const now = performance.now();
      const added = changes.reduce((sum, each) => sum + [...each.addedNodes].filter(node => node.nodeType === 1).length, 0);
      if (added && window.arrived) window.longestGap = Math.max(window.longestGap, now - window.lastAt);
      if (added) { window.arrived += added; window.lastAt = now; }
    }).observe(document.querySelector('.log'), { childList: true });
    new PerformanceObserver(list => { for (const each of list.getEntries()) window.longTasks = Math.max(window.longTasks, each.duration); })
      .observe({ type: 'longtask' });
"""


class Visitor:
    """The user of one installation in a browser."""

    def __init__(self, installation: Installation, chromium: Browser) -> None:
        home = installation.home
        self._installation = installation
        self._page = chromium.new_context(base_url=f"http://dashboard.localhost:{home.ports.ingress}").new_page()
        repository = repositories.create(home, "hello", {"app.py": "print()\n"})
        self._application = installation.api.post("/v1/apps", {"name": "hello", "repository": repository.url})["id"]
        self._page.goto("/sign-in")
        self._page.get_by_label("E-mail address").fill(installation.account.email)
        self._page.get_by_label("Password").fill(installation.account.password)
        self._page.get_by_role("button", name="Sign in", exact=True).click()
        self._page.get_by_role("heading", name="Applications").wait_for()

    @property
    def pages(self) -> Mapping[str, str]:
        app = f"/apps/{self._application}"
        return {"applications": "/?team=all", "overview": app, "logs": f"{app}/logs", "billing": "/billing", "account": "/account"}

    def measure(self, rounds: int, cold_rounds: int) -> None:
        figures = self._installation.figures
        for path in self.pages.values():  # starts the functions
            self._open(path)
        for _ in range(rounds):
            for name, path in self.pages.items():
                figures.add(f"{name} → content, warm", self._open(path))
                timing = self._server_timing()
                figures.add(f"{name}: dashboard's time ÷ its calls", timing["total"] / timing["functions"])
        figures.add("memory of the dashboard, MB", self._memory_mb())
        self._store(STORED_LINES)
        self._open(self.pages["logs"])
        for _ in range(rounds):
            figures.add(f"logs → content, {STORED_LINES:,} lines stored", self._open(self.pages["logs"]))
        self._tail(figures)
        for _ in range(cold_rounds):
            self._wait_for_zero()
            figures.add("applications → content, all functions at zero", self._open(self.pages["applications"]))

    def _open(self, path: str) -> float:
        """Milliseconds until the page's content is there."""
        response = self._page.goto(path, wait_until="domcontentloaded")
        if response is None or not response.ok:
            raise Missing(f"{path} answered {response.status if response else 'nothing'}")
        return float(self._page.evaluate("performance.getEntriesByType('navigation')[0].domContentLoadedEventEnd"))

    def _server_timing(self) -> dict[str, float]:
        entries = self._page.evaluate("performance.getEntriesByType('navigation')[0].serverTiming.map(each => [each.name, each.duration])")
        found: dict[str, float] = dict(entries)
        if not found.get("functions"):
            raise Missing(f"the dashboard sends no Server-Timing with its calls: {entries}")
        return found

    def _wait_for_zero(self) -> None:
        cluster = Cluster(self._installation.home)
        self._page.goto("about:blank")

        def is_zero() -> bool:
            """What a page needs: the dashboard, and functions that reply. Handlers of events may store what was measured meanwhile."""
            return not any(pod["metadata"]["labels"].get(KIND) in REPLYING for pod in cluster.find("v1", "Pod", "capsule"))

        until(is_zero, ZERO_SECONDS, "for all functions that reply to scale to zero", poll_seconds=1.0)

    def _memory_mb(self) -> float:
        """Proportional set size of the dashboard's processes."""
        home, roots = self._installation.home, []
        for pod in Cluster(home).find("v1", "Pod", "capsule"):
            record = home.path / "knative" / "pods" / "capsule" / pod["metadata"]["name"] / "process.json"
            if pod["metadata"]["labels"].get(SERVICE) == "dashboard" and record.exists():
                roots.append(psutil.Process(int(json.loads(record.read_text())["pid"])))
        if not roots:
            raise Missing("the dashboard does not run")
        return resident(roots)

    def _store(self, lines: int, prefix: str = "stored ") -> None:
        with PostgreSQL(self._installation.home).superuser("monitor") as connection:
            connection.execute(INSERT, [UUID(self._application), prefix, lines])

    def _tail(self, figures: Figures) -> None:
        """Lines are stored at the rate while the page is open; figures of what arrives."""
        page, expected = self._page, LINES_A_SECOND * TAIL_SECONDS
        self._open(self.pages["logs"])
        page.evaluate(COUNT_LINES)
        writer = Thread(target=self._write_lines)
        writer.start()
        writer.join()
        deadline = time.monotonic() + 15
        while page.evaluate("window.arrived") < expected and time.monotonic() < deadline:
            page.wait_for_timeout(200)
        arrived, gap, longest = page.evaluate("[window.arrived, window.longestGap, window.longTasks]")
        figures.add(f"live tail: lines of {expected:,} that arrived", arrived)
        figures.add("live tail: longest gap", gap)
        figures.add("live tail: longest task of the page", longest)

    def _write_lines(self) -> None:
        begun = time.monotonic()
        for batch in range(TAIL_SECONDS * BATCHES_A_SECOND):
            self._store(LINES_A_SECOND // BATCHES_A_SECOND, f"batch {batch} ")
            time.sleep(max(0.0, begun + (batch + 1) / BATCHES_A_SECOND - time.monotonic()))


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="./taskw bench --dashboard", description="Measure the dashboard in Chromium.")
    parser.add_argument("--rounds", type=int, default=20, metavar="N", help="visits of each page (default: 20)")
    parser.add_argument("--cold-rounds", type=int, default=3, metavar="N", help="visits with all functions at zero (default: 3)")
    options = parser.parse_args(arguments)
    packages.install([packages.CHROMIUM], log)
    try:
        with installations(None, SETTINGS) as [installation], sync_playwright() as playwright:
            chromium = playwright.chromium.launch(executable_path=str(packages.CHROMIUM.find()), args=["--no-sandbox"])
            try:
                Visitor(installation, chromium).measure(options.rounds, options.cold_rounds)
            finally:
                chromium.close()
                print(f"\n{datetime.now(UTC):%Y-%m-%d}, load average {psutil.getloadavg()[2]:.1f}\n")
                print(report([(installation.name, installation.figures)], "ms"))
    except (Missing, Problem) as problem:
        print(f"bench: {problem}", file=sys.stderr)
        return 1
    return 0
