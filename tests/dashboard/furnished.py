"""A Capsule in memory with something on every page: a team with members, applications, tokens, alerts, dead letters, users with troubles."""

import json
import re
from functools import cache
from pathlib import Path
from typing import Any
from uuid import UUID

import yaml

import functions
from events.cluster import LogsCollected
from functions.auth.domain.email_limits import EmailKind
from functions.auth.ports import Mailer
from functions.deploy.commands.create_application import CreateApplication
from functions.deploy.ports import Cluster
from functions.monitor.ports import Queues
from tests.capsule import Capsule
from tests.dashboard.browser import Browser, closed_circuits
from tests.memory.deploy_cluster import MemoryCluster
from tests.memory.monitor_queues import MemoryQueues
from tests.monitor.test_timeline import function_line
from tests.monitor.world import platform

BASE = Path(functions.__file__).parent.parent / "knative" / "base"
BOB, CYD, EVE = "bob@example.org", "cyd.with-a-rather-long-address@subdomain.example.org", "eve@example.org"


async def furnish(ada: Browser, *, with_hello: bool = True) -> str:
    """Fill the pages of an administrator who is signed in. Returns the id of the team."""
    ada.tokens.is_recent = True
    capsule = ada.capsule
    location = (await ada.send("/teams", name="crew")).headers["location"]
    team = location.partition("?")[0].removeprefix("/teams/")
    await join(ada, team, BOB, "developer")
    await join(ada, team, CYD, "viewer")
    await ada.send(f"/teams/{team}/invitations", email="dan@example.org", role="admin")
    accounts = f"/teams/{team}/service-accounts"
    await ada.send(accounts, name="ci", role="developer")
    [account] = set(re.findall(rf'href="({accounts}/[^"]+)"', (await ada.open(accounts)).text))
    await ada.send(f"{account}/tokens", name="github-actions", days="30", **{"scope-read": "on", "scope-deploy": "on"})
    for name in ("shop", "api-gateway"):
        await capsule.call(CreateApplication(name=name, repository=f"https://git.example.com/{name}.git", team_id=UUID(team)), caller=ada.caller())
        await capsule.settle()
    if with_hello:
        await ada.create("hello")
    return team


async def join(owner: Browser, team: str, address: str, role: str) -> Browser:
    """Another user accepts an invitation in a browser of their own."""
    member = await Browser(owner.capsule, tokens=owner.tokens).become_a_user(address)
    sent = await owner.send(f"/teams/{team}/invitations", email=address, role=role)
    assert sent.status_code == 303, sent.text
    token = owner.capsule.port(Mailer).tokens(EmailKind.INVITATION)[-1]
    joined = await member.send("/accept-invitation", secretToken=token)
    assert joined.status_code == 303, joined.text
    return member


async def furnish_operations(ada: Browser) -> UUID:
    """Fill the pages of operators: executions, log lines, a suspended and a locked user, dead letters. Returns the id of one letter."""
    capsule, now = ada.capsule, ada.capsule.clock.now()
    eve = await Browser(capsule, tokens=ada.tokens).become_a_user(EVE)
    user_id = eve.caller().user_id
    await ada.send(f"/operations/users/{user_id}/suspension", reason="Repeated abuse reports.")
    visitor = Browser(capsule)
    for _ in range(12):
        await visitor.send("/sign-in", email=BOB, password="wrong")
    runs = (("auth.register", "done", 41.0), ("deploy.on_build_succeeded", "failed", 180.0), ("billing.rate", "done", 9.0))
    journal = [
        function_line(function=name, context=name.partition(".")[0], kind="event", outcome=outcome, ms=milliseconds, at=now.isoformat())
        for name, outcome, milliseconds in runs
    ]
    lines = ("GET https://registry.example failed: connection refused", json.dumps({"level": "error", "msg": "the build failed"}))
    service = {"serving.knative.dev/service": "deploy-on-build-succeeded"}
    await capsule.publish(LogsCollected(entries=[*(platform(line, now) for line in journal), *(platform(line, now, **service) for line in lines)]))
    await capsule.advance(seconds=5)
    run_functions(capsule)
    ada.gateway.reports = {**closed_circuits(), "billing": {"circuit": "open", "inProgress": 0, "waiting": 3, "retryAfterSeconds": 4}}
    for error in ("ClusterUnavailable", "ClusterUnavailable", "KeyError"):
        ada.requester.letters.add("billing.on_usage_recorded", error, capsule.clock)
    return ada.requester.letters.add("deploy.on_build_succeeded", "BuildNotFound", capsule.clock)


@cache
def services() -> list[dict[str, Any]]:
    """The Services of all functions, as `up` applies them."""
    files = [yaml.load_all((BASE / f"{context}.yaml").read_text(), yaml.CSafeLoader) for context in ("auth", "billing", "deploy", "monitor")]
    return [each for manifests in files for each in manifests if each and each["kind"] == "Service"]


def run_functions(capsule: Capsule) -> MemoryCluster:
    """The platform's own Services as `up` applies them, with some instances, and queues with messages."""
    cluster, queues = capsule.port(Cluster), capsule.port(Queues)
    assert isinstance(cluster, MemoryCluster) and isinstance(queues, MemoryQueues)
    cluster.objects |= {("Service", "capsule", each["metadata"]["name"]): dict(each) for each in services()}
    at = capsule.clock.now().isoformat()
    for number, service in enumerate(("auth-login", "auth-login", "deploy-deploy", "monitor-logs")):
        cluster.start_pod("capsule", service, name=f"{service}-{number}", at=at)
    cluster.objects["Service", "capsule", "billing-on-usage-measured"]["status"] = {
        "conditions": [{"type": "Ready", "status": "False", "message": 'Secret "billing-settings" has no key STRIPE_API_KEY.'}]
    }
    depths = {"auth-register": (0, 1, 2), "billing-on-usage-measured": (37, 0, 0), "deploy-on-build-succeeded": (4, 2, 1), "monitor-logs": (0, 0, 1)}
    queues.reported = [
        {
            "name": f"capsule.{service}.0b9f1c52-3a4e-4d0f-8f6b-5a1d2c3e4f50",
            "messages_ready": ready,
            "messages_unacknowledged": unacknowledged,
            "consumers": consumers,
            "state": "running",
        }
        for service, (ready, unacknowledged, consumers) in depths.items()
    ]
    queues.reported += [{"name": "capsule.delay.60s", "messages_ready": 12, "state": "running"}, {"name": "capsule.replies.x", "messages_ready": 9}]
    return cluster
