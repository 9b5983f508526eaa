"""Where this machine's Capsule keeps its state, which ports it has, and which servers it was told to use instead of its own."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

LOOPBACK = "127.0.0.1"
PROJECT = Path(__file__).resolve().parents[2]
CONTEXTS = ("auth", "billing", "deploy", "monitor")
AMQP_USERS = (*CONTEXTS, "edge", "runtime", "topology")
"""RabbitMQ's users: a context's functions, the gateway, the dead-letter router, the topology Job."""


def amqp_variable(user: str) -> str:
    return f"CAPSULE_{user.upper()}_AMQP_URL"


@dataclass(frozen=True)
class Ports:
    """Every port is shifted by CAPSULE_PORT_OFFSET, so that tests run a second whole beside the user's."""

    offset: int = 0

    gateway = property(lambda self: 3000 + self.offset)
    amqp = property(lambda self: 7010 + self.offset)
    epmd = property(lambda self: 7011 + self.offset)
    distribution = property(lambda self: 7012 + self.offset)
    management = property(lambda self: 7020 + self.offset)
    api = property(lambda self: 7030 + self.offset)
    ingress = property(lambda self: 7080 + self.offset)
    stripe = property(lambda self: 7081 + self.offset)
    """Of the stand-in for Stripe: the annotation in knative/overlays/local/stripe-stand-in.yaml."""
    postgres = property(lambda self: 7110 + self.offset)


@dataclass(frozen=True)
class Home:
    """The state folder (CAPSULE_HOME, by default `.capsule` in the project) and what the environment says about it."""

    path: Path
    ports: Ports = Ports()
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> Self:
        environment = dict(os.environ if environment is None else environment)
        path = Path(environment.get("CAPSULE_HOME") or PROJECT / ".capsule").absolute()
        return cls(path, Ports(int(environment.get("CAPSULE_PORT_OFFSET") or 0)), environment)

    @property
    def run(self) -> Path:
        return self.path / "run"

    @property
    def log(self) -> Path:
        return self.path / "log"

    @property
    def secrets(self) -> Path:
        return self.path / "secrets"

    @property
    def mail(self) -> Path:
        return self.path / "mail"

    @property
    def git(self) -> Path:
        return self.path / "git"

    @property
    def payments(self) -> Path:
        """Where the stand-in for a payment provider keeps its state."""
        return self.path / "payments"

    @property
    def kubeconfig(self) -> Path:
        return self.path / "kubeconfig"

    @property
    def grouping(self) -> Path:
        """What `up` was last told of how functions are grouped."""
        return self.path / "grouping"

    @property
    def foreign_amqp(self) -> str | None:
        """The RabbitMQ that is already there; ours isn't started then."""
        return self.environment.get("CAPSULE_AMQP_URL") or None

    def foreign_user_amqp(self, user: str) -> str | None:
        """The same RabbitMQ as that user, if the operator has made one there."""
        return self.environment.get(amqp_variable(user)) or None

    @property
    def shares_amqp_user(self) -> tuple[str, ...]:
        """Those who use the one user of CAPSULE_AMQP_URL, since the operator names no user of their own."""
        return tuple(user for user in AMQP_USERS if self.foreign_amqp and not self.foreign_user_amqp(user))

    def foreign_database(self, context: str) -> str | None:
        """The database that is already there, as the functions' role."""
        return self.environment.get(f"CAPSULE_{context.upper()}_DATABASE_URL") or None

    def foreign_reader(self, context: str) -> str | None:
        """The same database, as the role that can only read."""
        return self.environment.get(f"CAPSULE_{context.upper()}_READER_URL") or None

    def foreign_migration(self, context: str) -> str | None:
        """The same database as its owner; without it the functions' role migrates too."""
        return self.environment.get(f"CAPSULE_{context.upper()}_MIGRATION_URL") or self.foreign_database(context)

    @property
    def own_contexts(self) -> tuple[str, ...]:
        """The contexts whose database is in our own server."""
        return tuple(context for context in CONTEXTS if not self.foreign_database(context))

    def child_environment(self) -> dict[str, str]:
        """What our processes are started with: the machine's own environment and where they belong."""
        return {**self.environment, "CAPSULE_HOME": str(self.path), "CAPSULE_PORT_OFFSET": str(self.ports.offset)}

    def make(self) -> None:
        """Folders; 0711 so that the servers' accounts can pass through, what is secret is closed by itself."""
        self.path.mkdir(parents=True, exist_ok=True)
        self.path.chmod(0o711)
        for folder in (self.run, self.log, self.secrets):
            folder.mkdir(exist_ok=True)
            folder.chmod(0o700)
