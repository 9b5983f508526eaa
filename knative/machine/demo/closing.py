"""How the demo ends: what happened because of the first deployment, everything at zero, and one screen to go on from."""

import shlex
import sys
import time
from pathlib import Path

from knative.machine.cluster import Cluster
from knative.machine.demo.show import money
from knative.machine.demo.story import Story
from knative.machine.demo.terminal import Json, until
from knative.machine.demo.visits import visit
from knative.machine.keys import NAMESPACE
from knative.machine.progress import Progress
from knative.machine.up import gateway_url


def timeline(story: Story) -> None:
    story.screen.chapter("The first deployment, under one correlation id")
    correlation = str(story.first["correlationId"])

    def told() -> Json | None:
        found = story.terminal.ask("timeline", correlation, ends=(0, 4))
        return found if found and any(entry["depth"] >= 2 and entry["context"] == "deploy" for entry in found["entries"]) else None

    until("the deployment's timeline", 30, told, pause=1)
    story.terminal.run("timeline", correlation)


def to_zero(story: Story, progress: Progress) -> None:
    story.screen.chapter("Nobody asks any more")
    cluster = Cluster(story.home)
    with progress.step("All at zero") as step:

        def none_left() -> bool | None:
            names = sorted(_serving(cluster))
            step.detail = f"waiting for {len(names)}: {', '.join(names)}" if names else "every function and the application; the gateway stays"
            return None if names else True

        until("the scale to zero", 240, none_left, pause=1)
    woken = visit(story.url)
    story.screen.note(f"[dim]and from zero: {story.url} answers {woken.status} after {woken.seconds:.2f} s[/]")


def farewell(story: Story) -> None:
    home, bill = story.home, story.terminal.ask("bill")
    settings = {"CAPSULE_API": gateway_url(home), "CAPSULE_CONFIG": str(home.path / "demo")}
    exports = " ".join(f"{name}={shlex.quote(value)}" for name, value in settings.items())
    ports = f"-L {home.ports.gateway}:127.0.0.1:{home.ports.gateway} -L {home.ports.ingress}:127.0.0.1:{home.ports.ingress}"
    note = story.screen.note
    story.screen.chapter(f"That was the main job, in {time.monotonic() - story.began:.0f} s")
    note(f"URL          [bold]{story.url}[/]")
    note(f"bill         {money(bill['total'])} so far, plan {bill['plan']['name']}")
    for number, (after, what) in enumerate(story.moments):
        note(f"{'' if number else 'timeline':<12} [dim]{after:5.0f} s[/]  {what}")
    note(f"             [dim]the first deployment, function by function:[/] capsule timeline {story.first['correlationId']}")
    note(f"try it       curl {story.url}")
    note(f"from afar    ssh {ports} this-machine")
    note(f"go on        export PATH={shlex.quote(str(Path(sys.executable).parent))}:$PATH {exports}")
    note(f"             capsule status --app {story.name}")
    note(f"             capsule logs --follow --app {story.name}")
    note(f"             capsule delete {story.name}")
    story.screen.console.print("\ndemo: ok")


def _serving(cluster: Cluster) -> set[str]:
    """Knative Services that have a pod, the gateway excepted."""
    found = set()
    for pod in cluster.find("v1", "Pod"):
        service = (pod["metadata"].get("labels") or {}).get("serving.knative.dev/service")
        phase = (pod.get("status") or {}).get("phase")
        if service and phase in ("Pending", "Running") and (pod["metadata"]["namespace"], service) != (NAMESPACE, "edge-gateway"):
            found.add(service)
    return found
