"""Names, refs and repository URLs: which are valid."""

from uuid import UUID

import pytest

from functions.deploy.domain.names import ApplicationName, Ref, build_job_of
from functions.deploy.domain.rejections import InvalidApplicationName, InvalidRef, InvalidRepository, RepositoryNotAllowed
from functions.deploy.domain.repository import RepositoryPolicy


@pytest.mark.parametrize("name", ["a", "hello", "hello-world-2", "a" * 40])
def test_a_host_name_is_a_valid_name(name: str) -> None:
    assert str(ApplicationName(name)) == name


@pytest.mark.parametrize("name", ["", "Hello", "-a", "a-", "a_b", "a.b", "a" * 41, "2nd", "hello\n", "ä", "a b"])
def test_other_names_are_rejected_with_a_pointer(name: str) -> None:
    with pytest.raises(InvalidApplicationName) as rejection:
        ApplicationName(name)
    assert rejection.value.errors[0].pointer == "/name"


@pytest.mark.parametrize("ref", ["main", "feature/x", "v1.2.3", "a" * 40, "release_2+build", "user@work"])
def test_refs_are_accepted(ref: str) -> None:
    assert str(Ref(ref)) == ref


@pytest.mark.parametrize(
    "ref", ["", "-x", "--upload-pack=touch /tmp/x", "a..b", "a b", "a\nb", "x.lock", "a~1", "a:b", "main@{1}", "/x", "a//b", "x/"]
)
def test_a_ref_that_git_could_misread_is_rejected(ref: str) -> None:
    with pytest.raises(InvalidRef):
        Ref(ref)


@pytest.mark.parametrize(
    "url",
    [
        "https://github.com/knative/func",
        "http://git.example.org:8080/x.git",
        "https://8.8.8.8/x",
        "https://[2606:4700::1111]/x",
        "http://samples.localhost/hello.git",
        "http://10.0.0.7:3000/hello.git",
    ],
)
def test_public_and_allowed_repositories_are_admitted(url: str) -> None:
    assert RepositoryPolicy(frozenset({"samples.localhost", "10.0.0.7:3000"})).admit(url).url == url


@pytest.mark.parametrize(
    "url",
    [
        "http://localhost/x",
        "http://127.0.0.1/x",
        "http://127.1/x",
        "http://2130706433/x",
        "http://0x7f000001/x",
        "http://0x7f.0.0.1/x",
        "http://[::1]/x",
        "http://[::ffff:127.0.0.1]/x",
        "http://[fe80::1]/x",
        "http://10.0.0.7/x",
        "http://10.0.0.7:3001/x",
        "http://192.168.1.1/x",
        "http://169.254.169.254/latest",
        "http://224.0.0.1/x",
        "http://printer/x",
        "http://db.internal/x",
        "http://a.localhost/x",
        "http://kubernetes.default.svc/x",
        "http://LOCALHOST./x",
    ],
)
def test_private_repositories_are_rejected(url: str) -> None:
    with pytest.raises(RepositoryNotAllowed) as rejection:
        RepositoryPolicy(frozenset({"samples.localhost", "10.0.0.7:3000"})).admit(url)
    assert rejection.value.errors[0].pointer == "/repository"


@pytest.mark.parametrize(
    "url",
    [
        "",
        "file:///etc/passwd",
        "ssh://git:secret@github.com/x/y",
        "ssh://-oProxyCommand=touch/x",
        "git@-oProxyCommand=touch:x",
        "git://github.com/x/y",
        "github:x/y",
        "ext::sh -c touch% /tmp/x",
        "https://",
        "https://github.com",
        "https://github.com/",
        "https://user:secret@github.com/x/y",
        "https://token@github.com/x/y",
        "https://github.com/x/y?token=1",
        "https://github.com/x/y#main",
        "https://github.com:99999/x/y",
        "https://git hub.com/x",
        "https://github.com/x\n",
        "https://example.org/" + "x" * 500,
        "javascript:alert(1)",
    ],
)
def test_invalid_repository_urls_are_rejected(url: str) -> None:
    with pytest.raises(InvalidRepository):
        RepositoryPolicy().admit(url)


def test_the_name_of_a_build_job_derives_from_deployment_and_attempt() -> None:
    deployment = UUID("0190c3a4-0000-7000-8000-0123456789ab")
    assert [build_job_of(deployment, attempt) for attempt in (1, 1, 2)] == ["build-0123456789ab-1", "build-0123456789ab-1", "build-0123456789ab-2"]
