"""Deployments that fail, each with its own reason, while the previous release keeps serving."""

from collections.abc import Mapping

from knative.machine import mailbox, repositories
from knative.machine.demo.session import PRODUCTION, STAGING, Session
from knative.machine.demo.terminal import Json, until
from knative.machine.demo.visits import Visitor, visit
from knative.machine.problems import Problem

BUILD_FAILS = {"requirements.txt": "waitress>=3,<4\nno-such-package-on-any-index==1.0\n"}
START_FAILS = {"app.py": 'raise SystemExit("the setting DATABASE is missing")\n'}
BAD_ANSWER = "v2 is broken"
GOOD_ANSWER_COUNT = 25
SECOND_GREETING = "Hello from v2!"


def failing_sample() -> dict[str, str]:
    """The sample, changed to greet as v2 and to answer 500 after some requests."""
    source = repositories.sample("hello")["app.py"].replace("Hello from Capsule!", SECOND_GREETING)
    original = """    body = f"{GREETING}\\n".encode()
    start_response("200 OK","""
    replacement = f"""    global answered
    answered += 1
    bad = answered > {GOOD_ANSWER_COUNT}
    body = b"{BAD_ANSWER}\\n" if bad else f"{{GREETING}}\\n".encode()
    start_response("500 Internal Server Error" if bad else "200 OK","""
    if original not in source:
        raise Problem(
            "The bundled sample has changed: the demo cannot modify it to fail.", "Adapt failing_sample in knative/machine/demo/failures.py"
        )
    return {"app.py": source.replace(original, replacement).replace("GREETING =", "answered = 0\nGREETING =")}


def fail_before_traffic(session: Session) -> None:
    """Deployments that fail before they receive a request."""
    if session.is_foreign:
        session.screen.heading("A branch that does not exist")
        _deploy_and_fail(session, f"no-such-branch-{session.name}", STAGING, "ref-not-found")
        return
    session.screen.heading("A commit whose build fails")
    _deploy_and_fail(session, _push(session, BUILD_FAILS, "Depend on a package that does not exist"), STAGING, "build-failed")
    session.screen.heading("A commit that builds and exits at start")
    _deploy_and_fail(session, _push(session, START_FAILS, "Require the setting DATABASE"), STAGING, "exits-at-start")


def fail_under_traffic(session: Session) -> None:
    """A release that receives requests, fails, and is rolled back."""
    if session.is_foreign:
        return
    session.screen.heading("A commit that fails under traffic and is rolled back automatically")
    visitor = _deploy_and_fail(
        session, _push(session, failing_sample(), "Say hello as v2"), PRODUCTION, "failing-requests", bad_answer=BAD_ANSWER, is_rolled_back=True
    )
    texts = [text for _, text, _ in visitor.summary]
    if SECOND_GREETING not in texts or texts[-1] != session.greeting or texts[0] != session.greeting:
        raise Problem(f"Expected the answers {session.greeting!r}, {SECOND_GREETING!r}, {session.greeting!r}; got {visitor.summary}")
    session.terminal.run("status", "--app", session.name)
    session.terminal.run("releases", "--app", session.name)


def show_alerts(session: Session) -> None:
    """The alert of the failed deployments, and its e-mail."""
    session.screen.heading("Alerts by e-mail")

    def find_alerts() -> list[Json] | None:
        listed = session.terminal.read_json("alerts", "list", "--app", session.name)
        return listed if any(each["kind"] == "deployment-failed" for each in listed) else None

    alerts = until("an alert about the failed deployments", 60, find_alerts, pause_seconds=1)
    session.terminal.run("alerts", "list", "--app", session.name)
    message = until("the e-mail of the alert", 60, lambda: mailbox.find_newest(session.home, session.email, subject=session.name))
    session.screen.note(f"[dim]e-mail: “{mailbox.header(message, 'Subject')}”[/]")
    session.record(f"{len(alerts)} alerts, sent by e-mail")
    session.terminal.run("alerts", "ack", alerts[0]["id"])


def _push(session: Session, changes: Mapping[str, str], message: str) -> str:
    """Commit to a new branch on top of the main branch; return the branch."""
    branch = f"{session.name}-{message.split()[0].lower()}"
    commit = session.sample.commit(changes, message, branch=branch)
    session.screen.note(f"[dim]git push origin {branch}   {commit[:12]} “{message}”[/]")
    return branch


def _deploy_and_fail(
    session: Session, ref: str, environment: str, reason: str, *, bad_answer: str | None = None, is_rolled_back: bool = False
) -> Visitor:
    url = session.url_in(environment)
    expected = visit(url)
    with Visitor(url) as visitor:
        session.terminal.run("deploy", "--app", session.name, "--env", environment, "--ref", ref, exit_code=1)
        if not session.is_foreign:  # another application may answer differently each time
            visitor.wait_for(expected)
    deployment = session.latest()
    if deployment["status"] != ("rolled-back" if is_rolled_back else "failed") or deployment["reason"] != reason:
        raise Problem(
            f"The deployment should have ended with {reason}, and ended with {deployment['status']}, {deployment['reason']}: {deployment['detail']}"
        )
    visitor.require_no_errors(bad_answer)
    session.screen.note(
        "[dim]a client that sent requests throughout got " + ", then ".join(f"{n} × {status} {text!r}" for status, text, n in visitor.summary) + "[/]"
    )
    return visitor
