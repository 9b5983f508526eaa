"""The chapters in which something goes wrong: each ends with its own reason, and the release that served before serves on."""

from collections.abc import Mapping

from knative.machine import repositories
from knative.machine.demo import mailbox
from knative.machine.demo.story import PRODUCTION, STAGING, Story
from knative.machine.demo.terminal import Json, until
from knative.machine.demo.visits import Visitor, visit
from knative.machine.problems import Problem

UNBUILDABLE = {"requirements.txt": "waitress>=3,<4\nno-such-package-on-any-index==1.0\n"}
UNREADY = {"app.py": 'raise SystemExit("the setting DATABASE is missing")\n'}
BAD = "v2 is broken"
GOOD_ANSWERS = 25
SECOND = "Hello from v2!"


def turns_bad() -> dict[str, str]:
    """The sample, which greets as v2 and after a while answers 500."""
    source = repositories.sample("hello")["app.py"].replace("Hello from Capsule!", SECOND)
    answering = """    body = f"{GREETING}\\n".encode()
    start_response("200 OK","""
    turning = f"""    global answered
    answered += 1
    bad = answered > {GOOD_ANSWERS}
    body = b"{BAD}\\n" if bad else f"{{GREETING}}\\n".encode()
    start_response("500 Internal Server Error" if bad else "200 OK","""
    if answering not in source:
        raise Problem("the bundled sample is not the one that this demo knows how to break")
    return {"app.py": source.replace(answering, turning).replace("GREETING =", "answered = 0\nGREETING =")}


def do_not_come_up(story: Story) -> None:
    """Never a request reaches them."""
    if story.other:
        story.screen.chapter("A branch that does not exist")
        _fails(story, f"no-such-branch-{story.name}", STAGING, "ref-not-found")
        return
    story.screen.chapter("A commit that cannot build")
    _fails(story, _pushed(story, UNBUILDABLE, "Depend on a package that does not exist"), STAGING, "build-failed")
    story.screen.chapter("A commit that builds, and never becomes ready")
    _fails(story, _pushed(story, UNREADY, "Ask for a setting that nobody set"), STAGING, "exits-at-start")


def takes_traffic_and_fails(story: Story) -> None:
    if story.other:
        return
    story.screen.chapter("A commit that becomes ready, takes traffic, and then fails: it is rolled back by itself")
    visitor = _fails(story, _pushed(story, turns_bad(), "Say hello as v2"), PRODUCTION, "failing-requests", bad=BAD, back=True)
    texts = [text for _, text, _ in visitor.story]
    if SECOND not in texts or texts[-1] != story.greeting or texts[0] != story.greeting:
        raise Problem(f"the visitor should have seen {story.greeting!r}, {SECOND!r} and {story.greeting!r} again, and saw {visitor.story}")
    story.terminal.run("status", "--app", story.name)
    story.terminal.run("releases", "--app", story.name)


def alerts(story: Story) -> None:
    """Whoever was not looking is told."""
    story.screen.chapter("Who did not look was told")

    def stored() -> list[Json] | None:
        found = story.terminal.ask("alerts", "list", "--app", story.name)
        return found if any(each["kind"] == "deployment-failed" for each in found) else None

    found = until("an alert of the failed deployments", 60, stored, pause=1)
    story.terminal.run("alerts", "list", "--app", story.name)
    mail = until("the alert's mail", 60, lambda: mailbox.newest_to(story.home, story.email, about=story.name))
    story.screen.note(f"[dim]a mail lies in {story.home.mail}: “{mail['Subject']}”[/]")
    story.happened(f"alerts stored and mailed: {len(found)}")
    story.terminal.run("alerts", "ack", found[0]["id"])


def _pushed(story: Story, changes: Mapping[str, str], message: str) -> str:
    """A branch with one commit on top of what serves."""
    branch = f"{story.name}-{message.split()[0].lower()}"
    commit = story.sample.commit(changes, message, branch=branch)
    story.screen.note(f"[dim]git push origin {branch}   {commit[:12]} “{message}”[/]")
    return branch


def _fails(story: Story, ref: str, environment: str, reason: str, *, bad: str | None = None, back: bool = False) -> Visitor:
    url = story.url_in(environment)
    before = visit(url)
    with Visitor(url) as visitor:
        story.terminal.run("deploy", "--app", story.name, "--env", environment, "--ref", ref, ends=1)
        if not story.other:  # whose application may answer something else each time
            visitor.see_again(before)
    ended = story.latest()
    if ended["status"] != ("rolled-back" if back else "failed") or ended["reason"] != reason:
        raise Problem(f"the deployment should have ended with {reason}: {ended['status']}, {ended['reason']}: {ended['detail']}")
    visitor.must_not_have_suffered(bad)
    story.screen.note(
        "[dim]a client that asked all the while saw " + ", then ".join(f"{n} × {status} {text!r}" for status, text, n in visitor.story) + "[/]"
    )
    return visitor
