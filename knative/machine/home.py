"""The state folder, the ports, and the servers that the environment names in place of local ones."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from functions.deploy.adapters.shared_variables import SERVICES_POSTGRES_URL, SERVICES_REDIS_URL
from functions.runtime.config.variables import AMQP_URL, DATABASE_URL, READER_URL, REPLICA_URL
from knative.installation import HOME, PORT_OFFSET, PUBLIC_HTTP_PORT, PUBLIC_HTTPS_PORT
from knative.machine.server_variables import DATA_SERVICES, MIGRATION_URL, USER_AMQP_URL

LOOPBACK = "127.0.0.1"
PROJECT = Path(__file__).resolve().parents[2]
CONTEXTS = ("auth", "billing", "deploy", "monitor")
AMQP_USERS = (*CONTEXTS, "collector", "edge", "runtime", "topology")
"""RabbitMQ users: one per context, the gateway (`edge`), the dead-letter router (`runtime`) and the topology Job (`topology`)."""


def amqp_variable(user: str) -> str:
    """The environment variable with the AMQP URL of a RabbitMQ user."""
    return USER_AMQP_URL.of(user).name


@dataclass(frozen=True)
class Ports:
    """Port numbers, each shifted by CAPSULE_PORT_OFFSET: several installations can run side by side."""

    offset: int = 0

    gateway = property(lambda self: 3000 + self.offset)
    amqp = property(lambda self: 7010 + self.offset)
    epmd = property(lambda self: 7011 + self.offset)
    distribution = property(lambda self: 7012 + self.offset)
    management = property(lambda self: 7020 + self.offset)
    broker_metrics = property(lambda self: 7021 + self.offset)
    api = property(lambda self: 7030 + self.offset)
    ingress = property(lambda self: 7080 + self.offset)
    stripe = property(lambda self: 7081 + self.offset)
    """The Stripe stand-in, as annotated in knative/overlays/local/stripe-stand-in.yaml."""
    terminal = property(lambda self: 7082 + self.offset)
    """Terminals of one-off commands, as annotated in knative/base/edge.yaml."""
    domains_http = property(lambda self: 7083 + self.offset)
    """Domains of applications, as in knative/local/settings.py, unless CAPSULE_PUBLIC_HTTP_PORT names another port."""
    domains_https = property(lambda self: 7084 + self.offset)
    postgres = property(lambda self: 7110 + self.offset)
    redis = property(lambda self: 7111 + self.offset)
    services_postgres = property(lambda self: 7112 + self.offset)
    """Databases of applications, as in knative/local/settings.py."""
    services_redis = property(lambda self: 7113 + self.offset)
    """Redis services of applications, as in knative/local/settings.py."""
    services_dedicated = property(lambda self: 7114 + self.offset)
    """Databases with a dedicated server, as in knative/local/settings.py."""

    @property
    def all(self) -> tuple[int, ...]:
        """Every port that `up` listens on."""
        return tuple(getattr(self, name) for name, value in vars(type(self)).items() if isinstance(value, property) and name != "all")


@dataclass(frozen=True)
class Home:
    """The state folder (`CAPSULE_HOME`, by default `.capsule` in the project), its ports and the environment of the task."""

    path: Path
    ports: Ports = Ports()
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> Self:
        environment = dict(os.environ if environment is None else environment)
        path = HOME.read({HOME.name: str(PROJECT / ".capsule"), **{name: value for name, value in environment.items() if value}})
        return cls(path.absolute(), Ports(PORT_OFFSET.read(environment)), environment)

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
        """The Maildir that functions deliver e-mails to."""
        return self.path / "mail"

    @property
    def git(self) -> Path:
        """Bare repositories that the Service `samples` serves."""
        return self.path / "git"

    @property
    def payments(self) -> Path:
        """State of the Stripe stand-in."""
        return self.path / "payments"

    @property
    def backups(self) -> Path:
        """The folder of backups, unless CAPSULE_BACKUP_STORE names another store."""
        return self.path / "backups"

    @property
    def restoring(self) -> Path:
        """Exists while `restore` writes, and after one that was interrupted: `up` refuses."""
        return self.path / "restoring"

    @property
    def gateway_url(self) -> str:
        return f"{self.http}://{LOOPBACK}:{self.ports.gateway}"

    @property
    def https_mark(self) -> Path:
        """Exists while the ingress was started with CAPSULE_HTTPS: other tasks than `up` need not have the variable."""
        return self.run / "https"

    @property
    def has_https(self) -> bool:
        return self.https_mark.exists()

    @property
    def http(self) -> str:
        """The scheme of the gateway's, the dashboard's and the applications' addresses."""
        return "https" if self.has_https else "http"

    @property
    def kubeconfig(self) -> Path:
        return self.path / "kubeconfig"

    @property
    def grouping(self) -> Path:
        """The file that stores the grouping of functions that `up` applies."""
        return self.path / "grouping"

    @property
    def administrators(self) -> Path:
        """The file with the addresses of administrators, one in a line."""
        return self.path / "administrators"

    @property
    def billing_days_ahead(self) -> Path:
        """The file with the number of days that billing's clock is ahead."""
        return self.path / "billing-days-ahead"

    @property
    def external_amqp_url(self) -> str | None:
        """URL of an external RabbitMQ (CAPSULE_AMQP_URL). When it is set, no local server is started."""
        return self.environment.get(AMQP_URL.name) or None

    def external_user_amqp_url(self, user: str) -> str | None:
        """URL of the external RabbitMQ for one user, when the operator created that user."""
        return self.environment.get(amqp_variable(user)) or None

    @property
    def sharing_amqp_users(self) -> tuple[str, ...]:
        """Users that connect with the credentials of CAPSULE_AMQP_URL because the operator names none of their own."""
        return tuple(user for user in AMQP_USERS if self.external_amqp_url and not self.external_user_amqp_url(user))

    def external_database_url(self, context: str) -> str | None:
        """URL of an external database, as the role of the functions."""
        return self.environment.get(DATABASE_URL.of(context).name) or None

    def external_reader_url(self, context: str) -> str | None:
        """URL of the same database as the read-only role."""
        return self.environment.get(READER_URL.of(context).name) or None

    def external_replica_url(self, context: str) -> str | None:
        """URL of replicas of the same database, as the read-only role."""
        return self.environment.get(REPLICA_URL.of(context).name) or None

    def external_migration_url(self, context: str) -> str | None:
        """URL of the same database as its owner, who migrates. Defaults to the role of the functions."""
        return self.environment.get(MIGRATION_URL.of(context).name) or self.external_database_url(context)

    @property
    def local_contexts(self) -> tuple[str, ...]:
        """Contexts whose database is on the local PostgreSQL."""
        return tuple(context for context in CONTEXTS if not self.external_database_url(context))

    @property
    def has_local_redis(self) -> bool:
        """Whether `up` starts a Redis: the operator sets CAPSULE_REDIS_URL=local."""
        from functions.edge.gateway.variables import LOCAL_REDIS, REDIS_URL  # loads the gateway, which few tasks need

        return self.environment.get(REDIS_URL.name) == LOCAL_REDIS

    @property
    def domain_ports(self) -> dict[str, int]:
        """The ports at which domains of applications are served, by title. Raises InvalidSetting."""
        http, https = PUBLIC_HTTP_PORT.read(self.environment), PUBLIC_HTTPS_PORT.read(self.environment)
        return {"domains, HTTP": http or self.ports.domains_http, "domains, HTTPS": https or self.ports.domains_https}

    @property
    def has_services_postgres(self) -> bool:
        """Whether `up` starts the PostgreSQL of data services: unless the operator names one, or switches it off."""
        return DATA_SERVICES.read(self.environment) and not self.environment.get(SERVICES_POSTGRES_URL.name)

    @property
    def has_services_redis(self) -> bool:
        """Whether applications get Redis services on this machine."""
        return DATA_SERVICES.read(self.environment) and not self.environment.get(SERVICES_REDIS_URL.name)

    def child_environment(self) -> dict[str, str]:
        """Environment of child processes: that of the task, with this state folder and these ports."""
        return {**self.environment, HOME.name: str(self.path), PORT_OFFSET.name: str(self.ports.offset)}

    def create(self) -> None:
        """Create the folders. Idempotent. Mode 0711 lets the accounts of the servers pass through; each secret has mode 0600 itself."""
        self.path.mkdir(parents=True, exist_ok=True)
        self.path.chmod(0o711)
        for folder in (self.run, self.log, self.secrets):
            folder.mkdir(exist_ok=True)
            folder.chmod(0o700)
