"""Private repositories: deploy keys over a real sshd, access tokens over HTTP, host keys. No credential leaves the clone."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from functions.deploy.adapters.deploy_keys import Ed25519Keys
from tests.builder.conftest import Outcome
from tests.builder.repositories import Repositories, git
from tests.builder.ssh_server import PROGRAM, SshServer, ssh_server
from tests.proof import proof

Clone = Callable[..., Outcome]
TOKEN = "sentinel-token+/=%3A"
with_sshd = pytest.mark.skipif(PROGRAM is None or os.getuid() != 0, reason="needs sshd, and root to start it")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[SshServer]:
    with ssh_server(tmp_path / "sshd") as found:
        yield found


def texts(folder: Path) -> str:
    """The content of every file below a folder."""
    return "".join(path.read_bytes().decode("latin-1") for path in folder.rglob("*") if path.is_file() and not path.is_symlink())


@with_sshd
def test_a_deploy_key_opens_a_repository_and_its_submodule(repositories: Repositories, server: SshServer, clone: Clone) -> None:
    public, private = Ed25519Keys().generate("capsule-sample")
    server.accept(public)
    inner, outer = repositories.create("inner"), repositories.create("outer")
    inner.commit({"inner.txt": "here"})
    git(outer.work, "submodule", "add", "-q", inner.url, "lib")
    git(outer.work, "config", "-f", ".gitmodules", "submodule.lib.url", "../inner.git")
    git(outer.work, "add", "-A")
    git(outer.work, "commit", "-q", "-m", "with a submodule")
    git(outer.work, "push", "-q", str(outer.bare), "main")
    outcome = clone(server.url(outer.bare), credentials={"ssh-key": private}, REPOSITORY_HOSTS=server.host)
    assert outcome.code == 0, outcome.log
    assert (outcome.source / "lib/inner.txt").read_text() == "here"
    name, kind, _ = outcome.message["hostKeys"].split(" ", 2)
    assert (name, kind) == (f"[127.0.0.1]:{server.port}", "ssh-ed25519")
    secret = private.splitlines()[2]
    assert secret not in outcome.log and secret not in texts(outcome.image.parent), "the key is in the workspace of the build"


@proof("sources")
@with_sshd
def test_a_rotated_key_and_a_missing_one_are_refused_in_words(repositories: Repositories, server: SshServer, clone: Clone) -> None:
    (former, former_private), (current, current_private) = Ed25519Keys().generate("a"), Ed25519Keys().generate("b")
    repository = repositories.create("private")
    commit = repository.commit({"index.html": "1"})
    url = server.url(repository.bare)
    server.accept(current)
    assert clone(url, credentials={"ssh-key": current_private}, REPOSITORY_HOSTS=server.host).message["commit"] == commit
    refused = clone(url, credentials={"ssh-key": former_private}, REPOSITORY_HOSTS=server.host)
    assert refused.message["reason"] == "repository-private" and "Add its public key" in refused.message["detail"], refused.message
    assert refused.message["hostKeys"], "the host's key is known, although it refused"
    missing = clone(url, REPOSITORY_HOSTS=server.host)
    assert missing.message["reason"] == "repository-private" and "needs a deploy key" in missing.message["detail"], missing.message
    absent = clone(f"{url}x", credentials={"ssh-key": current_private}, REPOSITORY_HOSTS=server.host)
    assert absent.message["reason"] == "repository-private" and "does not exist, or" in absent.message["detail"], absent.message
    assert former


@proof("sources")
@with_sshd
def test_another_host_key_than_the_known_one_is_refused(repositories: Repositories, server: SshServer, clone: Clone) -> None:
    public, private = Ed25519Keys().generate("capsule-sample")
    server.accept(public)
    repository = repositories.create("private")
    repository.commit({"index.html": "1"})
    url = server.url(repository.bare)
    learned = clone(url, credentials={"ssh-key": private}, REPOSITORY_HOSTS=server.host).message["hostKeys"]
    known = {"ssh-key": private, "known-hosts": f"{learned}\n"}
    again = clone(url, credentials=known, REPOSITORY_HOSTS=server.host)
    assert again.code == 0 and "hostKeys" not in again.message, again.message
    server.stop()
    server.create_host_key()
    server.start()
    changed = clone(url, credentials=known, REPOSITORY_HOSTS=server.host)
    assert changed.message["reason"] == "host-key-changed" and "capsule host-keys forget" in changed.message["detail"], changed.message
    assert "hostKeys" not in changed.message


@proof("sources")
@with_sshd
def test_private_ssh_hosts_need_the_operator(repositories: Repositories, server: SshServer, clone: Clone) -> None:
    outcome = clone(server.url(repositories.create("private").bare), REPOSITORY_HOSTS="")
    assert outcome.message["reason"] == "repository-not-found" and "private address" in outcome.message["detail"]


@proof("sources")
def test_an_ssh_host_that_refuses_connections(clone: Clone) -> None:
    outcome = clone("git@127.0.0.1:a/b.git", REPOSITORY_HOSTS="127.0.0.1")
    assert outcome.message["reason"] == "repository-not-found" and "over ssh: connection refused" in outcome.message["detail"], outcome.message


def test_a_token_opens_a_repository_on_its_server_only(repositories: Repositories, clone: Clone) -> None:
    repository = repositories.create("secret/app", password=TOKEN)
    commit = repository.commit({"index.html": "1"})
    line = f"http://x-token-auth:{quote(TOKEN, safe='')}@{repositories.host}\n"
    outcome = clone(repository.url, credentials={"token": line})
    assert outcome.code == 0 and outcome.message["commit"] == commit, outcome.log
    everything = outcome.log + texts(outcome.image.parent)
    assert TOKEN not in everything and quote(TOKEN, safe="") not in everything, "the token is in the log or in the workspace of the build"

    elsewhere = clone(repository.url, credentials={"token": line.replace(repositories.host, "127.0.0.1:1")})
    assert elsewhere.message["reason"] == "repository-private" and "capsule token set" in elsewhere.message["detail"]
    wrong = clone(repository.url, credentials={"token": line.replace(quote(TOKEN, safe=""), "wrong")})
    assert wrong.message["reason"] == "repository-private" and "refuses the application's access token" in wrong.message["detail"]
