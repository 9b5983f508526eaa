"""Encryption that is on ends only when the operator says so: `up` in an environment without the variable must not end it silently."""

from collections.abc import Iterator

from functions.wire.settings import Setting
from knative.local.variables import HTTPS
from knative.machine.home import Home
from knative.machine.postgres import PostgreSQL
from knative.machine.problems import Problem
from knative.machine.rabbitmq import RabbitMQ
from knative.machine.server_variables import TLS


def check(home: Home) -> None:
    """Raises: Problem when this installation encrypts connections and the setting is missing in the environment."""
    for setting, servers in _encrypted(home):
        if not home.environment.get(setting.name):
            raise Problem(
                f"{servers} of this installation use TLS, and {setting.name} is not set here: their connections would no longer be encrypted.",
                f"{setting.name}=on, with the other settings of your last ./taskw up; or {setting.name}=off to end encryption.",
            )


def _encrypted(home: Home) -> Iterator[tuple[Setting[bool], str]]:
    if home.has_https:
        yield HTTPS, "The gateway, the dashboard and applications"
    has_postgres, has_rabbitmq = bool(home.local_contexts), not home.external_amqp_url
    if (has_postgres and PostgreSQL(home).has_tls) or (has_rabbitmq and RabbitMQ(home).has_tls):
        yield TLS, "PostgreSQL and RabbitMQ"
