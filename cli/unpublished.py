"""What a deployment leaves out: changes of the working folder that the repository's host does not have."""

from collections.abc import Iterator
from pathlib import Path

from cli.client import Json
from cli.git import Clone


def warnings(application: Json, ref: str | None, folder: Path) -> Iterator[str]:
    """Yield a sentence for uncommitted changes, for commits that are not pushed, and for another checked-out branch.

    Nothing outside a clone of the application's repository.
    """
    repository = application.get("repository")
    clone = Clone.find(folder) if repository else None
    remote = clone.remote_of(repository) if clone and repository else None
    if clone is None or remote is None:
        return
    if files := clone.changed_files():
        yield f"{_count(files, 'file')} with uncommitted changes: a deployment builds what {remote} has. Commit and push to include them."
    branch = ref or application.get("branch") or clone.default_branch(remote) or clone.branch
    if branch and (commits := clone.unpushed_commits(branch, remote)):
        yield f"{_count(commits, 'commit')} of {branch} not pushed to {remote}. Include them: git push {remote} {branch}"
    if ref is None and branch and clone.branch not in (branch, None):
        yield f"This folder is on {clone.branch}; the deployment builds {branch}. Deploy this branch: capsule deploy --ref {clone.branch}"


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
