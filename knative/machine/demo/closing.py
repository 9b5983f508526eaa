"""The end of the demo: the first deployment's timeline, scale to zero, and a summary with next commands."""

import shlex
import sys
import time
from pathlib import Path

from knative.machine.cluster import Cluster
from knative.machine.demo.screen import money
from knative.machine.demo.session import Session
from knative.machine.demo.terminal import Json, cli_environment, until
from knative.machine.demo.visits import visit
from knative.machine.keys import NAMESPACE
from knative.machine.progress import Progress


def show_timeline(session: Session) -> None:
    session.screen.heading("The first deployment's timeline: one correlation id")
    correlation = str(session.first["correlationId"])

    def find_entries() -> Json | None:
        document = session.terminal.read_json("timeline", correlation, exit_codes=(0, 4))
        return document if document and any(entry["depth"] >= 2 and entry["context"] == "deploy" for entry in document["entries"]) else None

    until("the deployment's timeline", 30, find_entries, pause_seconds=1)
    session.terminal.run("timeline", correlation)


def scale_to_zero(session: Session, progress: Progress) -> None:
    session.screen.heading("Scale to zero")
    cluster = Cluster(session.home)
    with progress.step("At zero") as step:

        def is_at_zero() -> bool | None:
            names = sorted(_serving(cluster))
            step.detail = f"{len(names)} still running" if names else "all functions and the application; the gateway stays"
            return None if names else True

        until("scale to zero", 240, is_at_zero, pause_seconds=1)
    response = visit(session.url)
    session.screen.note(f"[dim]cold start: {session.url} answers {response.status} after {response.seconds:.2f} s[/]")


def print_summary(session: Session) -> None:
    """Print what was done and how to continue."""
    home, bill = session.home, session.terminal.read_json("bill")
    settings = cli_environment(home)
    exports = " ".join(f"{name}={shlex.quote(value)}" for name, value in settings.items())
    ports = f"-L {home.ports.gateway}:127.0.0.1:{home.ports.gateway} -L {home.ports.ingress}:127.0.0.1:{home.ports.ingress}"
    note = session.screen.note
    session.screen.heading(f"Done in {time.monotonic() - session.started_at:.0f} s")
    note(f"URL          [bold]{session.url}[/]")
    note(f"bill         {money(bill['total'])} so far, plan {bill['plan']['name']}")
    for number, (seconds, text) in enumerate(session.moments):
        note(f"{'' if number else 'timeline':<12} [dim]{seconds:5.0f} s[/]  {text}")
    note(f"             [dim]each function of the first deployment:[/] capsule timeline {session.first['correlationId']}")
    note(f"try it       curl {session.url}")
    note(f"remotely     ssh {ports} this-machine")
    note(f"continue     export PATH={shlex.quote(str(Path(sys.executable).parent))}:$PATH {exports}")
    note(f"             capsule status --app {session.name}")
    note(f"             capsule logs --follow --app {session.name}")
    note(f"             capsule apps delete {session.name}")
    session.screen.console.print("\ndemo: ok")


def _serving(cluster: Cluster) -> set[str]:
    """Names of Knative Services that have a pod, except the gateway."""
    names = set()
    for pod in cluster.find("v1", "Pod"):
        service = (pod["metadata"].get("labels") or {}).get("serving.knative.dev/service")
        phase = (pod.get("status") or {}).get("phase")
        if service and phase in ("Pending", "Running") and (pod["metadata"]["namespace"], service) != (NAMESPACE, "edge-gateway"):
            names.add(service)
    return names
