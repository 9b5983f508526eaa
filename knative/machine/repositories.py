"""Real git repositories on this machine, served by the Service `samples`: the bundled sample for `demo`, and whatever a test commits.

repository = repositories.create(home, "hello", files=repositories.sample("hello"))
broken = repository.commit({"requirements.txt": "no-such-package==1\n"}, "Break the build")
repository.url                      # http://samples.localhost:7080/hello.git
"""

import os
import shutil
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
AUTHOR = {
    "GIT_AUTHOR_NAME": "Capsule",
    "GIT_AUTHOR_EMAIL": "capsule@localhost",
    "GIT_COMMITTER_NAME": "Capsule",
    "GIT_COMMITTER_EMAIL": "capsule@localhost",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_COUNT": "1",
    "GIT_CONFIG_KEY_0": "safe.directory",
    "GIT_CONFIG_VALUE_0": "*",
}


@dataclass(frozen=True)
class Repository:
    """A bare repository; commits are made through a clone that is thrown away."""

    path: Path
    url: str

    @property
    def head(self) -> str:
        return self.at(BRANCH)

    def at(self, branch: str) -> str:
        return _git(self.path, "rev-parse", branch).strip()

    def commit(self, changes: Mapping[str, str | None], message: str, branch: str = BRANCH) -> str:
        """Writes (or with None deletes) files on top of the main branch; returns the commit. Another branch is made anew from there."""
        with tempfile.TemporaryDirectory() as folder:
            work = Path(folder) / "work"
            _git(Path(folder), "clone", "-q", str(self.path), str(work))
            _git(work, "checkout", "-q", "-B", branch)
            for name, content in changes.items():
                file = work / name
                if content is None:
                    file.unlink()
                else:
                    file.parent.mkdir(parents=True, exist_ok=True)
                    file.write_text(content)
            _git(work, "add", "--all")
            _git(work, "commit", "-q", "--allow-empty", "-m", message)
            _git(work, "push", "-q", "--force", "origin", branch)
        return self.at(branch)


def sample(name: str) -> dict[str, str]:
    """The files of a bundled sample."""
    folder = SAMPLES / name
    return {
        str(path.relative_to(folder)): path.read_text() for path in sorted(folder.rglob("*")) if path.is_file() and "__pycache__" not in path.parts
    }


def at(home: Home, name: str) -> Repository:
    """The repository of that name, there or not."""
    return Repository(home.git / f"{name}.git", f"http://{HOST}:{home.ports.ingress}/{name}.git")


def create(home: Home, name: str, files: Mapping[str, str]) -> Repository:
    """A new repository with one commit; one that is there is left as it is."""
    repository = at(home, name)
    if repository.path.exists():
        return repository
    home.git.mkdir(parents=True, exist_ok=True)
    making = repository.path.with_suffix(".new")
    shutil.rmtree(making, ignore_errors=True)
    _git(home.git, "init", "-q", "--bare", "-b", BRANCH, str(making))
    Repository(making, "").commit(files, "First version")
    making.rename(repository.path)
    return repository


def _git(folder: Path, *words: str) -> str:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    done = subprocess.run(["git", *words], cwd=folder, capture_output=True, text=True, env={**inherited, **AUTHOR})
    if done.returncode != 0:
        raise Problem(f"git {words[0]} failed in {folder}: {done.stderr.strip()}")
    return done.stdout
