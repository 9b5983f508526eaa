"""Credentials of private repositories: who may set them, what the API shows, and what the clone gets."""

import base64
import json
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from pydantic import SecretStr

from functions.deploy.commands.create_deploy_key import CreateDeployKey
from functions.deploy.commands.delete_repository_token import DeleteRepositoryToken
from functions.deploy.commands.rotate_deploy_key import RotateDeployKey
from functions.deploy.commands.set_host_keys import SetHostKeys
from functions.deploy.commands.set_repository_token import SetRepositoryToken
from functions.deploy.domain.rejections import ApplicationNotFound, InvalidAccessToken, InvalidHostKeys
from functions.deploy.domain.repository_access import TOKEN_FILE, AccessToken, HostKey, RepositoryAccess, fingerprint_of
from functions.deploy.queries.repository_access import ShowRepositoryAccess
from tests.deploy.deploy_capsule import COMMIT, OWNER, STRANGER, DeployCapsule

SSH = "git@git.example.com:ada/hello.git"
SENTINEL = "sentinel-0123456789"
KEY = "AAAAC3NzaC1lZDI1NTE5AAAAIIT0RqgVjQh0O4ZEbqV7aQZsVGT0cqqcgKB0TDVKmIcQ"
OTHER_KEY = KEY.replace("cQ", "dA")


async def credentials(capsule: DeployCapsule, application_id: UUID) -> dict[str, str]:
    """Start a build and return the files that its clone mounts."""
    accepted = await capsule.deploy(application_id)
    await capsule.settle()
    deployment = await capsule.deployments.get(accepted.id)
    data = capsule.cluster.objects["Secret", deployment.namespace, deployment.build_job]["data"]
    return {key.removeprefix("repository."): base64.b64decode(value).decode() for key, value in data.items() if key.startswith("repository.")}


def ssh_keygen(option: str, file: Path) -> str:
    return subprocess.run(["ssh-keygen", option, "-f", str(file)], capture_output=True, text=True, check=True).stdout


async def report_clone(capsule: DeployCapsule, application_id: UUID, host_keys: str) -> None:
    """Let a running build fail after its clone has met an unknown ssh server."""
    (running,) = await capsule.deployments.lock_running(application_id)
    capsule.cluster.job_ended(running.namespace, running.build_job, json.dumps({"reason": "build-failed", "detail": "no", "commit": COMMIT}), code=1)
    (pod,) = capsule.cluster.pods(running.namespace, running.build_job)
    message = json.dumps({"commit": COMMIT, "hostKeys": host_keys})
    pod["status"]["initContainerStatuses"] = [{"name": "clone", "state": {"terminated": {"exitCode": 0, "message": message}}}]
    await capsule.update_object("Job", running.namespace, running.build_job)


async def test_a_deploy_key_is_created_once_shown_and_rotated(capsule: DeployCapsule, tmp_path: Path) -> None:
    application = await capsule.create(repository=SSH)
    first = await capsule.call(CreateDeployKey(application_id=application.id), caller=OWNER)
    assert first == await capsule.call(CreateDeployKey(application_id=application.id), caller=OWNER)
    assert first.public_key.startswith("ssh-ed25519 ") and first.public_key.endswith(" capsule-hello")
    private = (await credentials(capsule, application.id))["ssh-key"]
    file = tmp_path / "key"
    file.write_text(private)
    file.chmod(0o600)
    assert ssh_keygen("-y", file).split()[:2] == first.public_key.split()[:2]
    assert first.fingerprint == ssh_keygen("-l", file).split()[1]

    rotated = await capsule.call(RotateDeployKey(application_id=application.id), caller=OWNER)
    assert rotated.fingerprint != first.fingerprint
    view = await capsule.call(ShowRepositoryAccess(application_id=application.id), caller=OWNER)
    assert view.deploy_key == rotated
    assert private.splitlines()[2] not in str(capsule.published) and "PRIVATE" not in view.model_dump_json()


async def test_a_token_is_write_only_and_goes_to_its_server_only(capsule: DeployCapsule) -> None:
    application = await capsule.create()
    view = await capsule.call(SetRepositoryToken(application_id=application.id, token=SecretStr(f"{SENTINEL}/@")), caller=OWNER)
    assert (view.server, view.user) == ("https://git.example.com", "x-token-auth")
    files = await credentials(capsule, application.id)
    assert files == {"token": f"https://x-token-auth:{SENTINEL}%2F%40@git.example.com\n"}
    stored = await capsule.call(ShowRepositoryAccess(application_id=application.id), caller=OWNER)
    published = "".join(each.event.model_dump_json() for each in capsule.published)
    job = next(value for key, value in capsule.cluster.objects.items() if key[0] == "Job")
    assert SENTINEL not in stored.model_dump_json() + published + str(job)

    access = RepositoryAccess(application.id, token=(await capsule.accesses.get(application.id)).token)
    assert access.credential_files("https://elsewhere.example.com/a/b", str, "") == {}, "the repository moved to another server"
    await capsule.call(DeleteRepositoryToken(application_id=application.id), caller=OWNER)
    assert (await capsule.call(ShowRepositoryAccess(application_id=application.id), caller=OWNER)).token is None


@pytest.mark.parametrize(
    ("repository", "token", "words"),
    [
        (SSH, "x", "deploy key"),
        ("http://git.example.com/a/b", "x", "not encrypted"),
        ("https://git.example.com/a/b", "two words", "printable characters"),
        ("https://git.example.com/a/b", "", "printable characters"),
    ],
)
async def test_a_token_that_cannot_be_used_is_refused(capsule: DeployCapsule, repository: str, token: str, words: str) -> None:
    application = await capsule.create(repository=repository)
    with pytest.raises(InvalidAccessToken, match=words):
        await capsule.call(SetRepositoryToken(application_id=application.id, token=SecretStr(token)), caller=OWNER)


async def test_the_first_key_of_a_host_is_trusted_and_stays(capsule: DeployCapsule) -> None:
    application = await capsule.create(repository=SSH)
    assert "known-hosts" not in await credentials(capsule, application.id)
    await report_clone(capsule, application.id, f"git.example.com ssh-ed25519 {KEY}\nnonsense\n")
    assert (await credentials(capsule, application.id))["known-hosts"] == f"git.example.com ssh-ed25519 {KEY}\n"
    await report_clone(capsule, application.id, f"git.example.com ssh-ed25519 {OTHER_KEY}")
    view = await capsule.call(ShowRepositoryAccess(application_id=application.id), caller=OWNER)
    assert [(each.host, each.fingerprint) for each in view.host_keys] == [("git.example.com", fingerprint_of(KEY))]
    cleared = await capsule.call(SetHostKeys(application_id=application.id, host_keys=[]), caller=OWNER)
    assert cleared.host_keys == []


async def test_host_keys_are_set_as_lines_of_known_hosts_or_for_the_repository(capsule: DeployCapsule) -> None:
    application = await capsule.create(repository="ssh://git@git.example.com:2222/a.git")
    lines = [f"ssh-ed25519 {KEY} comment", f"other.example.com,10.1.1.1 ssh-ed25519 {OTHER_KEY}"]
    view = await capsule.call(SetHostKeys(application_id=application.id, host_keys=lines), caller=OWNER)
    assert [each.host for each in view.host_keys] == ["[git.example.com]:2222", "other.example.com,10.1.1.1"]
    for line in ("nonsense", "@cert-authority * ssh-ed25519 AAAA", "host ssh-dss AAAA", "host ssh-ed25519 ***"):
        with pytest.raises(InvalidHostKeys):
            await capsule.call(SetHostKeys(application_id=application.id, host_keys=[line]), caller=OWNER)


def test_keys_of_the_operator_replace_what_was_learned() -> None:
    access = RepositoryAccess(UUID(int=1), host_keys=(HostKey("github.com", "ssh-ed25519", KEY), HostKey("other.org", "ssh-ed25519", KEY)))
    files = access.credential_files("git@github.com:a/b", str, f"github.com ssh-ed25519 {OTHER_KEY}")
    assert files["known-hosts"] == f"github.com ssh-ed25519 {OTHER_KEY}\nother.org ssh-ed25519 {KEY}\n"


@pytest.mark.parametrize("request_type", [CreateDeployKey, RotateDeployKey, DeleteRepositoryToken, ShowRepositoryAccess])
async def test_strangers_see_no_application(capsule: DeployCapsule, request_type: Any) -> None:
    application = await capsule.create()
    with pytest.raises(ApplicationNotFound):
        await capsule.call(request_type(application_id=application.id), caller=STRANGER)


async def test_a_deleted_application_keeps_no_credentials(capsule: DeployCapsule) -> None:
    application = await capsule.create()
    await capsule.call(CreateDeployKey(application_id=application.id), caller=OWNER)
    await capsule.delete(application.id)
    assert (await capsule.accesses.get(application.id)).key is None


@pytest.mark.parametrize(
    ("server", "repository", "line"),
    [
        ("https://bücher.example", "https://bücher.example/a.git", "https://x:secret@xn--bcher-kva.example"),
        ("https://xn--bcher-kva.example", "https://Bücher.example/a.git", "https://x:secret@xn--bcher-kva.example"),
        ("https://git.example.org", "https://a..b.example/a.git", ""),
        ("https://a..b.example", "https://a..b.example/a.git", ""),
        ("https://git.example.org", "https://other.example.org/a.git", ""),
    ],
)
def test_what_a_former_release_has_stored_is_read(server: str, repository: str, line: str) -> None:
    """Host names as they were typed, and addresses that are none."""
    access = RepositoryAccess(UUID(int=1), token=AccessToken(server, "x", "secret", datetime(2026, 1, 1, tzinfo=UTC)))
    files = access.credential_files(repository, lambda sealed: sealed, "")
    assert files == ({TOKEN_FILE: f"{line}\n"} if line else {})
