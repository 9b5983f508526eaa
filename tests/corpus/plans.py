"""`./taskw corpus --plans`: plan every row from its mirror and build nothing. Shows within seconds what a change of a rule does to all rows."""

import subprocess
from collections.abc import Sequence
from pathlib import Path

from knative.builder.failure import BuildFailure
from knative.builder.planning import make_plan
from knative.builder.planning.plan import BuildSettings, Plan
from knative.builder.planning.tree import Tree
from tests.corpus.availability import find_mirror, has_commit
from tests.corpus.table import Row


def plan(row: Row, mirrors: Path) -> Plan | str | None:
    """The plan of a row, or the message that refuses it; None without a mirror."""
    mirror = find_mirror(mirrors, row.repository)
    if mirror is None or not has_commit(mirror, row.commit):
        return None
    try:
        return make_plan(read_tree(mirror, row.commit), BuildSettings(directory=row.directory))
    except BuildFailure as failure:
        return f"{failure.reason}: {failure.detail}"


def read_tree(mirror: Path, commit: str) -> Tree:
    """The files of a commit, read from the bare repository when they are needed."""
    listing = _git(mirror, "ls-tree", "-r", "-z", "--name-only", "--full-tree", commit)
    return Tree(listing.decode().split("\0")[:-1], lambda path: _git(mirror, "cat-file", "blob", f"{commit}:{path}"))


def describe(rows: Sequence[Row], mirrors: Path) -> tuple[str, int]:
    """Return each row's plan as text, and how many differ from the table."""
    planned = [(row, plan(row, mirrors)) for row in rows]
    lines = [f"{_mark(row, each)} {row.name}: {_describe(each)}" for row, each in planned]
    return "\n".join(lines), sum(not is_expected(row, each) for row, each in planned)


def is_expected(row: Row, planned: Plan | str | None) -> bool:
    """Whether the plan is that of the table. A row without a mirror has none, and a refusal before the plan names its cause."""
    if isinstance(planned, str):
        return bool(row.refused) and not row.plan and row.refused.lower() in planned.lower()
    return planned is None or planned.kind == row.plan


def _mark(row: Row, planned: Plan | str | None) -> str:
    return "-  " if planned is None else "ok " if is_expected(row, planned) else "✗  "


def _describe(planned: Plan | str | None) -> str:
    if planned is None:
        return "no mirror"
    if isinstance(planned, str):
        return planned
    toolchains = " ".join(f"{each.name} {each.constraint}".strip() for each in planned.toolchains)
    steps = "; ".join(" ".join(step.command) for step in planned.steps)
    start = planned.start or f"site {planned.site}{' (single page)' if planned.is_single_page else ''}"
    notices = "".join(f"\n      notice: {notice}" for notice in planned.notices)
    return f"{planned.kind} ({planned.reason}) [{toolchains}]\n      steps: {steps}\n      start: {start}{notices}"


def _git(mirror: Path, *arguments: str) -> bytes:
    command = ["git", "-c", f"safe.directory={mirror}", "--git-dir", str(mirror), *arguments]
    return subprocess.run(command, capture_output=True, check=True).stdout
