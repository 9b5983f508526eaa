"""State that the steps of the demo share."""

import secrets
import time
from dataclasses import dataclass, field

from knative.machine.demo.screen import Screen
from knative.machine.demo.terminal import Json, Terminal
from knative.machine.home import Home
from knative.machine.repositories import Repository

STAGING, PRODUCTION = "staging", "production"


@dataclass
class Session:
    """One run of the demo: its user, its application and its first deployment."""

    home: Home
    terminal: Terminal
    screen: Screen
    sample: Repository
    foreign_repository: str | None
    """A repository given by the user. The demo cannot commit to it."""
    email: str = field(default_factory=lambda: f"ada-{secrets.token_hex(3)}@example.com")
    password: str = field(default_factory=lambda: secrets.token_urlsafe(12))
    name: str = field(default_factory=lambda: f"hello-{secrets.token_hex(2)}")
    first: Json = field(default_factory=dict)
    """The first deployment."""
    greeting: str = ""
    """The first line of the first release's answer."""
    started_at: float = field(default_factory=time.monotonic)
    moments: list[tuple[float, str]] = field(default_factory=list)
    """Seconds since the start and a description, for the summary."""

    def record(self, text: str) -> None:
        """Add a line to the summary."""
        self.moments.append((time.monotonic() - self.started_at, text))

    @property
    def is_foreign(self) -> bool:
        return self.foreign_repository is not None

    @property
    def repository(self) -> str:
        return self.foreign_repository or self.sample.url

    @property
    def url(self) -> str:
        return str(self.first["url"])

    def url_in(self, environment: str) -> str:
        return str(self.terminal.read_json("open", "--app", self.name, "--env", environment)["url"])

    def latest(self) -> Json:
        """The newest deployment with its steps."""
        deployments = self.terminal.read_json("status", "--app", self.name)["deployments"]
        return dict(self.terminal.read_json("status", deployments[0]["id"], "--app", self.name))
