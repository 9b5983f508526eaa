"""The Secrets and ConfigMaps that an operator provides: server addresses, signing and sealing keys. Generated once, never printed."""

import json
from collections.abc import Iterable

from functions.auth.adapters.variables import ADMINISTRATORS
from functions.billing.adapters.variables import DAYS_AHEAD, STRIPE_API_BASE, STRIPE_API_KEY, STRIPE_WEBHOOK_SECRET
from functions.deploy.adapters.shared_variables import APPLICATION_URL, HEALTH_CHECK_KEY, TERMINAL_URL
from functions.edge.gateway import variables as gateway
from functions.edge.gateway.variables import REDIS_URL
from functions.monitor.adapters.variables import MANAGEMENT_URL
from functions.runtime.config import variables as runtime
from functions.runtime.security.encryption import new_private_keys
from functions.runtime.security.tokens import new_signing_jwks
from functions.wire.backups.variables import BACKUP_STORE
from functions.wire.settings import Section, Setting, settings_of
from knative.local import variables as local
from knative.machine import dns_hook, installation_objects, mirrors, services_postgres, services_redis, tls, variables
from knative.machine.home import AMQP_USERS, CONTEXTS, LOOPBACK, Home
from knative.machine.installation_objects import CONTEXT_SECTIONS, secret, settings_in
from knative.machine.installation_objects import NAMESPACE as NAMESPACE
from knative.machine.installation_objects import SERVICES as SERVICES
from knative.machine.installation_objects import Object as Object
from knative.machine.installation_objects import decoded as decoded
from knative.machine.installation_objects import reference as reference
from knative.machine.postgres import PostgreSQL
from knative.machine.problems import Problem
from knative.machine.rabbitmq import RabbitMQ
from knative.machine.rabbitmq_users import KNATIVE
from knative.machine.redis_server import Redis
from knative.machine.secrets import password, stored_secret
from knative.machine.shared_secrets import SharedSecret

SIGNING = "auth-signing.json"
SEALING = "{context}-sealing.json"
"""Names of the stored key sets."""
PAYMENTS_FILE = "stripe-stand-in.pickle"
"""File with the state of the Stripe stand-in."""


def amqp_url(home: Home) -> str:
    """AMQP URL of the administrator, or CAPSULE_AMQP_URL."""
    return home.external_amqp_url or RabbitMQ(home).url


def knative_amqp_url(home: Home) -> str:
    """AMQP URL of the one-machine Knative."""
    return home.external_amqp_url or RabbitMQ(home).user_url(KNATIVE)


def user_amqp_url(home: Home, user: str) -> str:
    """AMQP URL of one of `home.AMQP_USERS`."""
    return home.external_user_amqp_url(user) or home.external_amqp_url or RabbitMQ(home).user_url(user)


def database_url(home: Home, context: str) -> str:
    """URL of a context's database as the role of its functions."""
    return home.external_database_url(context) or PostgreSQL(home).database(context).functions_url


def migration_url(home: Home, context: str) -> str:
    """URL of a context's database as its owner."""
    return home.external_migration_url(context) or PostgreSQL(home).database(context).owner_url


def operator_objects(home: Home) -> list[Object]:
    """The objects that `knative/base/kustomization.yaml` requires of an operator."""
    defaults = {
        runtime.MAIL_URL.name: f"maildir://{home.mail}",
        runtime.PUBLIC_URL.name: home.gateway_url,
        runtime.DASHBOARD_URL.name: f"{home.http}://dashboard.localhost:{home.ports.ingress}",
    }
    settings = defaults | operator_settings(home, [runtime.FUNCTIONS])
    settings.pop(runtime.AUTHORITIES_FILE.name, None)  # functions read a copy of the operator's file, in the bundle
    if tls.has_bundle(home):
        settings[runtime.AUTHORITIES_FILE.name] = str(tls.bundle(home))
    objects = [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE, "labels": {"app.kubernetes.io/part-of": "capsule"}}},
        *amqp_secrets(home),
        *signing_objects(home),
        *sealing_objects(home),
        *(database_secret(home, context) for context in CONTEXTS),
        *dns_hook.secrets(home),
        *services_secrets(home),
        backup_secret(home),
        secret("samples-settings", {variables.GIT_ROOT.name: str(home.git)}),
        secret("edge-settings", settings | operator_settings(home, gateway.SECTIONS) | redis_settings(home)),
        secret("stripe-stand-in-settings", stand_in_settings(home)),
    ]
    own: dict[str, dict[str, str]] = {
        "deploy": mirrors.build_settings(home) | health_check_settings(home) | tls.acme_settings(home) | dns_hook.settings(home),
        "billing": payment_settings(home) | billing_clock_settings(home),
        "auth": administrator_settings(home),
    }
    addresses = {
        "deploy": application_urls(home)
        | terminal_address(home)
        | services_postgres.address(home)
        | services_redis.address(home)
        | services_redis.dedicated_address(home),
        "monitor": management_settings(home),
    }
    for context in CONTEXTS:
        chosen = addresses.get(context, {}) | operator_settings(home, CONTEXT_SECTIONS.get(context, ()))
        objects += [
            installation_objects.migration_secret(context, migration_url(home, context)),
            secret(f"{context}-settings", settings | chosen | own.get(context, {})),
        ]
    return objects


def services_secrets(home: Home) -> list[Object]:
    """The Secret with the logins that provision data services; none without a server."""
    urls = services_postgres.provisioner_url(home) | services_redis.provisioner_url(home)
    return [secret(SERVICES, urls)] if urls else []


def amqp_secrets(home: Home) -> list[Object]:
    """The Secrets of RabbitMQ's users."""
    return [installation_objects.amqp_secret(user, user_amqp_url(home, user)) for user in AMQP_USERS]


def database_secret(home: Home, context: str) -> Object:
    """The Secret with the addresses of a context's database."""
    replica = home.external_replica_url(context) if home.external_database_url(context) else None
    return installation_objects.database_secret(context, database_url(home, context), _reader(home, context), replica)


def backup_secret(home: Home) -> Object:
    """The store and the key of backups, for the functions that back up data services."""
    from knative.machine.backup import destination  # which imports this module

    store = home.environment.get(BACKUP_STORE.name) or home.backups.as_uri()
    keys = destination.keys(home)
    return installation_objects.backup_secret(store, (each.text for each in (keys.current, *keys.former)))


def signing_keys(home: Home) -> Object:
    """The private set of signing keys (`functions.runtime.security.tokens`)."""
    return dict(json.loads(stored_secret(home, SIGNING, lambda: json.dumps(new_signing_jwks()))))


def signing_objects(home: Home) -> list[Object]:
    """The signing keys, and their public part."""
    return installation_objects.signing_objects(signing_keys(home))


def sealing_keys(home: Home, context: str) -> Object:
    """The private set of a context's sealing keys (`functions.runtime.security.encryption`)."""
    return dict(json.loads(stored_secret(home, SEALING.format(context=context), lambda: json.dumps(new_private_keys()))))


def sealing_objects(home: Home) -> list[Object]:
    """The sealing keys of all contexts, and their public part."""
    return installation_objects.sealing_objects({context: sealing_keys(home, context) for context in CONTEXTS})


def management_settings(home: Home) -> dict[str, str]:
    """CAPSULE_RABBITMQ_MANAGEMENT_URL of the server that `up` starts. That of an external server is the operator's to name."""
    return {} if home.external_amqp_url else {MANAGEMENT_URL.name: f"http://{LOOPBACK}:{home.ports.management}"}


def redis_settings(home: Home) -> dict[str, str]:
    """CAPSULE_REDIS_URL of the Redis that `up` starts."""
    return {REDIS_URL.name: Redis(home).url} if home.has_local_redis else {}


def administrators(home: Home) -> frozenset[str]:
    """Addresses of administrators: those that `./taskw admin` stored, and those of the environment."""
    stored = home.administrators.read_text() if home.administrators.exists() else ""
    return ADMINISTRATORS.read({ADMINISTRATORS.name: stored}) | ADMINISTRATORS.read(home.environment)


def administrator_settings(home: Home) -> dict[str, str]:
    """CAPSULE_ADMINISTRATORS: who becomes an administrator."""
    addresses = administrators(home)
    return {ADMINISTRATORS.name: ",".join(sorted(addresses))} if addresses else {}


def administrators_secret(home: Home) -> Object:
    """The part of the Secret `auth-settings` that `./taskw admin` changes."""
    return secret("auth-settings", administrator_settings(home))


def billing_days_ahead(home: Home) -> int:
    """How many days billing's clock is ahead, as `./taskw advance-billing` stored it."""
    return int(home.billing_days_ahead.read_text()) if home.billing_days_ahead.exists() else 0


def billing_clock_settings(home: Home) -> dict[str, str]:
    """CAPSULE_BILLING_DAYS_AHEAD. Raises: Problem if the installation has an account at Stripe."""
    days = billing_days_ahead(home)
    if days and home.environment.get(STRIPE_API_KEY.name):
        raise Problem(
            f"Billing's clock of this installation is {days} days ahead, for trying. It cannot charge real money.",
            f"Unset {STRIPE_API_KEY.name}, or begin anew: ./taskw reset",
        )
    return {DAYS_AHEAD.name: str(days)} if days else {}


def billing_clock_secret(home: Home) -> Object:
    """The part of the Secret `billing-settings` that `./taskw advance-billing` changes."""
    return secret("billing-settings", billing_clock_settings(home))


def application_urls(home: Home) -> dict[str, str]:
    """The form of application URLs, as config-network and config-domain of this machine make them, unless the operator names another one."""
    return {APPLICATION_URL.name: f"{home.http}://{{name}}.localhost:{home.ports.ingress}"}


def terminal_address(home: Home) -> dict[str, str]:
    """Where clients attach to one-off commands, unless the operator names another address."""
    return {TERMINAL_URL.name: f"{'wss' if home.has_https else 'ws'}://{LOOPBACK}:{home.ports.terminal}"}


def _reader(home: Home, context: str) -> str | None:
    """The address as the read-only role. An external database has one only if the operator created it."""
    return home.external_reader_url(context) if home.external_database_url(context) else PostgreSQL(home).database(context).reader_url


def payment_settings(home: Home) -> dict[str, str]:
    """Settings of the stand-in, which moves no money. None when CAPSULE_STRIPE_API_KEY names a Stripe account."""
    if home.environment.get(STRIPE_API_KEY.name):
        return {}
    return {
        STRIPE_API_BASE.name: f"http://{LOOPBACK}:{home.ports.stripe}",
        STRIPE_API_KEY.name: stand_in_settings(home)[STRIPE_API_KEY.name],
        STRIPE_WEBHOOK_SECRET.name: ",".join(f"whsec_{each}" for each in webhook_secret(home).accepted),
    }


def webhook_secret(home: Home) -> SharedSecret:
    """What the stand-in signs webhooks with, and billing verifies."""
    return SharedSecret(home, "stripe-stand-in-webhook")


def webhook_secrets(home: Home) -> list[Object]:
    """The parts of Secrets that a rotation of the webhook secret changes."""
    stand_in = {STRIPE_WEBHOOK_SECRET.name: stand_in_settings(home)[STRIPE_WEBHOOK_SECRET.name]}
    billing = {STRIPE_WEBHOOK_SECRET.name: payment_settings(home)[STRIPE_WEBHOOK_SECRET.name]}
    return [secret("billing-settings", billing), secret("stripe-stand-in-settings", stand_in)]


def all_settings() -> list[Setting[object]]:
    """The settings of functions and of this machine, for a check before anything starts."""
    of_contexts = [each for sections in CONTEXT_SECTIONS.values() for each in sections]
    return settings_of([*runtime.SECTIONS, *gateway.SECTIONS, *of_contexts, *local.SECTIONS, *variables.SECTIONS])


def operator_settings(home: Home, sections: Iterable[Section]) -> dict[str, str]:
    """The settings of functions that the environment of this task has. Servers have Secrets of their own."""
    return settings_in(home.environment, sections)


def health_check_settings(home: Home) -> dict[str, str]:
    """CAPSULE_HEALTH_CHECK_KEY: deploy signs its requests to applications, and the ingress does not measure them."""
    return {HEALTH_CHECK_KEY.name: ",".join(health_check_key(home).accepted)}


def health_check_key(home: Home) -> SharedSecret:
    """What deploy signs its requests to applications with, and the ingress verifies."""
    return SharedSecret(home, "health-check")


def health_check_secret(home: Home) -> Object:
    """The part of the Secret `deploy-settings` that a rotation of the health check key changes."""
    return secret("deploy-settings", health_check_settings(home))


def knative_settings(home: Home) -> dict[str, str]:
    """The credentials of the one-machine Knative."""
    return {runtime.AMQP_URL.name: knative_amqp_url(home), **health_check_settings(home)}


def stand_in_settings(home: Home) -> dict[str, str]:
    """Settings of the Stripe stand-in."""
    return {
        STRIPE_API_KEY.name: f"sk_test_{password(home, 'stripe-stand-in')}",
        STRIPE_WEBHOOK_SECRET.name: f"whsec_{webhook_secret(home).current}",
        variables.STRIPE_WEBHOOK_URL.name: f"{home.gateway_url}/v1/billing/webhooks/stripe",
        **({"SSL_CERT_FILE": str(tls.bundle(home))} if home.has_https else {}),  # read by OpenSSL
        variables.STRIPE_STATE.name: str(home.payments / PAYMENTS_FILE),
    }
