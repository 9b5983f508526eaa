"""The chapters in which something goes wrong: each ends with its own reason, and the release that served before serves on."""

from knative.machine.demo.story import Story
from knative.machine.demo.visits import Visitor, visit
from knative.machine.problems import Problem

UNBUILDABLE = {"requirements.txt": "waitress>=3,<4\nno-such-package-on-any-index==1.0\n"}


def does_not_build(story: Story) -> None:
    if story.other:
        story.screen.chapter("A branch that does not exist")
        ref, reason = f"no-such-branch-{story.name}", "ref-not-found"
    else:
        story.screen.chapter("A commit that cannot build")
        ref, reason = story.sample.commit(UNBUILDABLE, "Depend on a package that does not exist", branch=f"{story.name}-1"), "build-failed"
    _fails(story, ref, reason)


def _fails(story: Story, ref: str, reason: str) -> None:
    before = visit(story.url)
    with Visitor(story.url) as visitor:
        story.terminal.run("deploy", "--app", story.name, "--ref", ref, ends=1)
    visitor.must_not_have_suffered()
    ended = story.latest()
    if (ended["status"], ended["reason"]) != ("failed", reason):
        raise Problem(f"the deployment should have failed with {reason}: {ended['status']}, {ended['reason']}: {ended['detail']}")
    told = ", ".join(f"{count} × {status} {text}" for status, text, count in visitor.story)
    story.screen.note(f"[dim]a client that asked all the while saw {told}[/]")
    after = visit(story.url)
    if (after.status, after.text) != (before.status, before.text) and not story.other:
        raise Problem(f"the release that served before answered {before.text.strip()!r}, now there is {after.text.strip()!r}")
