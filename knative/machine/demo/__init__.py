"""`demo`: from registration to a bill, through the HTTP API as a client would; any step that fails ends it with the reason.

It is the main job of Capsule as a person sees it: git repository → build → release → URL that answers, with logs, metered requests and the
bill to show for it. Only two things are not the API's: the mail is read from the local mailbox, and the scale to zero is watched in the cluster.
"""

import os
import secrets
import time
from dataclasses import dataclass, field
from typing import Any

from knative.machine import repositories
from knative.machine.cluster import Cluster
from knative.machine.demo import mailbox
from knative.machine.demo.client import Api, poll, visit
from knative.machine.demo.show import Screen, money
from knative.machine.home import Home
from knative.machine.keys import NAMESPACE
from knative.machine.problems import Problem
from knative.machine.progress import Progress
from knative.machine.up import gateway_url, up

ENDED = ("succeeded", "failed")
ENVIRONMENT = "staging"
REQUESTS = 20
BROKEN = {"requirements.txt": "waitress>=3,<4\nno-such-package-on-any-index==1.0\n"}


@dataclass
class Story:
    """What one chapter leaves to the next."""

    home: Home
    api: Api
    screen: Screen
    repository: str
    bundled: bool
    email: str = field(default_factory=lambda: f"ada-{secrets.token_hex(3)}@example.com")
    name: str = field(default_factory=lambda: f"hello-{secrets.token_hex(2)}")
    application: str = ""
    url: str = ""
    correlation: str = ""
    bill: dict[str, Any] = field(default_factory=dict)


def demo(home: Home, progress: Progress, repository: str | None) -> None:
    up(home, progress)
    asked = repository or os.environ.get("REPO")
    sample = repositories.create(home, "hello", repositories.sample("hello"))
    story = Story(home, Api(gateway_url(home)), Screen(progress.console), asked or sample.url, bundled=not asked)
    began = time.monotonic()
    account(story)
    customer_and_quota(story)
    first_deployment(story)
    answers(story)
    logs_and_bill(story)
    failing_deployment(story, sample)
    timeline(story)
    to_zero(story, progress)
    farewell(story, time.monotonic() - began)


def account(story: Story) -> None:
    story.screen.chapter("A visitor becomes a user")
    password = secrets.token_urlsafe(12)
    _post(story, "/v1/users", {"email": story.email, "password": password}, lambda said: str(said.get("message", "accepted")))
    mail = poll("the verification mail", 20, lambda: mailbox.newest_to(story.home, story.email))
    story.screen.note(f"a mail lies in {story.home.mail}: “{mail['Subject']}”")
    token = mailbox.token_in(mail)
    if token is None:
        raise Problem(f"the mail to {story.email} has no link with a token", "./taskw logs auth-on-email-verification-requested")
    _post(story, "/v1/users/verify", {"token": token}, lambda said: f"{said['email']} is verified")
    session = _post(
        story, "/v1/sessions", {"email": story.email, "password": password}, lambda said: f"signed in for {said['expiresIn'] // 60} minutes"
    )
    story.api.token = session["accessToken"]
    me = _get(story, "/v1/users/me", lambda said: f"{said['email']}, verified: {'yes' if said['emailVerified'] else 'no'}")
    if me["email"] != story.email or not me["emailVerified"]:
        raise Problem(f"the profile is not the one that was registered: {me}")


def customer_and_quota(story: Story) -> None:
    story.screen.chapter("What other contexts made of it, from the event user.created")
    customer = poll("billing's customer on the free plan", 20, lambda: _with(story.api.get("/v1/billing/customer"), "plan"))
    story.screen.request("GET", "/v1/billing/customer", f"plan {customer['plan']['name']}")
    quota = poll("deploy's quota", 20, lambda: story.api.get("/v1/quota"))
    story.screen.request("GET", "/v1/quota", f"{quota['applications']['limit']} applications, {quota['memoryMib']} MiB of memory")


def first_deployment(story: Story) -> None:
    story.screen.chapter(f"From {story.repository} to a URL")
    created = _post(story, "/v1/apps", {"name": story.name, "repository": story.repository}, lambda said: f"application {said['name']}")
    story.application = created["id"]
    began = time.monotonic()
    deployment = _deploy(story, None)
    if deployment["status"] != "succeeded":
        raise Problem(
            f"the deployment ended as {deployment['status']}: {deployment['reason']}: {deployment['detail']}",
            "./taskw logs; the build's log is above",
        )
    story.url, story.correlation = deployment["url"], deployment["correlationId"]
    story.screen.note(
        f"release {deployment['release']}, commit {str(deployment['commit'])[:12]}, [bold]{time.monotonic() - began:.1f} s[/] from deploy to URL"
    )


def answers(story: Story) -> None:
    story.screen.chapter("It answers")
    for number in range(REQUESTS):
        began = time.monotonic()
        answer = visit(story.url)
        if answer.status_code >= 500:
            raise Problem(f"{story.url} answers {answer.status_code}: {answer.text[:200]}", "./taskw status")
        if number == 0:
            story.screen.request("GET", story.url, f"{answer.status_code} {answer.text.strip()[:60]}", time.monotonic() - began)
    story.screen.note(f"[bold]curl {story.url}[/]   and {REQUESTS - 1} times more")


def logs_and_bill(story: Story) -> None:
    story.screen.chapter("What it logged, what it costs")
    path = f"/v1/apps/{story.application}/logs"

    def logged() -> list[dict[str, Any]] | None:
        lines = story.api.get(path, environment=ENVIRONMENT, component="run", limit=5)["lines"]
        return lines if len(lines) > 1 or (lines and not story.bundled) else None

    lines = poll("the application's log lines", 30, logged, pause=1)
    story.screen.request("GET", path.replace(story.application, "…"), "its newest lines")
    for line in lines[-5:]:
        story.screen.line(line["line"])

    def metered() -> dict[str, Any] | None:
        bill = story.api.get("/v1/billing/current")
        mine = sum(line["requests"] for line in bill["lines"] if line["applicationId"] == story.application)
        return bill if mine >= REQUESTS else None

    story.bill = poll(f"{REQUESTS} metered requests on the bill", 90, metered, pause=1)
    story.screen.request("GET", "/v1/billing/current", "what was metered")
    story.screen.bill(story.bill, story.application)


def failing_deployment(story: Story, sample: repositories.Repository) -> None:
    if story.bundled:
        story.screen.chapter("A commit that cannot build")
        ref = sample.commit(BROKEN, "Depend on a package that does not exist", branch=f"broken-{story.name}")
    else:
        story.screen.chapter("A branch that does not exist")
        ref = f"no-such-branch-{story.name}"
    deployment = _deploy(story, ref)
    if deployment["status"] != "failed":
        raise Problem(f"a deployment that could not succeed ended as {deployment['status']}")
    if not deployment["reason"]:
        raise Problem("the failed deployment has no reason")
    story.screen.note(f"[yellow]failed[/]: {deployment['reason']}: {str(deployment['detail'] or '').partition(chr(10))[0]}")
    answer = visit(story.url)
    if answer.status_code >= 500:
        raise Problem(f"the first release no longer answers: {answer.status_code}")
    story.screen.request("GET", story.url, f"{answer.status_code}: the first release still answers")


def timeline(story: Story) -> None:
    story.screen.chapter("The first deployment, under one correlation id")
    path = f"/v1/timeline/{story.correlation}"

    def complete() -> dict[str, Any] | None:
        found = story.api.get(path)
        return found if any("deployment.succeeded" in entry["emitted"] for entry in found["entries"]) else None

    found = poll("the deployment's timeline, up to deployment.succeeded", 30, complete, pause=1)
    story.screen.request("GET", path, f"{len(found['entries'])} entries")
    story.screen.timeline(found)


def to_zero(story: Story, progress: Progress) -> None:
    story.screen.chapter("Nobody asks any more")
    cluster = Cluster(story.home)
    known: list[str] = []
    with progress.step("All at zero") as step:

        def none_left() -> bool | None:
            names = sorted(_serving(cluster))
            if len(names) != len(known):
                story.screen.note(f"[dim]{len(names)} still up{': ' + ', '.join(names) if len(names) < 6 else ''}[/]")
            known[:] = names
            step.detail = f"waiting for {len(names)}: {', '.join(names)}" if names else "every function and the application; the gateway stays"
            return True if not names else None

        poll("the scale to zero", 240, none_left, pause=1)


def farewell(story: Story, seconds: float) -> None:
    story.screen.chapter(f"That was the main job, in {seconds:.0f} s")
    story.screen.note(f"URL        [bold]{story.url}[/]")
    story.screen.note(f"bill       {money(story.bill['total'])}, {gateway_url(story.home)}/v1/billing/current")
    story.screen.note(f"timeline   {gateway_url(story.home)}/v1/timeline/{story.correlation}")
    story.screen.note(f"try        curl {story.url}   ·   ./taskw status   ·   ./taskw logs edge-gateway -f")
    story.screen.console.print("\ndemo: ok")


def _deploy(story: Story, ref: str | None) -> dict[str, Any]:
    """Asks for a deployment and follows its build log until it ended."""
    path = f"/v1/apps/{story.application}/deployments"
    body = {"environment": ENVIRONMENT} | ({"ref": ref} if ref else {})
    asked = _post(
        story, path, body, lambda said: f"deployment of {ref or 'the default branch'} to {ENVIRONMENT}", shown=path.replace(story.application, "…")
    )
    after, until = "0", time.monotonic() + 600
    while True:
        deployment = story.api.get(f"{path}/{asked['id']}")
        after = _build_lines(story, asked["id"], after)
        if deployment["status"] in ENDED:
            time.sleep(1.5)  # the collector sends once a second
            _build_lines(story, asked["id"], after)
            return deployment
        if time.monotonic() > until:
            raise Problem(f"the deployment is still {deployment['status']} after ten minutes", "./taskw status")
        time.sleep(0.5)


def _build_lines(story: Story, deployment: str, after: str) -> str:
    page = story.api.get(f"/v1/apps/{story.application}/logs", deployment=deployment, component="build", after=after)
    for line in page["lines"]:
        story.screen.line(line["line"])
    return str(page["cursor"])


def _serving(cluster: Cluster) -> set[str]:
    """Knative Services that have a pod, the gateway excepted."""
    found = set()
    for pod in cluster.find("v1", "Pod"):
        service = (pod["metadata"].get("labels") or {}).get("serving.knative.dev/service")
        phase = (pod.get("status") or {}).get("phase")
        if service and phase in ("Pending", "Running") and (pod["metadata"]["namespace"], service) != (NAMESPACE, "edge-gateway"):
            found.add(service)
    return found


def _post(story: Story, path: str, body: dict[str, Any], say: Any, shown: str = "") -> dict[str, Any]:
    began = time.monotonic()
    said = story.api.post(path, body)
    story.screen.request("POST", shown or path, say(said), time.monotonic() - began)
    return said


def _get(story: Story, path: str, say: Any) -> dict[str, Any]:
    began = time.monotonic()
    said = story.api.get(path)
    story.screen.request("GET", path, say(said), time.monotonic() - began)
    return said


def _with(said: dict[str, Any], name: str) -> dict[str, Any] | None:
    return said if said.get(name) else None
