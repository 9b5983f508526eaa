"""A function of the probe context as a Service whose pods consume their queue themselves, and the record of their work."""

import json
import os
import signal
import sys
import time
import uuid
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from kubernetes import client

from tests.knative.conformance.cluster import Cluster, until
from tests.runtime.harness import World
from tests.runtime.messages import message

CONSUMES = "local.capsule.dev/consumes"
FUNCTION, TYPE = "probe.on_waited", "probe.waited"


@dataclass
class Pods:
    cluster: Cluster
    world: World
    folder: Path

    def set_up(self, window: str) -> None:
        core = client.CoreV1Api(self.cluster.api.api_client)
        body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "config-autoscaler"}, "data": {"stable-window": window}}
        core.create_namespaced_config_map("knative-serving", body)
        self.cluster.broker("main", {"retry": 5, "backoffPolicy": "linear", "backoffDelay": "PT0.2S", "timeout": "PT60S"})
        self.cluster.ready("Broker", "main")

    # --- the function

    def create_function(self, name: str, *, concurrency: int, max_scale: int, queues: tuple[str, ...] = ()) -> None:
        """Create the Service and its Triggers and wait until it consumes. `queues`: names of its Triggers, by default its own name."""
        environment = {name: value for name, value in self.world.environment().items() if name.startswith(("CAPSULE_", "PROBE_", "PYTHON"))}
        environment["CAPSULE_FUNCTION"] = FUNCTION
        environment.pop("CAPSULE_BIND", None)
        container = {
            "image": self.cluster.image,
            "command": [sys.executable, "-m", "tests.runtime.worker"],
            "env": [{"name": key, "value": value} for key, value in environment.items()],
            "readinessProbe": {"httpGet": {"path": "/healthz"}},
        }
        annotations = {CONSUMES: "true", "autoscaling.knative.dev/max-scale": str(max_scale), "autoscaling.knative.dev/min-scale": "1"}
        spec = {"containerConcurrency": concurrency, "timeoutSeconds": 60, "containers": [container]}
        self.cluster.create("Service", name, {"template": {"metadata": {"annotations": annotations}, "spec": spec}})
        self.cluster.ready("Service", name)
        subscriber = {**self.cluster.subscriber(name), "uri": f"/{FUNCTION}"}
        for subject in queues or (name,):
            self.cluster.trigger(subject, "main", subscriber, concurrency * max_scale, filter={"attributes": {"type": TYPE, "subject": subject}})
            self.cluster.ready("Trigger", subject)
        self.cluster.renew(name)  # pods learn their queues when they start
        self.cluster.wait_until_consumed([self.cluster.queue(each) for each in queues or (name,)])

    def remove(self, name: str, queues: tuple[str, ...] = ()) -> None:
        for each in queues or (name,):
            self.cluster.delete("Trigger", each)
        self.cluster.delete("Service", name)

    # --- messages

    def publish(self, name: str, count: int, rate: float | None = None) -> list[str]:
        exchange, accounts = self.cluster.exchange("main"), [uuid.uuid4().hex for _ in range(count)]
        for account in accounts:
            headers = message(TYPE, account, subject=name) | {"content-type": "application/json"}
            self.cluster.publish(exchange, "", headers, json.dumps({"account": account}).encode(), delivery_mode=2)
            if rate is not None:
                time.sleep(1 / rate)
        return accounts

    def effects(self, accounts: list[str]) -> Counter[str]:
        """Return how often the effect of each account was committed."""
        rows = self.world.rows("SELECT text, count(*) FROM notes WHERE what = 'waited' AND text = ANY(%s) GROUP BY 1", accounts)
        return Counter(dict(rows))

    def wait_for_effects(self, accounts: list[str], seconds: float = 90) -> None:
        """Wait until every account has its effect, and check that none has two."""
        until(lambda: len(self.effects(accounts)) == len(accounts), seconds, f"{len(self.effects(accounts))} of {len(accounts)} effects")
        assert self.effects(accounts) == Counter(accounts)

    # --- pods

    def running(self, name: str) -> dict[str, int]:
        """Pod → process id."""
        pids: dict[str, int] = {}
        for record in self.folder.glob(f"{name}-0*/process.json"):
            pid = int(json.loads(record.read_text())["pid"])
            if Path(f"/proc/{pid}").exists():
                pids[record.parent.name] = pid
        return pids

    def kill(self, name: str) -> None:
        for pid in self.running(name).values():
            os.kill(pid, signal.SIGKILL)

    def started(self, accounts: list[str]) -> list[tuple[int, str]]:
        """Return (process id, account) of each start of the handler, in order."""
        return [(pid, account) for pid, event, account in self._record(accounts) if event == "begun"]

    def max_concurrency(self, accounts: list[str]) -> int:
        """Return the most handlers that ran at the same time in one process."""
        running, maximum = Counter[int](), 0
        for pid, event, _ in self._record(accounts):
            running[pid] += 1 if event == "begun" else -1
            maximum = max(maximum, running[pid])
        return maximum

    def _record(self, accounts: list[str]) -> list[tuple[int, str, str]]:
        selected, path = set(accounts), self.world.folder / "begun"
        lines = [line.split() for line in path.read_text().splitlines()] if path.exists() else []
        return [(int(pid), event, account) for pid, event, account in lines if account in selected]
