"""A Capsule in memory with something on every page: a team with members, applications, tokens, alerts, dead letters, users with troubles."""

import json
from uuid import UUID

from events.cluster import LogsCollected
from functions.auth.domain.email_limits import EmailKind
from functions.auth.ports import Mailer
from functions.deploy.commands.create_application import CreateApplication
from tests.dashboard.browser import Browser
from tests.monitor.test_timeline import function_line
from tests.monitor.world import platform

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
    for error in ("ClusterUnavailable", "ClusterUnavailable", "KeyError"):
        ada.requester.letters.add("billing.on_usage_recorded", error, capsule.clock)
    return ada.requester.letters.add("deploy.on_build_succeeded", "BuildNotFound", capsule.clock)
