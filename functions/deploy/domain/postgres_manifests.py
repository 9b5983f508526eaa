"""A PostgreSQL server for one data service: the objects of CloudNativePG (`postgresql.cnpg.io/v1`).

The server is prepared as the one that services share: a role `provisioner` that creates databases and logins and is no superuser, and a template in
which PUBLIC creates no large objects. CloudNativePG runs the statements once, as the superuser, in the order here: `postInitSQL` in the database
postgres, then it creates the database of `initdb` and runs `postInitApplicationSQL` inside of it.
https://cloudnative-pg.io/documentation/current/bootstrap/
"""

import base64
from dataclasses import dataclass

from functions.deploy.domain.manifests import Manifest
from functions.deploy.domain.service_plans import LARGE, Plan
from functions.deploy.domain.service_tenancy import metadata_of, namespace_of_service
from functions.wire.service_databases import LARGE_OBJECTS, TEMPLATE

GROUP = "postgresql.cnpg.io"
CLUSTER = "postgres"
PROVISIONER = "provisioner"
LOGIN = "provisioner"
"""The Secret with its password."""
RELOAD = "cnpg.io/reload"
"""Label: CloudNativePG follows changes of the Secret."""
SPARE_CONNECTIONS = 30
"""Beside twice those of the plan, which has two logins during a rotation: of the provisioner, dumps and CloudNativePG."""
WAL_MIB = 2048
"""Of the storage, for what is not the database: the log of changes, and temporary files of sessions."""


STANDBYS = {LARGE.name: 1}
"""Instances beside the primary, by plan: one takes its place within seconds, without the last moments of a primary that is lost with its disk."""


@dataclass(frozen=True, slots=True)
class PostgresPolicy:
    """What the operator's cluster offers. `image`: of PostgreSQL, empty where no servers for one service are created."""

    image: str = ""
    storage_class: str = ""


def host_of_postgres(database: str) -> str:
    """The Service of the primary, which CloudNativePG creates."""
    return f"{CLUSTER}-rw.{namespace_of_service(database)}.svc"


def provisioner_secret(database: str, password: str) -> Manifest:
    metadata = metadata_of(LOGIN, database)
    pair = {"username": PROVISIONER, "password": password}
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {**metadata, "labels": {**metadata["labels"], RELOAD: "true"}},
        "type": "kubernetes.io/basic-auth",
        "data": {name: base64.b64encode(value.encode()).decode() for name, value in pair.items()},
    }


def postgres_cluster(database: str, plan: Plan, policy: PostgresPolicy) -> Manifest:
    """Its storage is larger than the plan's, so that a full database becomes read-only before the disk is full."""
    cpu_millis, memory_mib = plan.cpu_millis, plan.memory_mib
    assert cpu_millis is not None and memory_mib is not None, "only for plans with a dedicated server"
    instances = 1 + STANDBYS.get(plan.name, 0)
    storage = {"size": f"{plan.storage_mib * 5 // 4 + WAL_MIB}Mi", "resizeInUseVolumes": True}
    return {
        "apiVersion": f"{GROUP}/v1",
        "kind": "Cluster",
        "metadata": metadata_of(CLUSTER, database),
        "spec": {
            "instances": instances,
            "imageName": policy.image,
            "storage": storage | ({"storageClass": policy.storage_class} if policy.storage_class else {}),
            "resources": {
                "requests": {"cpu": f"{cpu_millis // 4}m", "memory": f"{memory_mib}Mi"},
                "limits": {"cpu": f"{cpu_millis}m", "memory": f"{memory_mib}Mi"},
            },
            "affinity": {"enablePodAntiAffinity": True, "topologyKey": "kubernetes.io/hostname"},
            "enableSuperuserAccess": False,
            "enablePDB": instances > 1,
            "postgresql": {"parameters": _parameters(plan, memory_mib)},
            "bootstrap": {
                "initdb": {
                    "database": TEMPLATE,
                    "owner": TEMPLATE,
                    "encoding": "UTF8",
                    "dataChecksums": True,
                    "postInitSQL": [f"CREATE ROLE {PROVISIONER} NOSUPERUSER CREATEDB CREATEROLE NOLOGIN"],
                    "postInitApplicationSQL": _template_statements(),
                }
            },
            "managed": {
                "roles": [
                    {
                        "name": PROVISIONER,
                        "ensure": "present",
                        "login": True,
                        "createdb": True,
                        "createrole": True,
                        "passwordSecret": {"name": LOGIN},
                    }
                ]
            },
        },
    }


def _template_statements() -> list[str]:
    """As `up` prepares the template of the shared server."""
    functions = [f"pg_catalog.{each}" for each in LARGE_OBJECTS]
    return [
        *(f"REVOKE EXECUTE ON FUNCTION {each} FROM PUBLIC" for each in functions),
        *(f"GRANT EXECUTE ON FUNCTION {each} TO {PROVISIONER} WITH GRANT OPTION" for each in functions),
        f"REVOKE ALL ON DATABASE {TEMPLATE} FROM PUBLIC",
        f"ALTER ROLE {TEMPLATE} NOLOGIN",
        f"ALTER DATABASE {TEMPLATE} IS_TEMPLATE true",
    ]


def _parameters(plan: Plan, memory_mib: int) -> dict[str, str]:
    return {
        "max_connections": str(2 * plan.max_connections + SPARE_CONNECTIONS),
        "shared_buffers": f"{memory_mib // 4}MB",
        "work_mem": "4MB",
        "maintenance_work_mem": f"{memory_mib // 16}MB",
        "temp_file_limit": f"{WAL_MIB // 4}MB",
        "max_wal_size": f"{WAL_MIB // 2}MB",
        "max_slot_wal_keep_size": f"{WAL_MIB // 2}MB",
        "idle_in_transaction_session_timeout": "10min",
        "log_min_error_statement": "panic",  # statements contain data of the application
    }
