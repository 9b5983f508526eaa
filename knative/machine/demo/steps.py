"""The steps that succeed: an account, a first deployment, a promotion, a paid plan, usage and its bill."""

import time

from knative.machine import mailbox
from knative.machine.demo.screen import money
from knative.machine.demo.session import PRODUCTION, STAGING, Session
from knative.machine.demo.terminal import Json, until
from knative.machine.demo.visits import visit, visits
from knative.machine.problems import Problem

REQUEST_COUNT = 100
OBSERVATION_SECONDS = 15


def create_account(session: Session) -> None:
    session.screen.heading("Create an account")
    run = session.terminal.run
    run("register", "--email", session.email, "--password-stdin", standard_input=session.password)
    message = until("the verification e-mail", 20, lambda: mailbox.find_newest(session.home, session.email))
    link = mailbox.find_link(message)
    if link is None:
        raise Problem(f"The e-mail to {session.email} contains no link with a token.", "./taskw logs auth-on-email-verification-requested")
    session.screen.note(f"[dim]e-mail: “{mailbox.header(message, 'Subject')}”[/]")
    run("verify", link, "--password-stdin", standard_input=session.password)
    run("login", "--email", session.email, "--password-stdin", standard_input=session.password)
    run("whoami")
    me = session.terminal.read_json("whoami")
    if me["email"] != session.email or not me["emailVerified"]:
        raise Problem(f"Unexpected profile after registration: {me}")
    session.record(f"{session.email} registered, verified and signed in")
    until("a customer on the free plan", 20, lambda: session.terminal.read_json("bill", exit_codes=(0, 4)))


def deploy_first_release(session: Session) -> None:
    session.screen.heading("Deploy from a git repository")
    session.terminal.run("apps", "create", session.name, session.repository)
    session.terminal.run("quota")
    seconds = session.terminal.run("deploy", "--app", session.name)
    session.first = session.latest()
    if session.first["status"] != "succeeded":
        raise Problem(f"The deployment ended with status {session.first['status']}: {session.first['reason']}")
    session.terminal.run("open", "--app", session.name, "--no-browser")
    response = visit(session.url)
    if response.status >= 500:
        raise Problem(f"{session.url} answers {response.status}: {response.text[:200]}", "./taskw status")
    session.record(f"r{session.first['release']} (commit {session.first['commit'][:12]}) serves staging, {seconds:.0f} s after `deploy`")
    session.greeting = response.text.strip().partition("\n")[0]
    session.screen.note(f"[dim]deployed in {seconds:.1f} s; the URL answers {response.status}[/] {session.greeting[:60]}")


def promote(session: Session) -> None:
    session.screen.heading("Promote the release to production")
    run = session.terminal.run
    run("scale", "--app", session.name, "--env", PRODUCTION, "--observe", str(OBSERVATION_SECONDS))
    run("promote", "--app", session.name)
    promoted = session.latest()
    steps = [step["step"] for step in promoted["steps"]]
    if (promoted["release"], promoted["commit"]) != (session.first["release"], session.first["commit"]) or "building" in steps:
        raise Problem(f"Expected r{session.first['release']} in production without a build, got {promoted}")
    response = visit(promoted["url"])
    session.record(f"r{promoted['release']} serves production, without a build")
    session.screen.note(f"[dim]{promoted['url']} answers {response.status}[/] {response.text.strip()[:60]}")


def subscribe(session: Session) -> None:
    """A payment, and the quota that its event raises."""
    session.screen.heading("Subscribe to a paid plan: the payment raises the quota")
    run, read_json = session.terminal.run, session.terminal.read_json
    previous = read_json("quota")
    run("plans")
    paid = min((each for each in read_json("plans") if each["fee"]["amount"] > 0), key=lambda each: int(each["fee"]["amount"]))
    run("subscription", "change", paid["code"], "--payment-method", "pm_card_visa")
    raised = until(
        "the raised quota", 60, lambda: quota if (quota := read_json("quota"))["applications"]["limit"] > previous["applications"]["limit"] else None
    )
    run("quota")
    session.screen.note(f"[dim]{previous['applications']['limit']} → {raised['applications']['limit']} applications[/]")
    run("invoices", "list")
    session.record(f"plan {paid['name']} paid, {money(paid['fee'])}; {raised['applications']['limit']} applications allowed")


def use_and_bill(session: Session) -> None:
    """Requests, and the logs, metrics and billing that follow from them."""
    session.screen.heading(f"{REQUEST_COUNT} requests: logs, metrics and the bill")
    _send_requests(session)
    session.record(f"{REQUEST_COUNT} requests answered")
    if not session.is_foreign:  # another application may log nothing
        until("the application's log lines", 30, lambda: session.terminal.read_json_lines("logs", "--app", session.name, "--run", "-n", "5") or None)
    before = until("the requests on the bill", 90, lambda: _billed(session, REQUEST_COUNT), pause_seconds=0.5)
    session.record(f"on the bill: {_describe(before)}")
    session.terminal.run("logs", "--app", session.name, "--run", "--lines", "5")
    session.terminal.run("metrics", "--app", session.name, "--minutes", "10", "--step", "60")
    session.terminal.run("bill")
    _send_requests(session)
    after = until(f"{REQUEST_COUNT} more and their CPU on the bill", 90, lambda: _more_billed(session, before), pause_seconds=0.5)
    session.record(f"{REQUEST_COUNT} more: {_describe(after)}")
    session.screen.note(f"[dim]{REQUEST_COUNT} more requests: {_describe(before)} → {_describe(after)}[/]")
    session.terminal.run("bill")


def _send_requests(session: Session) -> None:
    started_at = time.monotonic()
    failed = [each for each in visits(session.url, REQUEST_COUNT) if each.status >= 500]
    if failed:
        raise Problem(f"{len(failed)} of {REQUEST_COUNT} requests got {failed[0].status}: {failed[0].text[:200]}", "./taskw status")
    seconds = time.monotonic() - started_at
    session.screen.note(f"[dim]{REQUEST_COUNT} × GET {session.url} in {seconds:.1f} s, {REQUEST_COUNT / seconds:.0f} /s, one after the other[/]")


def _billed(session: Session, min_requests: int) -> Json | None:
    """The application's usage on the current bill, summed; None while it contains fewer requests."""
    bill = session.terminal.read_json("bill")
    lines = [line for line in bill["lines"] if line["applicationId"] == session.first["applicationId"] and line["environment"] == STAGING]
    if sum(line["requests"] for line in lines) < min_requests:
        return None
    return {"requests": sum(line["requests"] for line in lines), "cpu": sum(line["cpuMilliseconds"] for line in lines), "total": bill["total"]}


def _more_billed(session: Session, before: Json) -> Json | None:
    """The usage when it has more requests and their CPU time, which is measured some seconds later. None until then."""
    after = _billed(session, int(before["requests"]) + REQUEST_COUNT)
    return after if after and after["cpu"] > before["cpu"] else None


def _describe(billed: Json) -> str:
    return f"{billed['requests']} requests, {billed['cpu'] / 1000:.3f} CPU seconds, {money(billed['total'])}"
