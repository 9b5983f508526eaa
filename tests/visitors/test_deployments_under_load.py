"""No visitor sees a deployment under load.

Good releases fail no request and cut no stream. Bad ones fail only the requests that they answer themselves.
"""

import secrets
from collections.abc import Iterator
from itertools import cycle
from pathlib import Path

import httpx
import pytest

from knative.machine.repositories import Repository
from tests.journeys.people import Person
from tests.journeys.whole import Json, Whole
from tests.proof import proof
from tests.visitors.load import Findings, Load

pytestmark = proof("no-visitor-sees-a-deploy")

CHANGES, BAD_RELEASES = 50, 6
OBSERVATION_SECONDS = 15
NEVER, AT_ONCE, AFTER_A_WHILE = "-1", "0", "1.5"
"""When `/` begins to answer 500, in seconds after the start."""


class Subject:
    """An application with visitors, and what its owner does with it."""

    def __init__(self, whole: Whole, owner: Person) -> None:
        self.owner = owner
        self.repository: Repository = whole.repository(f"visited-{secrets.token_hex(3)}", files("0", NEVER))
        self.application = owner.create(self.repository.url)
        first = owner.deploy(self.application)
        assert first["status"] == "succeeded", first
        self.url = str(first["url"])
        self.environment = f"/v1/apps/{self.application['id']}/environments/staging"
        self.load = Load(f"http://127.0.0.1:{whole.home.ports.ingress}", httpx.URL(self.url).netloc.decode())

    def deploy(self, version: str, fail_after: str = NEVER) -> Json:
        self.repository.commit(dict(files(version, fail_after)), f"Version {version}")
        return self.owner.deploy(self.application)

    def observe(self, seconds: int) -> None:
        """Observe the next releases for some seconds."""
        answer = self.owner.send("PUT", f"{self.environment}/scale", {"observationSeconds": seconds})
        assert answer.status_code == 202, answer.text

    def configure(self, number: int) -> Json:
        answer = self.owner.send("PATCH", f"{self.environment}/config", {"variables": {"VERSION": str(number)}})
        assert answer.status_code == 202, answer.text
        return self.owner.ended(answer.json()["deployments"][0])

    def roll_back(self) -> Json:
        return self.owner.ended(self.owner.post(f"{self.environment}/rollbacks", {}, 202))


def files(version: str, fail_after: str) -> dict[str, str]:
    source = Path(__file__).with_name("application.py").read_text()
    return {"Procfile": "web: python app.py\n", "requirements.txt": "", "app.py": source, "version.txt": version, "fail_after.txt": fail_after}


@pytest.fixture
def subject(whole: Whole, ada: Person) -> Iterator[Subject]:
    found = Subject(whole, ada)
    found.load.start()
    yield found
    found.load.stop()


def check_streams(findings: Findings) -> None:
    assert findings.cut_streams == []
    assert findings.versions.total() > 0 and findings.echoes > 0 and findings.uploads > 0


def test_good_releases_fail_no_request_and_cut_no_stream(subject: Subject) -> None:
    kinds = cycle(("configure", "deploy", "roll back", "configure", "roll back"))
    for number in range(1, CHANGES + 1):
        match next(kinds):
            case "deploy":
                ended = subject.deploy(str(number))
            case "configure":
                ended = subject.configure(number)
            case _:
                ended = subject.roll_back()
        assert ended["status"] == "succeeded", ended
    findings = subject.load.stop()
    assert findings.errors == []
    check_streams(findings)


def test_bad_releases_fail_only_what_they_answer_themselves(subject: Subject) -> None:
    subject.observe(OBSERVATION_SECONDS)
    for number in range(1, BAD_RELEASES + 1):
        has_traffic = number % 2 == 0
        ended = subject.deploy(f"bad-{number}", AFTER_A_WHILE if has_traffic else AT_ONCE)
        assert ended["status"] == ("rolled-back" if has_traffic else "failed"), ended
    findings = subject.load.stop()
    assert [error for error in findings.errors if not error[1].startswith("@bad-")] == []
    check_streams(findings)
