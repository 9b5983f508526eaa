"""Runs PostgreSQL servers as CloudNativePG's operator and instance manager do: initdb and its statements, parameters, managed roles, status.

The order of the statements is that of CloudNativePG 1.30 (pkg/management/postgres/initdb.go, ConfigureNewInstance). One instance of each Cluster
runs, on loopback instead of the Service `<cluster>-rw`.
"""

import base64
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from knative.machine import accounts, processes
from knative.machine.postgres_server import SUPERUSER, PostgresServer
from tests.operators.watching import Controller, Object
from tests.servers import discard, fresh_home

PASSWORD = "of-the-superuser"
SETS_UP = {"phase": "Setting up primary", "conditions": [{"type": "Ready", "status": "False", "reason": "ClusterIsNotReady"}]}
SERVES = {"phase": "Cluster in healthy state", "conditions": [{"type": "Ready", "status": "True", "reason": "ClusterIsReady"}]}


class Instance(PostgresServer):
    name, title = "cluster-postgres", "PostgreSQL of a Cluster"

    def __init__(self, cluster: Object) -> None:
        super().__init__(fresh_home("capsule-cluster-"), durable=False)
        self.home.create()
        self.spec = cluster["spec"]
        self.passwords: dict[str, str] = {}
        self.is_configured = False

    @property
    def port(self) -> int:
        return int(self.home.ports.services_postgres)

    def url(self, role: str, database: str) -> str:
        return f"postgresql://{role}:{self._superuser_password()}@127.0.0.1:{self.port}/{database}"

    def configure(self) -> None:
        """What `initdb` says, once."""
        if self.is_configured:
            return
        init = self.spec["bootstrap"]["initdb"]
        database, owner = sql.Identifier(init["database"]), sql.Identifier(init["owner"])
        with self.superuser() as connection:
            connection.execute(sql.SQL("CREATE ROLE {} LOGIN").format(owner))
            self._run(connection, init.get("postInitSQL", ()))
            connection.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(database, owner))
        with self.superuser(init["database"]) as connection:
            self._run(connection, init.get("postInitApplicationSQL", ()))
        self.is_configured = True

    def manage(self, role: Object, password: str) -> None:
        """A managed role: its attributes are those of the Cluster, and its password that of the Secret."""
        if self.passwords.get(role["name"]) == password:
            return
        attributes = [
            word if role.get(field, False) else f"NO{word}"
            for field, word in (("login", "LOGIN"), ("createdb", "CREATEDB"), ("createrole", "CREATEROLE"), ("superuser", "SUPERUSER"))
        ]
        name = sql.Identifier(role["name"])
        with self.superuser() as connection:
            if connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [role["name"]]).fetchone() is None:
                connection.execute(sql.SQL("CREATE ROLE {}").format(name))
            alter = sql.SQL("ALTER ROLE {} " + " ".join(attributes) + " PASSWORD {}")  # type: ignore[arg-type]
            connection.execute(alter.format(name, sql.Literal(password)))
        self.passwords[role["name"]] = password

    def _run(self, connection: psycopg.Connection, statements: Any) -> None:
        for each in statements:
            connection.execute(each)

    def _superuser_password(self) -> str:
        return PASSWORD

    def _settings(self, folder: Path, account: accounts.Account | None) -> dict[str, str]:
        return dict(self.spec["postgresql"]["parameters"])

    def _access_rules(self) -> str:
        return "host all all 127.0.0.1/32 scram-sha-256\n"


class CloudNativePG(Controller):
    path = "/apis/postgresql.cnpg.io/v1/clusters"

    def __init__(self, http: Any) -> None:
        super().__init__(http)
        self._instances: dict[str, Instance] = {}
        self._namespaces: dict[str, str] = {}

    def port_of(self, namespace: str) -> int:
        """Where the server of a namespace listens; a closed port while there is none."""
        uid = self._namespaces.get(namespace, "")
        return self._instances[uid].port if uid in self._instances else 1

    def known(self) -> set[str]:
        return set(self._instances)

    def reconcile(self, object: Object) -> None:
        uid, namespace = object["metadata"]["uid"], object["metadata"]["namespace"]
        if uid not in self._instances:
            self.set_status(object, SETS_UP)
            self._instances[uid], self._namespaces[namespace] = Instance(object), uid
        instance = self._instances[uid]
        if processes.find_running(instance.home, instance.name) is None:
            instance.start()
        instance.configure()
        for role in object["spec"]["managed"]["roles"]:
            secret = self.read(object, "secrets", role["passwordSecret"]["name"])
            values = {name: base64.b64decode(value).decode() for name, value in secret["data"].items()}
            assert values["username"] == role["name"] and secret["type"] == "kubernetes.io/basic-auth"
            instance.manage(role, values["password"])
        self.set_status(object, SERVES)

    def remove(self, uid: str) -> None:
        instance = self._instances.pop(uid)
        instance.stop()
        discard(instance.home)


__all__ = ["SUPERUSER", "CloudNativePG"]
