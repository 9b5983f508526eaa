"""The Secrets and ConfigMaps that an operator provides: server addresses, signing and sealing keys. Generated once, never printed."""

import base64
import json
from typing import Any
from urllib.parse import unquote, urlsplit

from functions.runtime.security.encryption import new_private_keys, public_key
from functions.runtime.security.tokens import new_signing_jwks, public_jwks
from knative.machine import mirrors
from knative.machine.home import AMQP_USERS, CONTEXTS, LOOPBACK, Home
from knative.machine.postgres import PostgreSQL
from knative.machine.rabbitmq import RabbitMQ
from knative.machine.rabbitmq_users import KNATIVE
from knative.machine.secrets import password, stored_secret

Object = dict[str, Any]
NAMESPACE = "capsule"
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
    signing = json.loads(stored_secret(home, "auth-signing.json", lambda: json.dumps(new_signing_jwks())))
    sealing = {context: json.loads(stored_secret(home, f"{context}-sealing.json", lambda: json.dumps(new_private_keys()))) for context in CONTEXTS}
    settings = {"CAPSULE_MAIL_URL": f"maildir://{home.mail}", "CAPSULE_PUBLIC_URL": f"http://{LOOPBACK}:{home.ports.gateway}"}
    objects = [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE, "labels": {"app.kubernetes.io/part-of": "capsule"}}},
        *(_secret(f"{user}-amqp", _amqp(user_amqp_url(home, user))) for user in AMQP_USERS),
        _secret("auth-signing", {"jwks.json": json.dumps(signing)}),
        _config("capsule-jwks", {"jwks.json": json.dumps(public_jwks(signing))}),
        _config("capsule-sealing", {f"{context}.json": json.dumps(public_key(keys)) for context, keys in sealing.items()}),
        _secret("samples-settings", {"CAPSULE_GIT_ROOT": str(home.git)}),
        _secret("edge-settings", settings),
        _secret("stripe-stand-in-settings", stand_in_settings(home)),
    ]
    own = {
        "auth": session_settings(home) | account_settings(home),
        "deploy": mirrors.build_settings(home)
        | egress_settings(home)
        | application_urls(home)
        | observation_settings(home)
        | health_check_settings(home),
        "billing": payment_settings(home),
    }
    for context in CONTEXTS:
        objects += [
            _secret(f"{context}-database", {"url": database_url(home, context), **_reader(home, context)}),
            _secret(f"{context}-migration", {"url": migration_url(home, context)}),
            _secret(f"{context}-sealing", {"keys.json": json.dumps(sealing[context])}),
            _secret(f"{context}-settings", settings | own.get(context, {})),
        ]
    return objects


def application_urls(home: Home) -> dict[str, str]:
    """The form of application URLs, as config-network and config-domain of this machine make them (`knative/overlays/local`)."""
    return {"CAPSULE_APPLICATION_URL": f"http://{{name}}.localhost:{home.ports.ingress}"}


def _amqp(url: str) -> dict[str, str]:
    """Keys of an AMQP Secret. On a cluster, RabbitMQ's topology operator creates the user from `username` and `password`."""
    parts = urlsplit(url)
    return {"url": url, "username": unquote(parts.username or "guest"), "password": unquote(parts.password or "guest")}


def _reader(home: Home, context: str) -> dict[str, str]:
    """The read-only role. An external database has one only if the operator created it; without it, queries open a transaction."""
    url = home.external_reader_url(context) if home.external_database_url(context) else PostgreSQL(home).database(context).reader_url
    return {"reader": url} if url else {}


def payment_settings(home: Home) -> dict[str, str]:
    """Settings for Stripe when CAPSULE_STRIPE_API_KEY is set, for the stand-in otherwise, which moves no money."""
    if key := home.environment.get("CAPSULE_STRIPE_API_KEY"):
        names = ("CAPSULE_STRIPE_API_BASE", "CAPSULE_STRIPE_WEBHOOK_SECRET")
        return {"CAPSULE_STRIPE_API_KEY": key, **{name: home.environment[name] for name in names if name in home.environment}}
    own = stand_in_settings(home)
    shared = ("CAPSULE_STRIPE_API_KEY", "CAPSULE_STRIPE_WEBHOOK_SECRET")
    return {"CAPSULE_STRIPE_API_BASE": f"http://{LOOPBACK}:{home.ports.stripe}", **{name: own[name] for name in shared}}


def egress_settings(home: Home) -> dict[str, str]:
    """CAPSULE_EGRESS_ALLOW: private networks that builds and applications may reach."""
    allowed = home.environment.get("CAPSULE_EGRESS_ALLOW", "")
    return {"CAPSULE_EGRESS_ALLOW": allowed} if allowed else {}


def observation_settings(home: Home) -> dict[str, str]:
    """CAPSULE_OBSERVATION_SECONDS and CAPSULE_READY_SECONDS: how long a release is observed, and how long it may take to become ready."""
    return _from_environment(home, "CAPSULE_OBSERVATION_SECONDS", "CAPSULE_READY_SECONDS")


def session_settings(home: Home) -> dict[str, str]:
    """CAPSULE_SESSION_IDLE_DAYS and CAPSULE_SESSION_MAX_DAYS: when sessions expire."""
    return _from_environment(home, "CAPSULE_SESSION_IDLE_DAYS", "CAPSULE_SESSION_MAX_DAYS")


def _from_environment(home: Home, *names: str) -> dict[str, str]:
    return {name: home.environment[name] for name in names if home.environment.get(name)}


def account_settings(home: Home) -> dict[str, str]:
    """CAPSULE_DELETION_GRACE_DAYS: how long a deleted account can be restored."""
    days = home.environment.get("CAPSULE_DELETION_GRACE_DAYS", "")
    return {"CAPSULE_DELETION_GRACE_DAYS": days} if days else {}


def health_check_settings(home: Home) -> dict[str, str]:
    """CAPSULE_HEALTH_CHECK_KEY: deploy signs its requests to applications, and the ingress does not measure them."""
    return {"CAPSULE_HEALTH_CHECK_KEY": password(home, "health-check")}


def stand_in_settings(home: Home) -> dict[str, str]:
    """Settings of the Stripe stand-in."""
    return {
        "CAPSULE_STRIPE_API_KEY": f"sk_test_{password(home, 'stripe-stand-in')}",
        "CAPSULE_STRIPE_WEBHOOK_SECRET": f"whsec_{password(home, 'stripe-stand-in-webhook')}",
        "CAPSULE_STRIPE_WEBHOOK_URL": f"http://{LOOPBACK}:{home.ports.gateway}/v1/billing/webhooks/stripe",
        "CAPSULE_STRIPE_STATE": str(home.payments / PAYMENTS_FILE),
    }


def _secret(name: str, values: dict[str, str]) -> Object:
    data = {key: base64.b64encode(value.encode()).decode() for key, value in values.items()}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name, "namespace": NAMESPACE}, "type": "Opaque", "data": data}


def _config(name: str, data: dict[str, str]) -> Object:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": NAMESPACE}, "data": data}
