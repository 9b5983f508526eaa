"""`python -m tests.bench.applications [ROUNDS] NAME=HOME[:OFFSET] …`: measure deployments and instances on running installations.

HOME is a state folder (CAPSULE_HOME), OFFSET its CAPSULE_PORT_OFFSET. Rounds alternate between the installations. Prints medians and their ratio to
the first installation.

deploy new      s     POST …/deployments of a new application (Python, one package) to `succeeded`
    deploy again    s     of its next commit
cold start      s     the first answer after its instance was deleted
    memory          MiB   proportional set size of one instance with its child processes
ingress         1/s   requests through the ingress, 16 connections"""

import re
import secrets
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from knative.machine.home import LOOPBACK, Home, Ports
from tests.journeys.people import Person
from tests.journeys.whole import Json, Whole, until

FILES = {
    "app.py": "def app(environ, start):\n    start('200 OK', [])\n    return [b'hello']\n",
    "requirements.txt": "waitress==3.0.2\n",
    "Procfile": "web: waitress-serve --listen=127.0.0.1:$PORT --threads=8 app:app\n",
}
LOAD_SECONDS, CONNECTIONS = 5, 16
POD = {"apiVersion": "v1", "kind": "Pod"}


@dataclass
class Installation:
    """A running Capsule and its measurements."""

    name: str
    whole: Whole
    person: Person | None = None
    figures: dict[str, list[float]] = field(default_factory=dict)

    @classmethod
    def parse(cls, argument: str) -> "Installation":
        name, _, location = argument.partition("=")
        folder, _, offset = location.partition(":")
        return cls(name, Whole(Home(Path(folder).absolute(), Ports(int(offset or 0)))))

    def record(self, row: str, value: float) -> None:
        self.figures.setdefault(row, []).append(value)
        print(f"  {self.name:<12} {row:<14} {value:10.3f}", flush=True)

    def round(self) -> None:
        """Deploy twice, cold-start, measure memory and the ingress, and delete the application."""
        self.person = self.person or Person(self.whole).become_a_user()
        repository = self.whole.repository(f"bench-{secrets.token_hex(4)}", FILES)
        application = self.person.create(repository.url)
        deployment = self._timed("deploy new", lambda: self._deploy(application))
        repository.commit({"note": secrets.token_hex(4)}, "Change nothing")
        deployment = self._timed("deploy again", lambda: self._deploy(application))
        url = str(deployment["url"])
        assert self.whole.visit(url).text == "hello"
        self._delete_instances(application)
        self._timed("cold start", lambda: self.whole.visit(url))
        self.record("memory", self._memory(application))
        self.record("ingress", self._rate(url))
        self.person.send("DELETE", f"/v1/apps/{application['id']}")

    def _timed(self, row: str, work: Callable[[], Json]) -> Json:
        started_at = time.perf_counter()
        result = work()
        self.record(row, time.perf_counter() - started_at)
        return result

    def _deploy(self, application: Json) -> Json:
        assert self.person is not None
        deployment = self.person.deploy(application)
        assert deployment["status"] == "succeeded", deployment
        return deployment

    def _instances(self, application: Json) -> set[int]:
        return {pid for name, pids in self.whole.pods().items() if name.startswith(f"app-{application['name']}/") for pid in pids}

    def _delete_instances(self, application: Json) -> None:
        namespace = f"app-{application['name']}"
        for pod in self.whole.cluster.find("v1", "Pod", namespace):
            if (pod.get("status") or {}).get("phase") == "Running":
                self.whole.cluster.delete({**POD, "metadata": {"namespace": namespace, "name": pod["metadata"]["name"]}})
        until(lambda: not self._instances(application), 30, "until no instance is left")

    def _memory(self, application: Json) -> float:
        (pid,) = self._instances(application)
        processes = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
        return sum(process.memory_full_info().pss for process in processes) / (1 << 20)

    def _rate(self, url: str) -> float:
        host = re.sub(r"^http://", "", url)
        target = f"http://{LOOPBACK}:{self.whole.home.ports.ingress}/"
        command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{LOAD_SECONDS}s", "-H", f"Host: {host}", target]
        output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        match = re.search(r"Requests/sec:\s+([\d.]+)", output)
        assert match is not None and "Non-2xx" not in output, output
        return float(match[1])


def main(arguments: list[str]) -> int:
    rounds = int(arguments[0]) if arguments and arguments[0].isdigit() else 5
    installations = [Installation.parse(argument) for argument in arguments if "=" in argument]
    if not installations:
        print(__doc__, file=sys.stderr)
        return 2
    for number in range(rounds):
        for each in installations if number % 2 == 0 else reversed(installations):
            each.round()
    first = installations[0]
    print(f"\n{'':14}" + "".join(f"{each.name:>26}" for each in installations))
    for row in first.figures:
        cells = []
        for each in installations:
            values = each.figures[row]
            ratio = statistics.median(values) / statistics.median(first.figures[row])
            cells.append(f"{statistics.median(values):10.3f} ({min(values):.3f}–{max(values):.3f}) {ratio:.2f} ×")
        print(f"{row:<14}" + "".join(f"{cell:>38}" for cell in cells))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
