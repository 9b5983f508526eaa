"""`demo`: the main job of Capsule as a person does it, from registration to the bill, through the `capsule` command.

git repository → build → release → URL that answers, with logs, metrics and the bill to show for it; and commits that go wrong, each in its own
way, while the release that served before serves on. Any step that fails ends it with the reason. Three things are not the command's: the mail is
read from the local mailbox, commits are made with git, and the application's own visitors ask it directly.
"""

import os

from knative.machine import repositories
from knative.machine.demo import accidents, chapters, closing
from knative.machine.demo.show import Screen
from knative.machine.demo.story import Story
from knative.machine.demo.terminal import Terminal
from knative.machine.home import Home
from knative.machine.progress import Progress
from knative.machine.up import gateway_url, up


def demo(home: Home, progress: Progress, repository: str | None) -> None:
    up(home, progress)
    sample = repositories.create(home, "hello", repositories.sample("hello"))
    terminal = Terminal(progress.console, {"CAPSULE_API": gateway_url(home), "CAPSULE_CONFIG": str(home.path / "demo")})
    story = Story(home, terminal, Screen(progress.console), sample, repository or os.environ.get("REPO") or None)
    chapters.account(story)
    chapters.first_deployment(story)
    chapters.promotion(story)
    chapters.plan(story)
    chapters.use(story)
    accidents.do_not_come_up(story)
    accidents.takes_traffic_and_fails(story)
    accidents.alerts(story)
    closing.timeline(story)
    closing.to_zero(story, progress)
    closing.farewell(story)
