"""The sample git server is readable for everybody and writable for nobody over the network."""

import subprocess
from pathlib import Path

import httpx

from knative.machine import repositories
from tests.hostile.conftest import Findings
from tests.journeys.whole import Whole


def git(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environment = {**repositories.AUTHOR, "GIT_TERMINAL_PROMPT": "0", "PATH": "/usr/bin:/bin:/usr/local/bin", "HOME": str(folder)}
    return subprocess.run(["git", *words], cwd=folder, env=environment, capture_output=True, text=True, timeout=60)


def test_a_build_cannot_push_to_a_neighbours_repository(findings: Findings) -> None:
    """The build may clone it, but its push is refused."""
    assert findings.pushed[-1] != 0, "the push was accepted"
    before, after = findings.heads
    assert before == after


def test_pushing_over_the_network_is_refused(whole: Whole, tmp_path: Path) -> None:
    repository = whole.repository("read-only", {"index.html": "as it was"})
    before, clone = repository.head, tmp_path / "clone"
    address = f"http://127.0.0.1:{whole.home.ports.ingress}/read-only.git"
    host = ["-c", f"http.extraHeader=Host: {repositories.HOST}:{whole.home.ports.ingress}"]
    cloned = git(tmp_path, *host, "clone", "-q", address, str(clone))
    assert cloned.returncode == 0, f"everybody may read it: {cloned.stderr}"
    git(clone, "commit", "-q", "--allow-empty", "-m", "pushed")
    pushed = git(clone, *host, "push", "-q", "origin", "HEAD")
    assert pushed.returncode != 0 and repository.head == before, "the push was accepted"


def test_git_receive_pack_is_refused(whole: Whole) -> None:
    """The smart protocol requests it by name (gitprotocol-http(5)). git itself answers 403 for a repository that does not accept pushes."""
    whole.repository("read-only", {"index.html": "as it was"})
    host = f"http://{repositories.HOST}:{whole.home.ports.ingress}"
    response = whole.visit(host, "/read-only.git/info/refs", service="git-receive-pack")
    assert response.status_code in (401, 403, 404, 405), response.text
    target = f"http://127.0.0.1:{whole.home.ports.ingress}/read-only.git/git-receive-pack"
    sent = httpx.post(target, headers={"Host": httpx.URL(host).netloc.decode()}, content=b"0000", trust_env=False)
    assert sent.status_code in (401, 403, 404, 405), sent.text
