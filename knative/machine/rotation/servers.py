"""Rotate the passwords of PostgreSQL's roles and RabbitMQ's users.

Every user has two logins (`knative.machine.logins`). The sequence is: the server accepts the other login; processes use it for new connections; the
server refuses the former one. Connections that are open stay: RabbitMQ's until their process ends, PostgreSQL's for an hour at most.
"""

from urllib.parse import urlsplit

import pika

from knative.machine import keys, postgres_roles, rabbitmq_users, tls
from knative.machine.cluster import Cluster
from knative.machine.home import Home
from knative.machine.postgres import PostgreSQL
from knative.machine.problems import NotApplicable
from knative.machine.rabbitmq import RabbitMQ
from knative.machine.rotation import records, services
from knative.machine.rotation.publication import publish, wait_until_mounted

DATABASE, BROKER = "database", "broker"


def rotate_database(home: Home, cluster: Cluster) -> str:
    """Rotate the roles of all contexts. Returns a summary. Raises: NotApplicable for an external server."""
    server = PostgreSQL(home)
    if not server.is_running():
        raise NotApplicable(
            "This machine runs no PostgreSQL.", "Change passwords of an external server there: docs/operations.md, Rotate passwords and keys."
        )
    contexts = home.local_contexts
    for context in contexts:
        _require_local(cluster, keys.database_secret(home, context), home.ports.postgres)
    objects = [keys.database_secret(home, context) for context in contexts]
    publish(home, cluster, objects)  # of an interrupted rotation: nobody uses the other login from here on
    with server.superuser() as connection:
        for context in contexts:
            postgres_roles.rotate_owner(connection, home, context)
            postgres_roles.stage(connection, home, context)
    for context in contexts:
        postgres_roles.switch(home, context)
    publish(home, cluster, [keys.database_secret(home, context) for context in contexts])
    with server.superuser() as connection:
        for context in contexts:
            postgres_roles.close_former(connection, home, context)
    return f"{len(contexts) * len(postgres_roles.ROLES)} roles"


def rotate_broker(home: Home, cluster: Cluster) -> str:
    """Rotate all users. Returns a summary. Raises: NotApplicable for an external server."""
    server = RabbitMQ(home)
    if not server.is_running():
        raise NotApplicable(
            "This machine runs no RabbitMQ.", "Change passwords of an external server there: docs/operations.md, Rotate passwords and keys."
        )
    for secret in keys.amqp_secrets(home):
        _require_local(cluster, secret, home.ports.amqp)
    publish(home, cluster, keys.amqp_secrets(home))  # of an interrupted rotation: nobody uses the other login from here on
    staged = rabbitmq_users.stage_logins(home)
    rabbitmq_users.apply(server, [*rabbitmq_users.accounts(home), *staged])
    for account in staged:
        _require_login(server, account)
    rabbitmq_users.switch_logins(home)
    publish(home, cluster, keys.amqp_secrets(home))
    rabbitmq_users.close_former_logins(server, home)
    return f"{len(staged)} users"


def rotate_certificate(home: Home, _: Cluster) -> str:
    """Give PostgreSQL, RabbitMQ and the ingress new certificates of the same authority. Returns a summary. Raises: NotApplicable without TLS."""
    servers = [server for server in (PostgreSQL(home), RabbitMQ(home)) if server.is_running() and server.has_tls]
    if not servers and not home.has_https:
        raise NotApplicable("TLS is off on this machine.", "CAPSULE_TLS=on, then ./taskw down and ./taskw up: docs/operations.md.")
    if servers:
        tls.renew(home)
        for server in servers:
            server.renew_certificate()
    if home.has_https:
        tls.renew_https(home)
    names = [type(server).__name__ for server in servers] + (["ingress"] if home.has_https else [])
    return f"{', '.join(names)}; open connections keep the former certificate"


def close_interrupted(home: Home) -> None:
    """Refuse the logins that an interrupted rotation left accepted beside the current ones. Secrets must be applied. Raises: Problem."""
    interrupted = {name for name, record in records.read(home).items() if record.is_interrupted}
    if services.SERVICES in interrupted:
        wait_until_mounted(home, keys.services_secrets(home))
        services.close_former(home)
    if not interrupted & {DATABASE, BROKER}:
        return
    wait_until_mounted(home, [*keys.amqp_secrets(home), *(keys.database_secret(home, context) for context in home.local_contexts)])
    if DATABASE in interrupted and home.local_contexts:
        with PostgreSQL(home).superuser() as connection:
            for context in home.local_contexts:
                postgres_roles.close_former(connection, home, context)
    if BROKER in interrupted and not home.external_amqp_url:
        rabbitmq_users.close_former_logins(RabbitMQ(home), home)


def _require_local(cluster: Cluster, secret: keys.Object, port: int) -> None:
    """The running installation may have been started with an external server that this task's environment lacks. Raises: NotApplicable."""
    url = keys.decoded((cluster.get(secret) or {}).get("data") or {}).get("url")
    if url is not None and urlsplit(url).port != port:
        name = secret["metadata"]["name"]
        raise NotApplicable(f"The Secret {name} names another server than that of this machine.", "Run the task with the environment of ./taskw up.")


def _require_login(server: RabbitMQ, account: rabbitmq_users.Account) -> None:
    """Connect once: RabbitMQ's users are replicated state, and no process must use a login before it is accepted. Raises: AMQPError."""
    pika.BlockingConnection(pika.URLParameters(server.login_url(account.user.name, account.password))).close()
