"""The Secrets and ConfigMaps that an operator brings: addresses, signing and sealing keys. Made once, kept in .capsule/secrets, never printed."""

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
from knative.machine.secrets import kept, password

Object = dict[str, Any]
NAMESPACE = "capsule"
PAYMENTS_FILE = "stripe-stand-in.pickle"
"""The state of the stand-in for a payment provider."""


def amqp_url(home: Home) -> str:
    """As the administrator, or as the user of CAPSULE_AMQP_URL."""
    return home.foreign_amqp or RabbitMQ(home).url


def knative_amqp_url(home: Home) -> str:
    return home.foreign_amqp or RabbitMQ(home).user_url(KNATIVE)


def user_amqp_url(home: Home, user: str) -> str:
    """As the user of a context, of the gateway, of the dead-letter router or of the topology Job."""
    return home.foreign_user_amqp(user) or home.foreign_amqp or RabbitMQ(home).user_url(user)


def database_url(home: Home, context: str) -> str:
    return home.foreign_database(context) or PostgreSQL(home).database(context).functions_url


def migration_url(home: Home, context: str) -> str:
    return home.foreign_migration(context) or PostgreSQL(home).database(context).owner_url


def operator_objects(home: Home) -> list[Object]:
    """Everything that `knative/base/kustomization.yaml` says an operator brings."""
    signing = json.loads(kept(home, "auth-signing.json", lambda: json.dumps(new_signing_jwks())))
    sealing = {context: json.loads(kept(home, f"{context}-sealing.json", lambda: json.dumps(new_private_keys()))) for context in CONTEXTS}
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
    own = {"deploy": mirrors.for_builds(home) | egress_settings(home), "billing": payment_settings(home)}
    for context in CONTEXTS:
        objects += [
            _secret(f"{context}-database", {"url": database_url(home, context), **_reader(home, context)}),
            _secret(f"{context}-migration", {"url": migration_url(home, context)}),
            _secret(f"{context}-sealing", {"keys.json": json.dumps(sealing[context])}),
            _secret(f"{context}-settings", settings | own.get(context, {})),
        ]
    return objects


def _amqp(url: str) -> dict[str, str]:
    """As on a cluster, where RabbitMQ's topology operator makes the user from the name and the password."""
    parts = urlsplit(url)
    return {"url": url, "username": unquote(parts.username or "guest"), "password": unquote(parts.password or "guest")}


def _reader(home: Home, context: str) -> dict[str, str]:
    """A server that is not ours has the role that only reads if somebody has made it; without it queries open a transaction."""
    found = home.foreign_reader(context) if home.foreign_database(context) else PostgreSQL(home).database(context).reader_url
    return {"reader": found} if found else {}


def payment_settings(home: Home) -> dict[str, str]:
    """An own account at Stripe, if whoever called `up` names its key; else the stand-in, which moves no money."""
    if key := home.environment.get("CAPSULE_STRIPE_API_KEY"):
        names = ("CAPSULE_STRIPE_API_BASE", "CAPSULE_STRIPE_WEBHOOK_SECRET")
        return {"CAPSULE_STRIPE_API_KEY": key, **{name: home.environment[name] for name in names if name in home.environment}}
    own = stand_in_settings(home)
    shared = ("CAPSULE_STRIPE_API_KEY", "CAPSULE_STRIPE_WEBHOOK_SECRET")
    return {"CAPSULE_STRIPE_API_BASE": f"http://{LOOPBACK}:{home.ports.stripe}", **{name: own[name] for name in shared}}


def egress_settings(home: Home) -> dict[str, str]:
    """Private networks that whoever called `up` opens to builds and applications."""
    allowed = home.environment.get("CAPSULE_EGRESS_ALLOW", "")
    return {"CAPSULE_EGRESS_ALLOW": allowed} if allowed else {}


def stand_in_settings(home: Home) -> dict[str, str]:
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
