"""Everything that keeps a repository from becoming an image has its own stable word, and a sentence that helps."""

from collections.abc import Callable

import pytest

from tests.builder.conftest import Outcome
from tests.builder.repositories import Repositories

Build = Callable[..., Outcome]


def failed(outcome: Outcome, reason: str, *words: str) -> None:
    assert outcome.code == 1, outcome.log
    assert outcome.said["reason"] == reason, outcome.said
    for word in words:
        assert word in outcome.said["detail"], outcome.said
    assert not (outcome.image / "image.json").exists() or reason == "too-large"


def test_a_repository_that_is_not_there(repositories: Repositories, build: Build) -> None:
    failed(build(f"http://{repositories.host}/none.git"), "repository-not-found", "none.git")


def test_a_page_that_is_no_repository(repositories: Repositories, build: Build) -> None:
    failed(build(f"http://{repositories.host}/page"), "repository-not-found", "not as a git repository")


def test_a_host_that_does_not_answer(build: Build) -> None:
    failed(build("http://127.0.0.1:9/x.git", REPOSITORY_HOSTS="127.0.0.1"), "repository-not-found", "does not answer")


def test_a_private_repository(repositories: Repositories, build: Build) -> None:
    failed(build(f"http://{repositories.host}/private/x.git"), "repository-private", "private")


@pytest.mark.parametrize("url", ["http://127.0.0.1:{port}/x.git", "http://localhost:{port}/x.git", "http://[::1]:{port}/x.git", "file:///etc"])
def test_private_addresses_are_refused_unless_listed(repositories: Repositories, build: Build, url: str) -> None:
    port = repositories.host.rpartition(":")[2]
    failed(build(url.format(port=port), REPOSITORY_HOSTS=""), "repository-not-found")


def test_a_redirect_to_a_private_address_is_refused(repositories: Repositories, build: Build) -> None:
    failed(build(f"http://{repositories.host}/away/latest/meta-data"), "repository-not-found", "169.254.169.254", "private address")


@pytest.mark.parametrize("ref", ["none", "0" * 40, "abcdef0"])
def test_a_ref_that_is_not_there(repositories: Repositories, build: Build, ref: str) -> None:
    repository = repositories.make("refs")
    repository.commit({"index.html": "1"})
    failed(build(repository.url, ref), "ref-not-found")


def test_an_empty_repository(repositories: Repositories, build: Build) -> None:
    failed(build(repositories.make("empty").url), "ref-not-found", "empty")


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({"README.md": "hello"}, ["README.md", "Procfile"]),
        ({"Dockerfile": "FROM scratch"}, ["Dockerfile"]),
        ({"package.json": "{}"}, ["Node.js"]),
        ({"Procfile": "worker: python x.py"}, ["web:"]),
        ({"requirements.txt": "", "tool.py": "x = 1"}, ["Procfile", "main.py"]),
    ],
)
def test_nothing_to_run(repositories: Repositories, build: Build, files: dict[str, str], words: list[str]) -> None:
    repository = repositories.make("nothing")
    commit = repository.commit(files)
    outcome = build(repository.url)
    failed(outcome, "not-recognized", *words)
    assert outcome.said["commit"] == commit, "the commit is known even so"


def test_a_requirement_that_there_is_not(repositories: Repositories, build: Build) -> None:
    repository = repositories.make("missing")
    repository.commit({"requirements.txt": "this-package-does-not-exist-at-all-x9==1\n", "main.py": ""})
    failed(build(repository.url), "build-failed", "this-package-does-not-exist-at-all-x9")


def test_a_broken_pyproject(repositories: Repositories, build: Build) -> None:
    repository = repositories.make("broken")
    repository.commit({"pyproject.toml": "[project", "main.py": ""})
    failed(build(repository.url), "build-failed", "pyproject.toml")


def test_a_link_that_leads_out(repositories: Repositories, build: Build) -> None:
    repository = repositories.make("link")
    repository.work.joinpath("passwd").symlink_to("/etc/passwd")
    repository.commit({"index.html": "1"})
    failed(build(repository.url), "build-failed", "passwd", "out of the repository")


def test_too_large_a_repository(repositories: Repositories, build: Build) -> None:
    repository = repositories.make("large")
    repository.commit({"index.html": "1", "blob.txt": "".join(f"{n * 7919 % 1000003} " for n in range(600_000))})
    failed(build(repository.url, LIMIT_SOURCE_MIB="1"), "too-large", "1 MiB")


def test_too_large_an_image(repositories: Repositories, build: Build) -> None:
    repository = repositories.make("large-image")
    repository.commit({"requirements.txt": "flask", "main.py": ""})
    failed(build(repository.url, LIMIT_IMAGE_MIB="1"), "too-large", "1 MiB")
