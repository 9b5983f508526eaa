"""What one chapter of the demo leaves to the next."""

import secrets
import time
from dataclasses import dataclass, field

from knative.machine.demo.show import Screen
from knative.machine.demo.terminal import Json, Terminal
from knative.machine.home import Home
from knative.machine.repositories import Repository

STAGING, PRODUCTION = "staging", "production"


@dataclass
class Story:
    home: Home
    terminal: Terminal
    screen: Screen
    sample: Repository
    other: str | None
    """Somebody else's repository, which we cannot commit to."""
    email: str = field(default_factory=lambda: f"ada-{secrets.token_hex(3)}@example.com")
    password: str = field(default_factory=lambda: secrets.token_urlsafe(12))
    name: str = field(default_factory=lambda: f"hello-{secrets.token_hex(2)}")
    first: Json = field(default_factory=dict)
    """The first deployment, ended well."""
    greeting: str = ""
    """The first line that the first release answers."""
    began: float = field(default_factory=time.monotonic)
    moments: list[tuple[float, str]] = field(default_factory=list)
    """From the request to the bill, for the last screen."""

    def happened(self, what: str) -> None:
        self.moments.append((time.monotonic() - self.began, what))

    @property
    def repository(self) -> str:
        return self.other or self.sample.url

    @property
    def url(self) -> str:
        return str(self.first["url"])

    def url_in(self, environment: str) -> str:
        return str(self.terminal.ask("open", "--app", self.name, "--env", environment)["url"])

    def latest(self) -> Json:
        """The newest deployment, whole."""
        deployments = self.terminal.ask("status", "--app", self.name)["deployments"]
        return dict(self.terminal.ask("status", deployments[0]["id"], "--app", self.name))
