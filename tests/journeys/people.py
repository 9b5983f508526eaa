"""One who uses Capsule over HTTP: registers, follows the link in the mail, signs in, deploys. Every call is the API's own."""

import secrets
import time
import uuid
from dataclasses import dataclass, field
from email.message import Message
from typing import Any

import httpx

from knative.machine import mailbox
from tests.journeys.whole import Json, Whole, until

ENDED = ("succeeded", "failed", "rolled-back", "cancelled")


@dataclass
class Person:
    whole: Whole
    email: str = field(default_factory=lambda: f"ada-{secrets.token_hex(4)}@example.org")
    password: str = field(default_factory=lambda: secrets.token_urlsafe(12))
    session: Json = field(default_factory=dict)
    timeout_seconds: float = 0
    """How long a 503 is borne: not at all where nothing was broken on purpose."""

    # --- any request

    def send(self, method: str, path: str, body: Any = None, **headers: str) -> httpx.Response:
        if self.session:
            headers.setdefault("Authorization", f"Bearer {self.session['accessToken']}")
        return self.whole.send(method, path, body, headers=headers)

    def patiently(self, method: str, path: str, body: Any = None) -> httpx.Response:
        """As the header Retry-After of a 503 asks for, with the same key; `timeout_seconds` seconds at most."""
        key, end = str(uuid.uuid4()), time.monotonic() + self.timeout_seconds
        while (answer := self.send(method, path, body, **{"Idempotency-Key": key})).status_code == 503 and time.monotonic() < end:
            time.sleep(min(float(answer.headers["Retry-After"]), 2))
        return answer

    def get(self, path: str) -> Json:
        answer = self.patiently("GET", path)
        assert answer.status_code == 200, (path, answer.text)
        return dict(answer.json())

    def post(self, path: str, body: Json, status: int) -> Json:
        answer = self.patiently("POST", path, body)
        assert answer.status_code == status, (path, answer.text)
        return dict(answer.json())

    def found(self, path: str, seconds: float = 60) -> Json:
        """What other functions are still about to make: a 404 means not yet."""

        def look() -> Json | None:
            answer = self.patiently("GET", path)
            assert answer.status_code in (200, 404), (path, answer.text)
            return dict(answer.json()) if answer.status_code == 200 else None

        return until(look, seconds, f"for {path}") or {}

    # --- an account

    def register(self) -> None:
        self.post("/v1/users", {"email": self.email, "password": self.password}, 202)

    def mail(self, seconds: float = 60, subject: str = "") -> Message:
        return until(lambda: mailbox.find_newest(self.whole.home, self.email, subject), seconds, f"for a mail to {self.email}") or Message()

    def verify(self, seconds: float = 60) -> None:
        self.post("/v1/users/verify", {"token": mailbox.find_token(self.mail(seconds)), "password": self.password}, 200)

    def sign_in(self) -> None:
        self.session = self.post("/v1/sessions", {"email": self.email, "password": self.password}, 201)

    def become_a_user(self) -> "Person":
        self.register()
        self.verify()
        self.sign_in()
        self.found("/v1/billing/customer")
        self.found("/v1/quota")
        return self

    # --- applications

    def create(self, repository: str) -> Json:
        return self.post("/v1/apps", {"name": f"a{secrets.token_hex(4)}", "repository": repository}, 201)

    def ask_to_deploy(self, application: Json, ref: str | None = None) -> Json:
        body = {"environment": "staging"} | ({"ref": ref} if ref else {})
        return self.post(f"/v1/apps/{application['id']}/deployments", body, 202)

    def ended(self, deployment: Json, seconds: float = 180) -> Json:
        path = f"/v1/apps/{deployment['applicationId']}/deployments/{deployment['id']}"
        end = time.monotonic() + seconds
        while (view := self.get(path))["status"] not in ENDED:
            assert time.monotonic() < end, view
            time.sleep(0.25)
        return view

    def deploy(self, application: Json, ref: str | None = None) -> Json:
        return self.ended(self.ask_to_deploy(application, ref))

    def log(self, application: Json, component: str, deployment: Json | None = None) -> list[str]:
        query = f"component={component}&after=0&limit=1000" + (f"&deployment={deployment['id']}" if deployment else "")
        return [str(line["line"]) for line in self.get(f"/v1/apps/{application['id']}/logs?{query}")["lines"]]
