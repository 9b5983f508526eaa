"""Plain git clones and pushes over HTTP, through `git http-backend` behind the bridge that runs as the Service `samples`."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from knative.machine import processes, repositories
from knative.machine.home import Home, Ports
from tests.servers import free_offset


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    return Home(tmp_path_factory.mktemp("home"), Ports(free_offset()), dict(os.environ))


@pytest.fixture(scope="module")
def server(home: Home) -> Iterator[str]:
    """The bridge itself, without the ingress in front."""
    home.git.mkdir()
    environment = {**os.environ, "CAPSULE_GIT_ROOT": str(home.git), "PORT": str(home.ports.gateway)}
    process = subprocess.Popen([sys.executable, "-m", "knative.machine.git_http"], env=environment)
    until = time.monotonic() + 20
    while not processes.answers(home.ports.gateway) and time.monotonic() < until:
        time.sleep(0.05)
    yield f"http://127.0.0.1:{home.ports.gateway}"
    process.terminate()
    assert process.wait(10) == 0 or process.returncode == -15


def git(folder: Path, *words: str) -> str:
    environment = {**os.environ, **repositories.AUTHOR, "GIT_TERMINAL_PROMPT": "0", "NO_PROXY": "*"}
    return subprocess.run(["git", *words], cwd=folder, check=True, capture_output=True, text=True, env=environment).stdout


def test_the_sample_is_cloned_and_pushed_to_by_plain_git(home: Home, server: str, tmp_path: Path) -> None:
    repository = repositories.create(home, "hello", repositories.sample("hello"))
    git(tmp_path, "clone", "-q", f"{server}/hello.git", "work")
    work = tmp_path / "work"
    assert {path.name for path in work.iterdir()} == {".git", "app.py", "Procfile", "requirements.txt", "README.md"}
    assert git(work, "rev-parse", "HEAD").strip() == repository.head

    (work / "big.bin").write_bytes(os.urandom(3_000_000))  # over http.postBuffer: git sends it in chunks, without a length
    git(work, "add", "-A")
    git(work, "commit", "-q", "-m", "A large file")
    git(work, "push", "-q", "origin", "main")
    assert repository.head == git(work, "rev-parse", "HEAD").strip()
    git(tmp_path, "clone", "-q", "--depth", "1", f"{server}/hello.git", "again")
    assert (tmp_path / "again/big.bin").stat().st_size == 3_000_000


def test_a_commit_of_the_demo_is_seen_by_the_next_clone(home: Home, server: str, tmp_path: Path) -> None:
    repository = repositories.create(home, "changing", {"index.html": "one"})
    first = repository.head
    second = repository.commit({"index.html": "two", "old.txt": "x"}, "Two")
    third = repository.commit({"old.txt": None}, "Three")
    assert len({first, second, third}) == 3
    git(tmp_path, "clone", "-q", f"{server}/changing.git", "work")
    assert (tmp_path / "work/index.html").read_text() == "two"
    assert not (tmp_path / "work/old.txt").exists()


def test_creating_again_keeps_what_was_pushed(home: Home) -> None:
    repository = repositories.create(home, "kept", {"a": "1"})
    commit = repository.commit({"a": "2"}, "Two")
    assert repositories.create(home, "kept", {"a": "1"}).head == commit


def test_what_is_not_there_is_404_and_nothing_outside_is_served(home: Home, server: str) -> None:
    (home.path / "secret").write_text("s")
    assert httpx.get(f"{server}/missing.git/info/refs?service=git-upload-pack", trust_env=False).status_code == 404
    assert httpx.get(f"{server}/..%2fsecret", trust_env=False).status_code in (400, 403, 404, 500)
    assert httpx.get(f"{server}/%2e%2e/secret", trust_env=False).content != b"s"
