"""Real failures on a complete Capsule: each ends in its reason, the release before it keeps serving, and no success is false."""

import secrets
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from pathlib import Path
from queue import SimpleQueue

import pytest

from knative.machine.repositories import Repository
from tests.builder.repositories import Repositories, serving
from tests.failures.builds import BUILDS
from tests.failures.commit import GOOD, Commit
from tests.failures.starts import OBSERVED, SERVING, START
from tests.journeys.people import Person
from tests.journeys.whole import Json, Whole, until
from tests.proof import proof

pytestmark = proof("failures")

COMMITS = (*BUILDS, *START, *OBSERVED, *SERVING)
"""In the order of the steps in which they fail."""
ENVIRONMENTS = ("staging", "production", "third", "fourth")
"""Deployments run at the same time, one in each."""
OBSERVATION_SECONDS = 11
"""Long enough for a retention period of the instance, which would sleep after six seconds here: one that sleeps cannot fail."""
DEPLOYMENT_SECONDS = 600


class Subject:
    """An application whose first release serves in each environment. Every commit is a branch of its repository."""

    def __init__(self, whole: Whole, owner: Person) -> None:
        self.whole, self.owner = whole, owner
        self.repository: Repository = whole.repository(f"failing-{secrets.token_hex(3)}", GOOD)
        self.application = owner.create(self.repository.url)
        self.path = f"/v1/apps/{self.application['id']}"
        self.urls: dict[str, str] = {}
        for name in ENVIRONMENTS:
            if name not in ("staging", "production"):
                owner.post(f"{self.path}/environments", {"name": name}, 201)
            size = {"memoryMib": 256, "observationSeconds": OBSERVATION_SECONDS}
            assert owner.send("PUT", f"{self.path}/environments/{name}/scale", size).status_code == 202
            ended = self.deploy(name, "main")
            assert ended["status"] == "succeeded", ended
            self.urls[name] = ended["url"]

    def deploy(self, environment: str, ref: str) -> Json:
        return self.owner.ended(self.owner.post(f"{self.path}/deployments", {"environment": environment, "ref": ref}, 202), DEPLOYMENT_SECONDS)

    def visit(self, environment: str) -> tuple[int, str]:
        answer = self.whole.visit(self.urls[environment])
        return answer.status_code, answer.text

    def serving(self, environment: str) -> Json:
        (view,) = [each for each in self.owner.get(self.path)["environments"] if each["name"] == environment]
        return dict(view)


@pytest.fixture(scope="module")
def subject(whole: Whole, ada: Person) -> Subject:
    return Subject(whole, ada)


@pytest.fixture(scope="module")
def examinations(subject: Subject) -> Iterator[dict[str, Future[str]]]:
    """The name of a commit → what is wrong with its deployment, or "", as soon as it has ended: a run that is cut off shows what was examined."""
    for number, commit in enumerate(COMMITS):
        subject.repository.commit({**GOOD, **commit.files}, commit.name, f"case-{number}")
    environments: SimpleQueue[str] = SimpleQueue()
    for each in ENVIRONMENTS:
        environments.put(each)

    def run(number: int) -> str:
        environment = environments.get()
        try:
            return examine(subject, environment, COMMITS[number], f"case-{number}")
        finally:
            environments.put(environment)

    pool = ThreadPoolExecutor(len(ENVIRONMENTS))
    try:
        yield {each.name: pool.submit(run, number) for number, each in enumerate(COMMITS)}
    finally:
        pool.shutdown(cancel_futures=True)


@pytest.fixture(scope="module")
def is_examined(examinations: dict[str, Future[str]]) -> None:
    """All commits have been examined, and no environment has a deployment."""
    wait(examinations.values())


def examine(subject: Subject, environment: str, commit: Commit, ref: str) -> str:
    """Deploy a commit. Returns what is wrong, or ""."""
    before = subject.serving(environment)
    ended = subject.deploy(environment, ref)
    after, answer = subject.serving(environment), subject.visit(environment)
    found = f"{ended['status']}, {ended['reason']}: {ended['detail']}; serves r{after['release']}, answers {answer}"
    if not commit.reasons:
        serves = ended["status"] == "succeeded" and after["release"] == ended["release"] and answer[0] < 500
        return "" if serves else found
    is_exact = ended["status"] == commit.status and ended["reason"] in commit.reasons and commit.words in ended["detail"]
    keeps_serving = after["release"] == before["release"] and answer[0] < 500
    return "" if is_exact and keeps_serving and "/workspace/" not in ended["detail"] else found


@pytest.mark.parametrize("commit", COMMITS, ids=[each.name for each in COMMITS])
def test_a_commit_ends_as_it_must(examinations: dict[str, Future[str]], commit: Commit) -> None:
    assert examinations[commit.name].result() == ""


@pytest.mark.usefixtures("is_examined")
def test_a_missing_ref_ends_in_its_reason(subject: Subject) -> None:
    ended = subject.deploy("staging", "no-such-branch")
    assert (ended["status"], ended["reason"]) == ("failed", "ref-not-found")


def test_a_missing_repository_ends_in_its_reason(whole: Whole, ada: Person) -> None:
    repository = whole.repository(f"gone-{secrets.token_hex(3)}", GOOD)
    ended = ada.deploy(ada.create(repository.url.replace("gone-", "never-")))
    assert (ended["status"], ended["reason"]) == ("failed", "repository-not-found")


@pytest.fixture
def private(whole: Whole, tmp_path: Path) -> Iterator[Repositories]:
    """A git server that asks for a password, on a private address that the operator allows."""
    with serving(tmp_path) as found:
        settings = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "capsule-settings", "namespace": "capsule"}}
        whole.cluster.apply([{**settings, "data": {"CAPSULE_REPOSITORY_HOSTS": f"samples.localhost {found.host}"}}], "tests")
        until(
            lambda: not [name for name in whole.pods() if name.startswith("capsule/deploy-")],
            120,
            "for functions that began before the change to end",
        )
        yield found


def test_a_private_repository_ends_in_its_reason(ada: Person, private: Repositories) -> None:
    repository = private.create("private", password="secret")
    repository.commit(GOOD)
    ended = ada.deploy(ada.create(repository.url))
    assert (ended["status"], ended["reason"]) == ("failed", "repository-private"), ended
    assert "capsule token set" in ended["detail"], ended


def test_a_missing_image_ends_in_its_reason(ada: Person) -> None:
    application = ada.post("/v1/apps", {"name": f"a{secrets.token_hex(4)}", "image": "registry.invalid/no/such:1"}, 201)
    ended = ada.deploy(application)
    assert (ended["status"], ended["reason"]) == ("failed", "image-unavailable"), ended


@pytest.mark.usefixtures("is_examined")
def test_a_cancelled_deployment_leaves_what_serves(subject: Subject) -> None:
    before = subject.serving("staging")
    accepted = subject.owner.post(f"{subject.path}/deployments", {"environment": "staging", "ref": "main"}, 202)
    subject.owner.send("POST", f"{subject.path}/deployments/{accepted['id']}/cancellation")
    ended = subject.owner.ended(accepted)
    assert (ended["status"], ended["reason"]) == ("cancelled", "cancelled")
    assert subject.serving("staging")["release"] == before["release"]


@pytest.mark.usefixtures("is_examined")
def test_a_deployment_ends_with_its_environment(subject: Subject) -> None:
    accepted = subject.owner.post(f"{subject.path}/deployments", {"environment": "fourth", "ref": "main"}, 202)
    assert subject.owner.send("DELETE", f"{subject.path}/environments/fourth").status_code in (200, 202)
    ended = subject.owner.ended(accepted)
    assert (ended["status"], ended["reason"]) == ("failed", "environment-deleted")


def test_more_memory_than_the_quota_is_refused(subject: Subject) -> None:
    answer = subject.owner.send("PUT", f"{subject.path}/environments/staging/scale", {"memoryMib": 8192})
    assert (answer.status_code, answer.json()["type"]) == (403, "/problems/memory-quota-exceeded"), answer.text
