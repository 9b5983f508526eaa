"""`demo`: Capsule's main job with the `capsule` command, from registration to the bill.

Git repository → build → release → URL that answers, with logs, metrics and the bill; then three commits that fail in different ways while the
previous release keeps serving. The demo ends at the first step that fails, with the reason. Three things happen outside the command: e-mails are
read from the local mailbox, commits are made with git, and requests go to the application directly.
"""

import os

from knative.machine import repositories
from knative.machine.demo import closing, failures, steps
from knative.machine.demo.screen import Screen
from knative.machine.demo.session import Session
from knative.machine.demo.terminal import Terminal, cli_environment
from knative.machine.home import Home
from knative.machine.progress import Progress
from knative.machine.up import up
from knative.machine.variables import REPO


def demo(home: Home, progress: Progress, repository: str | None) -> None:
    """Start Capsule if necessary and run all steps. `repository`: deploy this repository instead of the bundled sample. Raises: Problem."""
    up(home, progress)
    sample = repositories.create(home, "hello", repositories.sample("hello"))
    terminal = Terminal(progress.console, cli_environment(home))
    session = Session(home, terminal, Screen(progress.console), sample, repository or REPO.read(os.environ) or None)
    steps.create_account(session)
    steps.deploy_first_release(session)
    steps.promote(session)
    steps.subscribe(session)
    steps.use_and_bill(session)
    failures.fail_before_traffic(session)
    failures.fail_under_traffic(session)
    failures.show_alerts(session)
    closing.show_timeline(session)
    closing.scale_to_zero(session, progress)
    closing.print_summary(session)
