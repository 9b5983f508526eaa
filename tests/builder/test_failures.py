"""Every cause of a failed build has a stable reason and a helpful message."""

from collections.abc import Callable

import pytest

from tests.builder.conftest import Outcome
from tests.builder.repositories import Repositories

Build = Callable[..., Outcome]


def assert_failed(outcome: Outcome, reason: str, *words: str) -> None:
    assert outcome.code == 1, outcome.log
    assert outcome.message["reason"] == reason, outcome.message
    for word in words:
        assert word in outcome.message["detail"], outcome.message
    assert not (outcome.image / "image.json").exists() or reason == "too-large"


def test_a_missing_repository(repositories: Repositories, build: Build) -> None:
    assert_failed(build(f"http://{repositories.host}/none.git"), "repository-not-found", "none.git")


def test_a_url_that_is_not_a_repository(repositories: Repositories, build: Build) -> None:
    assert_failed(build(f"http://{repositories.host}/page"), "repository-not-found", "not a git repository")


def test_a_host_that_refuses_connections(build: Build) -> None:
    outcome = build("http://127.0.0.1:9/x.git", REPOSITORY_HOSTS="127.0.0.1")
    assert_failed(outcome, "repository-not-found", "Cannot connect to 127.0.0.1:9", "connection refused")
    assert "Errno" not in outcome.log


def test_a_host_that_does_not_resolve(build: Build) -> None:
    outcome = build("http://no-such-host.invalid/x.git", REPOSITORY_HOSTS="")
    assert_failed(outcome, "repository-not-found", 'Host "no-such-host.invalid" cannot be resolved')
    assert "Errno" not in outcome.log


def test_a_private_repository(repositories: Repositories, build: Build) -> None:
    assert_failed(build(f"http://{repositories.host}/private/x.git"), "repository-private", "private")


@pytest.mark.parametrize("url", ["http://127.0.0.1:{port}/x.git", "http://localhost:{port}/x.git", "http://[::1]:{port}/x.git", "file:///etc"])
def test_private_addresses_are_refused_unless_listed(repositories: Repositories, build: Build, url: str) -> None:
    port = repositories.host.rpartition(":")[2]
    assert_failed(build(url.format(port=port), REPOSITORY_HOSTS=""), "repository-not-found")


def test_a_redirect_to_a_private_address_is_refused(repositories: Repositories, build: Build) -> None:
    assert_failed(build(f"http://{repositories.host}/away/latest/meta-data"), "repository-not-found", "169.254.169.254", "private address")


@pytest.mark.parametrize("ref", ["none", "0" * 40, "abcdef0"])
def test_a_missing_ref(repositories: Repositories, build: Build, ref: str) -> None:
    repository = repositories.create("refs")
    repository.commit({"index.html": "1"})
    assert_failed(build(repository.url, ref), "ref-not-found")


def test_an_empty_repository(repositories: Repositories, build: Build) -> None:
    assert_failed(build(repositories.create("empty").url), "ref-not-found", "empty")


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({"README.md": "hello"}, ["README.md", "Procfile"]),
        ({"package.json": "{}"}, ["Node.js"]),
        ({"Procfile": "worker: python x.py"}, ["web:"]),
        ({"requirements.txt": "", "tool.py": "x = 1"}, ["Procfile", "main.py"]),
    ],
)
def test_an_unrecognized_repository(repositories: Repositories, build: Build, files: dict[str, str], words: list[str]) -> None:
    repository = repositories.create("nothing")
    commit = repository.commit(files)
    outcome = build(repository.url)
    assert_failed(outcome, "not-recognized", *words)
    assert outcome.message["commit"] == commit, "the commit is known although the build failed"


def test_a_missing_requirement_is_logged_once(repositories: Repositories, build: Build) -> None:
    repository = repositories.create("missing")
    repository.commit({"requirements.txt": "this-package-does-not-exist-at-all-x9==1\n", "main.py": ""})
    outcome = build(repository.url)
    assert_failed(outcome, "build-failed", "this-package-does-not-exist-at-all-x9")
    assert outcome.log.splitlines()[-1] == "==> Failed (build-failed): Installing from requirements.txt failed with exit code 1."


def test_an_invalid_pyproject(repositories: Repositories, build: Build) -> None:
    repository = repositories.create("broken")
    repository.commit({"pyproject.toml": "[project", "main.py": ""})
    assert_failed(build(repository.url), "build-failed", "pyproject.toml")


def test_a_link_out_of_the_repository(repositories: Repositories, build: Build) -> None:
    repository = repositories.create("link")
    repository.work.joinpath("passwd").symlink_to("/etc/passwd")
    repository.commit({"index.html": "1"})
    assert_failed(build(repository.url), "build-failed", "passwd", "out of the repository")


def test_a_repository_over_the_size_limit(repositories: Repositories, build: Build) -> None:
    repository = repositories.create("large")
    repository.commit({"index.html": "1", "blob.txt": "".join(f"{n * 7919 % 1000003} " for n in range(600_000))})
    assert_failed(build(repository.url, LIMIT_SOURCE_MIB="1"), "too-large", "1 MiB")


def test_an_image_over_the_size_limit(repositories: Repositories, build: Build) -> None:
    repository = repositories.create("large-image")
    repository.commit({"requirements.txt": "flask", "main.py": ""})
    assert_failed(build(repository.url, LIMIT_IMAGE_MIB="1"), "too-large", "1 MiB")
