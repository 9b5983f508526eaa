"""All Secrets and ConfigMaps that an overlay needs of its operator. `knative/base/kustomization.yaml` has the same list for people."""

import json
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import quote

from functions.billing.adapters.variables import STRIPE_API_KEY
from functions.deploy.adapters.variables import (
    SERVICES_KEY,
    SERVICES_POSTGRES_IMAGE,
    SERVICES_POSTGRES_URL,
    SERVICES_REDIS_IMAGE,
    SERVICES_REDIS_URL,
)
from functions.edge.gateway import variables as gateway
from functions.runtime.config import variables as runtime
from functions.runtime.security.encryption import new_private_keys
from functions.runtime.security.tokens import new_signing_jwks
from functions.wire.backups.keys import BackupKey
from functions.wire.backups.variables import BACKUP_KEY, BACKUP_STORE
from functions.wire.settings import Section
from knative.cluster.overlay import Object, Overlay
from knative.cluster.secrets.databases import OwnDatabases
from knative.cluster.secrets.inputs import Inputs
from knative.cluster.secrets.planned import Existing, Planned, Replacements, derive, keep_others, settle
from knative.machine.home import AMQP_USERS, CONTEXTS
from knative.machine.installation_objects import (
    BACKUPS,
    CONTEXT_SECTIONS,
    SERVICES,
    amqp_secret,
    decoded,
    sealing_objects,
    settings_in,
    signing_objects,
)
from knative.machine.secrets import new_password
from knative.machine.server_variables import MIGRATION_URL, USER_AMQP_URL

AUTHORITIES, AUTHORITIES_KEY, AUTHORITIES_FILE = "capsule-authorities", "ca.crt", "/etc/capsule/authorities/ca.crt"
REGISTRY, REGISTRY_KEY, REGISTRY_TYPE = "capsule-registry", ".dockerconfigjson", "kubernetes.io/dockerconfigjson"
"""Credentials for pushing and pulling images of applications, as `knative/components/buildpacks` mounts them."""
EDGE = "edge"


@dataclass(frozen=True)
class Catalog:
    """Plans every object. `existing`: values in the cluster. `external`: names of Secrets that another system writes."""

    overlay: Overlay
    inputs: Inputs
    existing: Existing
    replacements: Replacements = field(default_factory=Replacements)
    external: frozenset[str] = frozenset()

    def plan(self) -> list[Planned]:
        """Every object with its values, in a stable order."""
        own = OwnDatabases.find(self.overlay)
        items = [
            *(self._login(user) for user in AMQP_USERS),
            *own.logins(self.existing),
            *self._signing(),
            *self._sealing(),
            *(item for context in CONTEXTS for item in self._databases(context, own)),
            *(self._settings(context, CONTEXT_SECTIONS[context]) for context in CONTEXTS),
            self._settings(EDGE, gateway.SECTIONS),
            *self._optional(),
        ]
        for item in items:
            item.is_external = item.kind == "Secret" and item.name in self.external
        return items

    def _login(self, user: str) -> Planned:
        """A user of RabbitMQ. The topology operator creates it from `username` and `password`."""
        item, existing = self._new("Secret", f"{user}-amqp")
        address = self.inputs.of(USER_AMQP_URL.of(user))
        named = decoded(amqp_secret(user, address)["data"]) if address else {}
        username = self._settle(item, "username", existing, named.get("username") or existing.get("username", user))
        password = self._settle(item, "password", existing, named.get("password"), generate=new_password)
        url = address or amqp_url(self.overlay, username or user, password or "")
        self._settle(item, "url", existing, url)
        return item

    def _databases(self, context: str, own: OwnDatabases) -> list[Planned]:
        database, stored = self._new("Secret", f"{context}-database")
        migration, stored_migration = self._new("Secret", f"{context}-migration")
        urls = [setting.of(context) for setting in (runtime.DATABASE_URL, runtime.READER_URL, MIGRATION_URL)]
        functions, reader, owner = (self.inputs.of(each) for each in urls)
        functions, reader = functions or own.url(context, "functions"), reader or own.url(context, "reader")
        url = self._settle(database, "url", stored, functions, hint=f"{urls[0].name}: {urls[0].form.description}, as the role of functions")
        replica = self.inputs.of(runtime.REPLICA_URL.of(context)) or own.replica_url(context)
        if stored.get("reader") == replica:  # 0.2.0 let readers use the replicas, and commits wait for them
            stored = {key: value for key, value in stored.items() if key != "reader"}
        self._settle(database, "reader", stored, reader, is_required=False)
        self._settle(database, "replica", stored, replica, is_required=False)
        owner = owner or own.url(context, "owner") or (None if stored_migration else url)
        self._settle(migration, "url", stored_migration, owner, hint=f"{urls[2].name}: the same database as its owner, who migrates")
        return [database, migration]

    def _signing(self) -> list[Planned]:
        private, existing = self._new("Secret", "auth-signing")
        text = self._settle(private, "jwks.json", existing, None, generate=lambda: json.dumps(new_signing_jwks()))
        return [private, self._derived(signing_objects(json.loads(text or "{}"))[0])]

    def _sealing(self) -> list[Planned]:
        items, keys = [], {}
        for context in CONTEXTS:
            item, existing = self._new("Secret", f"{context}-sealing")
            keys[context] = json.loads(self._settle(item, "keys.json", existing, None, generate=lambda: json.dumps(new_private_keys())) or "{}")
            items.append(item)
        return [*items, self._derived(sealing_objects(keys)[-1])]

    def _settings(self, name: str, sections: tuple[Section, ...]) -> Planned:
        item, existing = self._new("Secret", f"{name}-settings")
        values = settings_in(self.inputs.values, [runtime.FUNCTIONS, *sections])
        for key, value in values.items():
            self._settle(item, key, existing, value)
        if name == "auth" and runtime.MAIL_URL.name not in {**values, **existing, **self.overlay.settings}:
            self._settle(item, runtime.MAIL_URL.name, existing, None, hint=f"{runtime.MAIL_URL.name}: {runtime.MAIL_URL.form.description}")
        keep_others(item, existing)
        return item

    def _optional(self) -> list[Planned]:
        """Objects of what not every installation has: data services, backups of them, authorities of its own, a registry with credentials."""
        services, stored = self._new("Secret", SERVICES, optional=True)
        for key, setting in (("postgres", SERVICES_POSTGRES_URL), ("redis", SERVICES_REDIS_URL)):
            self._settle(services, key, stored, self.inputs.of(setting), is_required=False)
        has_own_servers = any(self.overlay.settings.get(each.name) for each in (SERVICES_POSTGRES_IMAGE, SERVICES_REDIS_IMAGE))
        generate = new_services_key if has_own_servers else None
        self._settle(services, "key", stored, self.inputs.of(SERVICES_KEY), generate=generate, is_required=False)
        backups, stored = self._new("Secret", BACKUPS, optional=True)
        if self._settle(backups, "store", stored, self.inputs.of(BACKUP_STORE), is_required=False):
            self._settle(backups, "key", stored, self.inputs.of(BACKUP_KEY), generate=lambda: BackupKey.generate().text)
        needs_authorities = ("ConfigMap", AUTHORITIES) in self.overlay.required_values()
        authorities, stored = self._new("ConfigMap", AUTHORITIES, optional=not needs_authorities)
        hint = "--authorities FILE: PEM certificates of the authorities of RabbitMQ and PostgreSQL"
        is_required = needs_authorities and not self.overlay.own_authorities  # servers of the overlay make theirs when they run
        self._settle(authorities, AUTHORITIES_KEY, stored, self.inputs.authorities, hint=hint, is_required=is_required)
        registry, stored = self._new("Secret", REGISTRY, optional=True, type_=REGISTRY_TYPE)
        self._settle(registry, REGISTRY_KEY, stored, self.inputs.registry, is_required=False)
        return [item for item in (services, backups, authorities, registry) if item.states]

    def _settle(
        self,
        item: Planned,
        key: str,
        existing: Mapping[str, str],
        value: str | None,
        generate: Callable[[], str] | None = None,
        hint: str = "",
        is_required: bool = True,
    ) -> str | None:
        may_replace = self.replacements.include(item.name, key)
        return settle(item, key, existing, value, may_replace=may_replace, generate=generate, hint=hint, is_required=is_required)

    def _derived(self, manifest: Object) -> Planned:
        """A ConfigMap with the public part of private keys."""
        item, existing = self._new("ConfigMap", manifest["metadata"]["name"])
        for key, value in manifest["data"].items():
            derive(item, key, existing, value)
        return item

    def _new(self, kind: str, name: str, *, optional: bool = False, type_: str = "Opaque") -> tuple[Planned, Mapping[str, str]]:
        return Planned(kind, name, optional=optional, type=type_), self.existing.get((kind, name), {})


def amqp_url(overlay: Overlay, user: str, password: str) -> str:
    """Address of the RabbitmqCluster that the overlay's Broker uses. With TLS, the server's certificate is verified (`components/encrypted`)."""
    namespace, name = overlay.broker_server
    host = f"{name}.{namespace}.svc"
    if not overlay.requires_tls:
        return f"amqp://{user}:{password}@{host}:5672/%2F"
    options = quote(str({"cafile": AUTHORITIES_FILE, "server_hostname": host}), safe="/")
    return f"amqps://{user}:{password}@{host}:5671/%2F?ssl_options={options}"


def new_services_key() -> str:
    """256 random bits as hexadecimal digits."""
    return secrets.token_hex(32)


def has_payments(items: list[Planned]) -> bool:
    return any(STRIPE_API_KEY.name in item.values for item in items if item.name == "billing-settings")
