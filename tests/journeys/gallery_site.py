"""The Django application of `gallery/` in production, and what its users do."""

import hashlib
import secrets
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx

from knative.machine.repositories import Repository
from tests.journeys.own_domain import DomainVisitor
from tests.journeys.people import Person
from tests.journeys.whole import Json, until

FOLDER = Path(__file__).parent / "gallery"
ENVIRONMENT = "production"
MEDIA = "/app/media"


def files() -> dict[str, str]:
    """The repository: path → text."""
    found = [path for path in FOLDER.rglob("*") if path.is_file() and path.suffix != ".pyc"]
    return {path.relative_to(FOLDER).as_posix(): path.read_text() for path in found}


@dataclass
class Gallery:
    person: Person
    repository: Repository
    application: Json
    uploaded: dict[int, bytes] = field(default_factory=dict)
    """What was acknowledged: id → content."""

    @property
    def base(self) -> str:
        return f"/v1/apps/{self.application['id']}"

    # --- as its developer

    def finished(self, operation_id: str) -> None:
        path = f"/v1/operations/{operation_id}"
        until(lambda: self.person.get(path)["state"] != "running", 180, "for the operation")
        view = self.person.get(path)
        assert view["state"] == "succeeded", view

    def configure(self, host: str) -> None:
        body = {
            "variables": {"ALLOWED_HOSTS": f"{host},.localhost"},
            "secrets": {"SECRET_KEY": secrets.token_urlsafe(40)},
            "deploy": False,
        }
        answer = self.person.patiently("PATCH", f"{self.base}/environments/{ENVIRONMENT}/config", body)
        assert answer.status_code == 202, answer.text

    def bind(self, name: str, kind: str) -> str:
        """Create a data service and bind it to the environment, for the next deployment. Returns its path."""
        accepted = self.person.post(f"{self.base}/services", {"name": name, "kind": kind}, 202)
        self.finished(accepted["operationId"])
        path = f"{self.base}/services/{accepted['id']}"
        answer = self.person.patiently("PUT", f"{path}/bindings/{ENVIRONMENT}", {"deploy": False})
        assert answer.status_code == 202, answer.text
        return path

    def attach_volume(self) -> str:
        accepted = self.person.post(f"{self.base}/volumes", {"name": "uploads", "sizeMib": 64}, 202)
        self.finished(accepted["operationId"])
        path = f"{self.base}/volumes/{accepted['id']}"
        answer = self.person.patiently("PUT", f"{path}/attachment", {"environment": ENVIRONMENT, "mountPath": MEDIA, "deploy": False})
        assert answer.status_code == 202, answer.text
        return path

    def deploy(self) -> Json:
        accepted = self.person.post(f"{self.base}/deployments", {"environment": ENVIRONMENT}, 202)
        ended = self.person.ended(accepted, 300)
        log = {each: self.person.log(self.application, each) for each in ("build", "release", "run")} if ended["status"] != "succeeded" else {}
        assert ended["status"] == "succeeded", (ended, log)
        return ended

    def schedule_nightly(self) -> str:
        """At the next minute but one, as at three in the night. Returns the path of the schedule."""
        body = {"cron": next_time(), "command": "python manage.py nightly"}
        accepted = self.person.post(f"{self.base}/environments/{ENVIRONMENT}/schedules", body, 202)
        self.finished(accepted["operationId"])
        return f"{self.base}/schedules/{accepted['id']}"

    def runs(self, schedule: str) -> list[Json]:
        """Runs at their time that have ended."""
        items: list[Json] = self.person.get(f"{schedule}/runs")["items"]
        return [each for each in items if each["finishedAt"] and each["scheduledAt"]]

    def wait_for_run(self, schedule: str, before: int) -> None:
        until(lambda: len(self.runs(schedule)) > before, 240, "for the nightly job at its time", every=1)
        assert {each["exitCode"] for each in self.runs(schedule)} == {0}, self.runs(schedule)

    # --- as its users

    def upload(self, visitor: DomainVisitor, client: httpx.Client, content: bytes) -> int:
        form = {"data": {"title": f"photo of {len(content)} bytes"}, "files": {"file": ("photo.jpg", content)}}
        answer = visitor.send(client, "POST", "/photos", **form)
        answer.raise_for_status()
        number = int(answer.json()["id"])
        self.uploaded[number] = content
        return number

    def check(self, visitor: DomainVisitor) -> None:
        """Every upload that was acknowledged is there, with its row, its file and its digest, which the worker makes."""
        expected = {number: hashlib.sha256(content).hexdigest() for number, content in self.uploaded.items()}

        def digests() -> dict[int, str]:
            return {each["id"]: each["digest"] for each in visitor.get("/photos").json()["photos"]}

        assert set(expected) <= set(digests())
        until(lambda: expected.items() <= digests().items(), 60, "for the worker", every=0.5)
        for number, content in self.uploaded.items():
            assert visitor.get(f"/photos/{number}/file").content == content


def next_time() -> str:
    """Of a daily job: a minute that begins after at least 15 s, in UTC."""
    at = datetime.now(UTC) + timedelta(seconds=75)
    return f"{at.minute} {at.hour} * * *"
