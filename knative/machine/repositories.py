"""Git repositories on this machine: the bundled samples and those that tests create. The Service `samples` serves them read-only.

Commits are made through the file system. The files are readable by every user, because another user serves them.

    repository = repositories.create(home, "hello", files=repositories.sample("hello"))
    commit = repository.commit({"requirements.txt": "no-such-package==1\n"}, "Break the build")
    repository.url                  # http://samples.localhost:7080/hello.git
"""

import os
import shlex
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from knative.machine.home import Home
from knative.machine.problems import Problem

SAMPLES = Path(__file__).with_name("samples")
BRANCH = "main"
HOST = "samples.localhost"
READABLE = "0644"
AUTHOR = {
    "GIT_AUTHOR_NAME": "Capsule",
    "GIT_AUTHOR_EMAIL": "capsule@localhost",
    "GIT_COMMITTER_NAME": "Capsule",
    "GIT_COMMITTER_EMAIL": "capsule@localhost",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
}


@dataclass(frozen=True)
class Repository:
    """A bare repository. Commits are made in a temporary clone."""

    path: Path
    url: str

    @property
    def head(self) -> str:
        """The commit of the main branch."""
        return self.at(BRANCH)

    def at(self, branch: str) -> str:
        """The commit of a branch."""
        return self._git(self.path, "rev-parse", branch).strip()

    def commit(self, changes: Mapping[str, str | None], message: str, branch: str = BRANCH) -> str:
        """Commit file changes (None deletes a file) on top of the main branch and return the commit. Another branch is reset to it first."""
        with tempfile.TemporaryDirectory() as folder:
            work = Path(folder) / "work"
            self._git(Path(folder), "clone", "-q", f"--upload-pack={self._trusting} upload-pack", str(self.path), str(work))
            self._git(work, "checkout", "-q", "-B", branch)
            for name, content in changes.items():
                file = work / name
                if content is None:
                    file.unlink()
                else:
                    file.parent.mkdir(parents=True, exist_ok=True)
                    file.write_text(content)
            self._git(work, "add", "--all")
            self._git(work, "commit", "-q", "--allow-empty", "-m", message)
            self._git(work, "push", "-q", "--force", f"--receive-pack={self._trusting} receive-pack", "origin", branch)
        return self.at(branch)

    def make_readable(self) -> None:
        """Make all files readable by every user, now and in later commits, independent of the umask (`core.sharedRepository`, git-config(1))."""
        if self._git(self.path, "config", "--default", "", "--get", "core.sharedRepository").strip() == READABLE:
            return
        for folder, _, files in os.walk(self.path):
            os.chmod(folder, 0o755)
            for name in files:
                file = Path(folder, name)
                file.chmod(0o755 if file.stat().st_mode & stat.S_IXUSR else 0o644)
        self._git(self.path, "config", "core.sharedRepository", READABLE)

    @property
    def _trusting(self) -> str:
        """The beginning of a shell command at the other end of a clone or push, which does not inherit `-c`."""
        return f"git -c safe.directory={shlex.quote(str(self.path))}"

    def _git(self, folder: Path, *arguments: str) -> str:
        """Run git with this repository as the only trusted one, whoever owns it."""
        return _git(folder, "-c", f"safe.directory={self.path}", *arguments)


def sample(name: str) -> dict[str, str]:
    """Files of a bundled sample: path → content."""
    folder = SAMPLES / name
    return {
        str(path.relative_to(folder)): path.read_text() for path in sorted(folder.rglob("*")) if path.is_file() and "__pycache__" not in path.parts
    }


def at(home: Home, name: str) -> Repository:
    """The repository of that name, whether it exists or not."""
    return Repository(home.git / f"{name}.git", f"http://{HOST}:{home.ports.ingress}/{name}.git")


def create(home: Home, name: str, files: Mapping[str, str]) -> Repository:
    """Create a repository with one commit. An existing one keeps its commits."""
    repository = at(home, name)
    home.git.mkdir(parents=True, exist_ok=True)
    home.git.chmod(0o755)
    if repository.path.exists():
        repository.make_readable()
        return repository
    temporary = repository.path.with_suffix(".new")
    shutil.rmtree(temporary, ignore_errors=True)
    _git(home.git, "init", "-q", "--bare", "-b", BRANCH, str(temporary))
    first = Repository(temporary, "")
    first.make_readable()
    first.commit(files, "First version")
    temporary.rename(repository.path)
    return repository


def _git(folder: Path, *arguments: str) -> str:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    result = subprocess.run(["git", *arguments], cwd=folder, capture_output=True, text=True, env={**inherited, **AUTHOR})
    if result.returncode != 0:
        command = next(word for word in arguments if word[0] != "-" and not word.startswith("safe.directory"))
        raise Problem(f"git {command} failed in {folder}: {result.stderr.strip()}")
    return result.stdout
