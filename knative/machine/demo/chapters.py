"""The chapters in which all goes well: an account, a first deployment, its use and what that costs."""

import time

from knative.machine.demo import mailbox
from knative.machine.demo.show import money
from knative.machine.demo.story import PRODUCTION, STAGING, Story
from knative.machine.demo.terminal import Json, until
from knative.machine.demo.visits import visit, visits
from knative.machine.problems import Problem

REQUESTS = 100
OBSERVED = 15


def account(story: Story) -> None:
    story.screen.chapter("A visitor becomes a user")
    run = story.terminal.run
    run("register", "--email", story.email, "--password-stdin", typed=story.password)
    mail = until("the verification mail", 20, lambda: mailbox.newest_to(story.home, story.email))
    link = mailbox.link_in(mail)
    if link is None:
        raise Problem(f"the mail to {story.email} has no link with a token", "./taskw logs auth-on-email-verification-requested")
    story.screen.note(f"[dim]a mail lies in {story.home.mail}: “{mail['Subject']}”[/]")
    run("verify", link)
    run("login", "--email", story.email, "--password-stdin", typed=story.password)
    run("whoami")
    me = story.terminal.ask("whoami")
    if me["email"] != story.email or not me["emailVerified"]:
        raise Problem(f"the profile is not the one that was registered: {me}")
    story.happened(f"{story.email} registered, verified by mail and signed in")
    until("billing's customer on the free plan", 20, lambda: story.terminal.ask("bill", ends=(0, 4)))


def first_deployment(story: Story) -> None:
    story.screen.chapter("From a git repository to a URL")
    story.terminal.run("apps", "create", story.name, story.repository)
    story.terminal.run("quota")
    seconds = story.terminal.run("deploy", "--app", story.name)
    story.first = story.latest()
    if story.first["status"] != "succeeded":
        raise Problem(f"the deployment ended as {story.first['status']}: {story.first['reason']}")
    story.terminal.run("open", "--app", story.name, "--no-browser")
    seen = visit(story.url)
    if seen.status >= 500:
        raise Problem(f"{story.url} answers {seen.status}: {seen.text[:200]}", "./taskw status")
    story.happened(f"release {story.first['release']} of commit {story.first['commit'][:12]} answers in staging, {seconds:.0f} s after `deploy`")
    story.greeting = seen.text.strip().partition("\n")[0]
    story.screen.note(f"[dim]{seconds:.1f} s from `deploy` to its end; the URL answers {seen.status}[/] {story.greeting[:60]}")


def promotion(story: Story) -> None:
    story.screen.chapter("The same release in production, without a build")
    run = story.terminal.run
    run("scale", "--app", story.name, "--env", PRODUCTION, "--observe", str(OBSERVED))
    run("promote", "--app", story.name)
    promoted = story.latest()
    steps = [step["step"] for step in promoted["steps"]]
    if (promoted["release"], promoted["commit"]) != (story.first["release"], story.first["commit"]) or "building" in steps:
        raise Problem(f"production should serve release {story.first['release']} without a build, and has {promoted}")
    seen = visit(promoted["url"])
    story.happened(f"release {promoted['release']} answers in production too; nothing was built")
    story.screen.note(f"[dim]{promoted['url']} answers {seen.status}[/] {seen.text.strip()[:60]}")


def plan(story: Story) -> None:
    """The payment's own event raises what may run."""
    story.screen.chapter("A paid plan: the payment raises the quota")
    run, ask = story.terminal.run, story.terminal.ask
    before = ask("quota")
    run("plans")
    paid = min((each for each in ask("plans") if each["fee"]["amount"] > 0), key=lambda each: int(each["fee"]["amount"]))
    run("subscription", "change", paid["code"], "--payment-method", "pm_card_visa")
    raised = until("the raised quota", 60, lambda: now if (now := ask("quota"))["applications"]["limit"] > before["applications"]["limit"] else None)
    run("quota")
    story.screen.note(f"[dim]{before['applications']['limit']} → {raised['applications']['limit']} applications[/]")
    run("invoices", "list")
    story.happened(f"plan {paid['name']} paid, {money(paid['fee'])}; {raised['applications']['limit']} applications allowed")


def use(story: Story) -> None:
    """Requests, and what they leave: lines, numbers, a bill that grows."""
    story.screen.chapter(f"{REQUESTS} requests: what it logs, how it fares, what it costs")
    _requests(story)
    story.happened(f"{REQUESTS} requests answered")
    if not story.other:  # whose application may have nothing to say
        until("the application's log lines", 30, lambda: story.terminal.lines("logs", "--app", story.name, "--run", "-n", "5") or None)
    before = until("metered requests on the bill", 90, lambda: _billed(story, REQUESTS), pause=0.5)
    story.happened(f"they are on the bill: {_told(before)}")
    story.terminal.run("logs", "--app", story.name, "--run", "--lines", "5")
    story.terminal.run("metrics", "--app", story.name, "--minutes", "10", "--step", "60")
    story.terminal.run("bill")
    _requests(story)
    after = until(f"{REQUESTS} more on the bill", 90, lambda: _billed(story, _requests_of(before) + REQUESTS), pause=0.5)
    story.happened(f"{REQUESTS} more: {_told(after)}")
    story.screen.note(f"[dim]{REQUESTS} requests more: {_told(before)} → {_told(after)}[/]")
    story.terminal.run("bill")


def _requests(story: Story) -> None:
    began = time.monotonic()
    seen = visits(story.url, REQUESTS)
    bad = [each for each in seen if each.status >= 500]
    if bad:
        raise Problem(f"{len(bad)} of {REQUESTS} requests were answered {bad[0].status}: {bad[0].text[:200]}", "./taskw status")
    seconds = time.monotonic() - began
    story.screen.note(f"[dim]{REQUESTS} × GET {story.url} in {seconds:.1f} s, {REQUESTS / seconds:.0f} a second one after the other[/]")


def _billed(story: Story, at_least: int) -> Json | None:
    """This application's lines of the running bill, added up, once there are enough requests in them."""
    bill = story.terminal.ask("bill")
    mine = [line for line in bill["lines"] if line["applicationId"] == story.first["applicationId"] and line["environment"] == STAGING]
    if sum(line["requests"] for line in mine) < at_least:
        return None
    return {"requests": sum(line["requests"] for line in mine), "cpu": sum(line["cpuMilliseconds"] for line in mine), "total": bill["total"]}


def _requests_of(billed: Json) -> int:
    return int(billed["requests"])


def _told(billed: Json) -> str:
    return f"{billed['requests']} requests, {billed['cpu'] / 1000:.3f} CPU seconds, {money(billed['total'])}"
