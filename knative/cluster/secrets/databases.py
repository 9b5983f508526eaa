"""Logins and addresses of a PostgreSQL that the overlay itself runs with CloudNativePG (`knative/components/cloudnativepg`).

The `Cluster` declares the roles `<context>_owner`, `<context>_functions` and `<context>_reader`, each with the Secret of its password. Owners migrate
through the primary's Service; functions and readers use the pooler of the primary in transaction mode, and queries that of the replicas too.
"""

from dataclasses import dataclass, field

from knative.cluster.overlay import Object, Overlay
from knative.cluster.secrets.planned import Existing, Planned, settle
from knative.machine.installation_objects import NAMESPACE
from knative.machine.secrets import new_password

GROUP = "postgresql.cnpg.io/"
ROLES = ("owner", "functions", "reader")
LOGIN_TYPE = "kubernetes.io/basic-auth"


@dataclass
class OwnDatabases:
    """`servers`: context → the Cluster with its roles. `poolers`: (cluster, rw or ro) → name of the Pooler."""

    servers: dict[str, Object] = field(default_factory=dict)
    secrets: dict[tuple[str, str], str] = field(default_factory=dict)
    """(context, role) → name of the Secret with its login."""
    poolers: dict[tuple[str, str], str] = field(default_factory=dict)
    _passwords: dict[str, str] = field(default_factory=dict, repr=False)

    @classmethod
    def find(cls, overlay: Overlay) -> "OwnDatabases":
        """Read what the overlay declares; empty where PostgreSQL is somewhere else."""
        found = cls()
        for item in overlay.objects:
            if not item["apiVersion"].startswith(GROUP):
                continue
            if item["kind"] == "Pooler":
                found.poolers[item["spec"]["cluster"]["name"], item["spec"]["type"]] = item["metadata"]["name"]
            if item["kind"] == "Cluster":
                for role in item["spec"].get("managed", {}).get("roles", ()):
                    context, _, kind = role["name"].rpartition("_")
                    if kind in ROLES and "passwordSecret" in role:
                        found.servers[context] = item
                        found.secrets[context, kind] = role["passwordSecret"]["name"]
        return found

    def logins(self, existing: Existing) -> list[Planned]:
        """The Secrets of the roles, which CloudNativePG reads."""
        items = []
        for (context, role), name in self.secrets.items():
            item, stored = Planned("Secret", name, type=LOGIN_TYPE), existing.get(("Secret", name), {})
            settle(item, "username", stored, f"{context}_{role}", may_replace=False)
            self._passwords[name] = settle(item, "password", stored, None, may_replace=False, generate=new_password) or ""
            items.append(item)
        return items

    def url(self, context: str, role: str) -> str | None:
        """Address of a context's database as one of ROLES; None where PostgreSQL is somewhere else. After `logins`."""
        return self._url(context, role, "rw")

    def replica_url(self, context: str) -> str | None:
        """Address of the replicas of a context's database, as the reader; None where the overlay runs none. After `logins`."""
        server = self.servers.get(context, {"spec": {}})
        return self._url(context, "reader", "ro") if server["spec"].get("instances", 1) > 1 else None

    def _url(self, context: str, role: str, kind: str) -> str | None:
        """`kind`: rw for the primary, ro for the replicas, as CloudNativePG names its Services."""
        name = self.secrets.get((context, role))
        if name is None:
            return None
        cluster = self.servers[context]["metadata"]["name"]
        pooler = None if role == "owner" else self.poolers.get((cluster, kind))
        host = f"{pooler or f'{cluster}-{kind}'}.{NAMESPACE}.svc"
        return f"postgresql://{context}_{role}:{self._passwords[name]}@{host}:5432/{context}"
