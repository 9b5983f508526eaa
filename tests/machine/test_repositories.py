"""The read-only git server of the Service `samples`: clones work, nothing writes, requests and processes are bounded."""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from knative.machine import processes, repositories
from knative.machine.home import Home, Ports
from tests.servers import free_offset
from tests.waiting import wait_limit

NOBODY = 65534
RECEIVE = "service=git-receive-pack"
AS_NOBODY = f"""
import os
import knative.machine.git_http as served, uvicorn.lifespan.on, uvicorn.loops.auto, uvicorn.protocols.http.auto, uvicorn.protocols.websockets.auto
os.setgroups([]), os.setresgid(*[{NOBODY}] * 3), os.setresuid(*[{NOBODY}] * 3)
served.main()
"""
"""Imports everything before it drops its privileges: user nobody may not be able to read the modules."""


@pytest.fixture(scope="module")
def home() -> Iterator[Home]:
    """A state folder as `up` creates it: other users pass through and read what is readable."""
    folder = Path(tempfile.mkdtemp(prefix="capsule-git-"))
    state = Home(folder / "state", Ports(free_offset()), dict(os.environ))
    folder.chmod(0o711)
    previous = os.umask(0o077)  # readability must not depend on the umask
    state.create()
    yield state
    os.umask(previous)
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def server(home: Home) -> Iterator[str]:
    """The server without the ingress. Started by root, it runs as user nobody, who owns no repository."""
    home.git.mkdir()
    home.git.chmod(0o755)
    environment = {**os.environ, "CAPSULE_GIT_ROOT": str(home.git), "PORT": str(home.ports.gateway), "HOME": "/nonexistent"}
    program = ["-c", AS_NOBODY] if os.geteuid() == 0 else ["-m", "knative.machine.git_http"]
    process = subprocess.Popen([sys.executable, *program], env=environment)
    deadline = time.monotonic() + 20
    while not processes.accepts_connections(home.ports.gateway) and time.monotonic() < deadline:
        time.sleep(0.05)
    yield f"http://127.0.0.1:{home.ports.gateway}"
    process.terminate()
    assert process.wait(wait_limit(10)) == 0 or process.returncode == -15


def git(folder: Path, *arguments: str) -> str:
    environment = {**os.environ, **repositories.AUTHOR, "GIT_TERMINAL_PROMPT": "0", "NO_PROXY": "*"}
    return subprocess.run(["git", *arguments], cwd=folder, check=True, capture_output=True, text=True, env=environment).stdout


def test_git_clones_and_pulls_the_sample(home: Home, server: str, tmp_path: Path) -> None:
    repository = repositories.create(home, "hello", repositories.sample("hello"))
    git(tmp_path, "clone", "-q", f"{server}/hello.git", "work")
    work = tmp_path / "work"
    assert {path.name for path in work.iterdir()} == {".git", "app.py", "Procfile", "requirements.txt", "README.md"}
    assert git(work, "rev-parse", "HEAD").strip() == repository.head

    commit = repository.commit({"big.txt": os.urandom(1_500_000).hex()}, "A large file")
    git(work, "pull", "-q")
    assert git(work, "rev-parse", "HEAD").strip() == commit
    git(tmp_path, "clone", "-q", "--depth", "1", f"{server}/hello.git", "again")
    assert (tmp_path / "again/big.txt").stat().st_size == 3_000_000


def test_a_push_is_refused_with_an_explanation(home: Home, server: str, tmp_path: Path) -> None:
    repository = repositories.create(home, "pushed", {"a": "1"})
    before = repository.head
    git(tmp_path, "clone", "-q", f"{server}/pushed.git", "work")
    work = tmp_path / "work"
    (work / "a").write_text("2")
    git(work, "commit", "-q", "-a", "-m", "Two")
    for version in ("0", "1", "2"):
        with pytest.raises(subprocess.CalledProcessError) as refused:
            git(work, "-c", f"protocol.version={version}", "push", "-q", "origin", "main")
        assert "403" in refused.value.stderr
    assert "read-only" in httpx.get(f"{server}/pushed.git/info/refs?{RECEIVE}", trust_env=False).text
    assert repository.head == before


@pytest.mark.parametrize(
    ("method", "target"),
    [
        ("GET", "/target.git/info/refs?service=git-receive-pack"),
        ("GET", "/target.git/info/refs?service=git%2Dreceive%2Dpack"),
        ("GET", "/target.git/info/refs?service=git-upload-pack&service=git-receive-pack"),
        ("POST", "/target.git/git-receive-pack"),
        ("POST", "/target.git/git%2dreceive-pack"),
        ("POST", "/target.git//git-receive-pack"),
        ("POST", "/x/../target.git/git-receive-pack"),
        ("POST", "/%2e%2e/state/git/target.git/git-receive-pack"),
        ("POST", "/target.git/git-upload-pack/../git-receive-pack"),
        *((method, "/target.git/refs/heads/main") for method in ("PUT", "DELETE", "PROPFIND", "MKCOL", "MOVE", "LOCK")),
    ],
)
def test_requests_that_write_are_refused(home: Home, server: str, method: str, target: str) -> None:
    before = repositories.create(home, "target", {"a": "1"}).head
    assert raw(server, f"{method} {target} HTTP/1.1", b"0000") in (403, 404)
    assert repositories.at(home, "target").head == before


@pytest.mark.parametrize(
    "target",
    [
        *(
            "/../secret",
            "/..%2fsecret",
            "/%2e%2e/secret",
            "/%2e%2e%2fsecret",
            "/target.git/../../secret",
            "//etc/passwd",
            "/target.git/%2e%2e/%2e%2e/secret",
        ),
        *("/target.git/HEAD", "/target.git/config", "/target.git/objects/info/packs", "/target.git/info/refs", "/target.git", "/"),
        *("/linked.git/info/refs?service=git-upload-pack", "/linked.git/HEAD", "/file.git/info/refs?service=git-upload-pack"),
        *("/.git/info/refs?service=git-upload-pack", "/a/target.git/info/refs?service=git-upload-pack"),
        *("/target.git/info/refs?service=git-upload-archive", "/target.git/git-upload-archive", "/missing.git/info/refs?service=git-upload-pack"),
    ],
)
def test_only_fetches_of_repositories_in_the_root_are_served(home: Home, server: str, target: str) -> None:
    (home.path / "secret").write_text("s")
    (home.path / "secret").chmod(0o644)
    repositories.create(home, "target", {"a": "1"})
    outside = home.path / "outside.git"
    if not outside.exists():
        shutil.copytree(home.git / "target.git", outside)
        (home.git / "linked.git").symlink_to(outside)
        (home.git / "file.git").write_text("gitdir: ../outside.git\n")
    assert raw(server, f"GET {target} HTTP/1.1") == 404


def raw(server: str, line: str, body: bytes = b"") -> int:
    """The status of a request whose target is sent unchanged; HTTP clients normalize paths."""
    url = httpx.URL(server)
    with socket.create_connection((url.host, url.port or 80), timeout=30) as connection:
        connection.sendall(f"{line}\r\nHost: samples\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode() + body)
        answer = b""
        while piece := connection.recv(65536):
            answer += piece
    assert b"root:" not in answer and not answer.endswith(b"\r\n\r\ns")
    return int(answer.split()[1])


def test_request_size_and_concurrent_processes_are_bounded(home: Home, server: str, tmp_path: Path) -> None:
    repositories.create(home, "busy", {"a": "1"})
    large = httpx.post(f"{server}/busy.git/git-upload-pack", content=b"0" * (2 << 20), trust_env=False)
    assert large.status_code == 413 and "1048576 bytes" in large.text
    chunked = httpx.post(f"{server}/busy.git/git-upload-pack", content=iter([b"0" * 65536] * 32), trust_env=False)
    assert chunked.status_code == 413
    with ThreadPoolExecutor(24) as pool:
        clones = [pool.submit(git, tmp_path, "clone", "-q", f"{server}/busy.git", f"work-{n}") for n in range(24)]
        for each in clones:
            each.result()


def test_an_older_repository_becomes_readable(home: Home, server: str, tmp_path: Path) -> None:
    old = home.git / "old.git"
    subprocess.run(["git", "clone", "-q", "--bare", str(repositories.create(home, "origin", {"a": "1"}).path), str(old)], check=True)
    for folder, _, files in os.walk(old):
        os.chmod(folder, 0o700)
        for name in files:
            os.chmod(Path(folder, name), 0o600)
    repository = repositories.create(home, "old", {})
    repository.commit({"a": "2"}, "Two")
    git(tmp_path, "clone", "-q", f"{server}/old.git", "work")
    assert (tmp_path / "work/a").read_text() == "2"


def test_the_next_clone_contains_a_new_commit(home: Home, server: str, tmp_path: Path) -> None:
    repository = repositories.create(home, "changing", {"index.html": "one"})
    first = repository.head
    second = repository.commit({"index.html": "two", "old.txt": "x"}, "Two")
    third = repository.commit({"old.txt": None}, "Three")
    assert len({first, second, third}) == 3
    git(tmp_path, "clone", "-q", f"{server}/changing.git", "work")
    assert (tmp_path / "work/index.html").read_text() == "two"
    assert not (tmp_path / "work/old.txt").exists()


def test_creating_an_existing_repository_keeps_its_commits(home: Home) -> None:
    repository = repositories.create(home, "existing", {"a": "1"})
    commit = repository.commit({"a": "2"}, "Two")
    assert repositories.create(home, "existing", {"a": "1"}).head == commit


@pytest.mark.skipif(os.getuid() != 0, reason="needs root, to give files away")
def test_commits_to_a_repository_of_another_account(home: Home) -> None:
    repository = repositories.create(home, "others", {"a.txt": "1"})
    for path in [repository.path, *repository.path.rglob("*")]:
        os.chown(path, 61_234, 61_234)
    assert repository.commit({"a.txt": "2"}, "Second version") == repository.head
