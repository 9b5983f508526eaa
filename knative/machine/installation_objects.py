"""The Secrets and ConfigMaps that an operator brings (`knative/base/kustomization.yaml`), made of values.

Pure. On one machine `keys` reads the values from the state folder; on a cluster `knative.cluster.secrets` has them from the cluster and the operator.
"""

import base64
import json
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import unquote, urlsplit

from functions.auth.adapters import variables as auth
from functions.billing.adapters import variables as billing
from functions.deploy.adapters import variables as deploy
from functions.monitor.adapters import variables as monitor
from functions.runtime.config import variables as runtime
from functions.runtime.security.encryption import public_key
from functions.runtime.security.tokens import public_jwks
from functions.wire.settings import Section, settings_of

Object = dict[str, Any]
NAMESPACE = "capsule"
CONTEXT_SECTIONS = {"auth": auth.SECTIONS, "billing": billing.SECTIONS, "deploy": deploy.SECTIONS, "monitor": monitor.SECTIONS}
SERVICES = "deploy-services"
"""The Secret with the logins that provision data services."""
BACKUPS = "deploy-backups"
"""The Secret with the store and the key of backups of data services."""


def settings_in(environment: Mapping[str, str], sections: Iterable[Section]) -> dict[str, str]:
    """The settings of functions that are set. Servers have Secrets of their own."""
    servers = (runtime.AMQP_URL, deploy.SERVICES_KEY, deploy.SERVICES_POSTGRES_URL, deploy.SERVICES_REDIS_URL)
    names = [each.name for each in settings_of(sections) if each not in servers and each.name.startswith(("CAPSULE_", "OTEL_"))]
    return {name: environment[name] for name in names if environment.get(name)}


LOGIN_SUFFIX = "-amqp"
READ_BY_TOPOLOGY_OPERATOR = {"rabbitmq.com/topology-operator": "true"}
"""Label: RabbitMQ's topology operator since 2026-08 sees only Secrets that have it; without it a User never becomes Ready."""


def amqp_secret(user: str, url: str) -> Object:
    """On a cluster, RabbitMQ's topology operator creates the user from `username` and `password`."""
    parts = urlsplit(url)
    values = {"url": url, "username": unquote(parts.username or "guest"), "password": unquote(parts.password or "guest")}
    return secret(f"{user}{LOGIN_SUFFIX}", values)


def database_secret(context: str, url: str, reader: str | None, replica: str | None) -> Object:
    """The addresses of a context's database. `reader`: as a role that only reads; without it, queries open a transaction.

    `replica`: of its replicas, as that role.
    """
    optional = {"reader": reader, "replica": replica}
    return secret(f"{context}-database", {"url": url, **{key: address for key, address in optional.items() if address}})


def migration_secret(context: str, url: str) -> Object:
    """The address of a context's database as its owner."""
    return secret(f"{context}-migration", {"url": url})


def signing_objects(private: Object) -> list[Object]:
    """The signing keys (`functions.runtime.security.tokens`), and their public part."""
    return [config_map("capsule-jwks", {"jwks.json": json.dumps(public_jwks(private))}), secret("auth-signing", {"jwks.json": json.dumps(private)})]


def sealing_objects(private: Mapping[str, Object]) -> list[Object]:
    """The sealing keys of all contexts (`functions.runtime.security.encryption`), and their public part."""
    secrets = [secret(f"{context}-sealing", {"keys.json": json.dumps(keys)}) for context, keys in private.items()]
    return [*secrets, config_map("capsule-sealing", {f"{context}.json": json.dumps(public_key(keys)) for context, keys in private.items()})]


def backup_secret(store: str, keys: Iterable[str]) -> Object:
    """The store and the keys of backups: the first one encrypts, each decrypts."""
    return secret(BACKUPS, {"store": store, "key": ",".join(keys)})


def reference(name: str) -> Object:
    """A Secret of the platform by its name, for `Cluster.get`."""
    return secret(name, {})


def decoded(data: Mapping[str, str]) -> dict[str, str]:
    """The values of a Secret."""
    return {key: base64.b64decode(value).decode() for key, value in data.items()}


def secret(name: str, values: Mapping[str, str], type_: str = "Opaque") -> Object:
    return binary_secret(name, {key: value.encode() for key, value in values.items()}, type_)


def binary_secret(name: str, values: Mapping[str, bytes], type_: str = "Opaque") -> Object:
    data = {key: base64.b64encode(value).decode() for key, value in values.items()}
    metadata = {"name": name, "namespace": NAMESPACE, **({"labels": dict(READ_BY_TOPOLOGY_OPERATOR)} if is_login(name) else {})}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "type": type_, "data": data}


def is_login(name: str) -> bool:
    """Whether the Secret has the name and password of a user of RabbitMQ."""
    return name.endswith(LOGIN_SUFFIX)


def config_map(name: str, data: Mapping[str, str]) -> Object:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": NAMESPACE}, "data": dict(data)}
