"""The git clone of the working folder, read with the `git` program."""

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from cli.repositories import identity

TIMEOUT_SECONDS = 10


@dataclass(frozen=True)
class Clone:
    root: Path
    prefix: str
    """The working folder, relative to the root; empty at the root."""

    @classmethod
    def find(cls, folder: Path) -> "Clone | None":
        """Return the clone that holds the folder; None if there is none, or no git."""
        answer = _git(folder, "rev-parse", "--show-toplevel", "--show-prefix")
        if answer is None:
            return None
        root, _, prefix = answer.partition("\n")
        return cls(Path(root), prefix.strip().rstrip("/"))

    @property
    def origin(self) -> str | None:
        return self._run("remote", "get-url", "origin")

    @property
    def branch(self) -> str | None:
        """The checked-out branch; None for a detached HEAD."""
        return self._run("symbolic-ref", "--quiet", "--short", "HEAD")

    def remote_of(self, address: str) -> str | None:
        """Return the name of the remote that has this address, in any protocol."""
        for name in (self._run("remote") or "").splitlines():
            if identity(self._run("remote", "get-url", name) or "") == identity(address):
                return name
        return None

    def default_branch(self, remote: str) -> str | None:
        """Return the remote's default branch, as it was when the repository was cloned."""
        head = self._run("symbolic-ref", "--quiet", "--short", f"refs/remotes/{remote}/HEAD")
        return head.removeprefix(f"{remote}/") if head else None

    def changed_files(self) -> int:
        """Count files with changes that are not committed, without ignored ones."""
        return len((self._run("status", "--porcelain", "--untracked-files=normal") or "").splitlines())

    def unpushed_commits(self, branch: str, remote: str) -> int | None:
        """Count commits of a local branch that the remote did not have at the last fetch or push; None without such a branch."""
        if self._run("rev-parse", "--quiet", "--verify", f"refs/heads/{branch}") is None:
            return None
        answer = self._run("rev-list", "--count", f"refs/heads/{branch}", "--not", f"--remotes={remote}")
        return int(answer) if answer else None

    def _run(self, *arguments: str) -> str | None:
        return _git(self.root, *arguments)


def _git(folder: Path, *arguments: str) -> str | None:
    """Return the output of a git command; None if it fails."""
    try:
        done = subprocess.run(
            ["git", *arguments],
            cwd=folder,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=TIMEOUT_SECONDS,
            check=False,
            env={**os.environ, "GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C"},
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.rstrip("\n") if done.returncode == 0 else None
