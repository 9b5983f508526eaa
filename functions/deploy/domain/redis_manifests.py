"""A Redis service on a cluster: a StatefulSet of one pod with a volume, in a namespace of its own (`service_tenancy`).

Logins are created in the running server, which stores them in the file of users on the volume. The user `capsule`, by whom the platform
does that, is in a Secret and put into this file at each start.
"""

import base64
import hashlib
from dataclasses import dataclass

from functions.deploy.domain.manifests import Manifest
from functions.deploy.domain.network_policies import DATA_SERVICE, REDIS_PORT
from functions.deploy.domain.service_plans import Plan
from functions.deploy.domain.service_tenancy import metadata_of, namespace_of_service
from functions.wire.redis_services import CONTROL, process_mib, server_limits

NAME = "redis"
"""Of all its objects, and of the container."""
USERS_SECRET = "redis-control"
CONFIGURATION_PATH, CONTROL_PATH, DATA_PATH = "/etc/redis/service", "/etc/redis/control", "/data"
USER_ID = 999
"""Of the images of Redis and Valkey; the volume belongs to this group."""
STOP_SECONDS = 30
REWRITE_MIN_BYTES = 8 << 20
START = f"""set -eu
touch {DATA_PATH}/users.acl
{{ cat {CONTROL_PATH}/users.acl; grep -v -e '^user default ' -e '^user {CONTROL} ' {DATA_PATH}/users.acl || true; }} > {DATA_PATH}/users.new
mv {DATA_PATH}/users.new {DATA_PATH}/users.acl
exec "$(command -v valkey-server || command -v redis-server)" {CONFIGURATION_PATH}/redis.conf
"""


@dataclass(frozen=True, slots=True)
class RedisPolicy:
    """What the operator's cluster offers. `image`: of Valkey or Redis."""

    image: str
    storage_class: str = ""


def host_of_redis(database: str) -> str:
    return f"{NAME}.{namespace_of_service(database)}.svc"


def redis_objects(database: str, plan: Plan, policy: RedisPolicy, control_password: str) -> tuple[Manifest, ...]:
    """Render the objects in the order of application. A pod restarts when its configuration or the password has changed."""
    configuration = {"redis.conf": _configuration(plan), "start.sh": START}
    users = "\n".join(("user default off resetpass resetkeys -@all", f"user {CONTROL} on #{_digest(control_password)} ~* &* +@all", ""))
    version = _digest("\0".join((*configuration.values(), users)))[:16]
    ports = [{"name": NAME, "port": REDIS_PORT, "protocol": "TCP", "targetPort": REDIS_PORT}]
    return (
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata_of(NAME, database), "data": configuration},
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": metadata_of(USERS_SECRET, database),
            "type": "Opaque",
            "data": {"users.acl": base64.b64encode(users.encode()).decode()},
        },
        {"apiVersion": "v1", "kind": "Service", "metadata": metadata_of(NAME, database), "spec": {"selector": _labels(database), "ports": ports}},
        _stateful_set(database, plan, policy, version),
    )


def _stateful_set(database: str, plan: Plan, policy: RedisPolicy, version: str) -> Manifest:
    claim = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": f"{plan.storage_mib}Mi"}}}
    return {
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "metadata": metadata_of(NAME, database),
        "spec": {
            "replicas": 1,
            "serviceName": NAME,
            "selector": {"matchLabels": _labels(database)},
            "template": {
                "metadata": {"labels": _labels(database), "annotations": {"capsule.dev/configuration": version}},
                "spec": _pod(plan, policy),
            },
            "volumeClaimTemplates": [
                {"metadata": {"name": "data"}, "spec": claim | ({"storageClassName": policy.storage_class} if policy.storage_class else {})}
            ],
        },
    }


def _pod(plan: Plan, policy: RedisPolicy) -> Manifest:
    assert plan.memory_mib is not None, "plans of Redis have a memory"
    memory = f"{process_mib(plan.memory_mib)}Mi"
    listens = {"tcpSocket": {"port": REDIS_PORT}}
    return {
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": STOP_SECONDS,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": USER_ID,
            "runAsGroup": USER_ID,
            "fsGroup": USER_ID,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [
            {
                "name": NAME,
                "image": policy.image,
                "command": ["sh", f"{CONFIGURATION_PATH}/start.sh"],
                "ports": [{"name": NAME, "containerPort": REDIS_PORT, "protocol": "TCP"}],
                "resources": {"requests": {"cpu": "20m", "memory": memory}, "limits": {"cpu": "1", "memory": memory}},
                "securityContext": {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}},
                "startupProbe": {**listens, "periodSeconds": 1, "failureThreshold": 120},
                "readinessProbe": {**listens, "periodSeconds": 5},
                "livenessProbe": {**listens, "periodSeconds": 10, "failureThreshold": 6},
                "volumeMounts": [
                    {"name": "data", "mountPath": DATA_PATH},
                    {"name": "configuration", "mountPath": CONFIGURATION_PATH, "readOnly": True},
                    {"name": "control", "mountPath": CONTROL_PATH, "readOnly": True},
                ],
            }
        ],
        "volumes": [{"name": "configuration", "configMap": {"name": NAME}}, {"name": "control", "secret": {"secretName": USERS_SECRET}}],
    }


def _configuration(plan: Plan) -> str:
    assert plan.memory_mib is not None, "plans of Redis have a memory"
    return f"""port {REDIS_PORT}
bind * -::*
protected-mode no
dir {DATA_PATH}
aclfile {DATA_PATH}/users.acl
{server_limits(plan.memory_mib, plan.max_connections, REWRITE_MIN_BYTES)}"""


def _labels(database: str) -> dict[str, str]:
    return {DATA_SERVICE: database}


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
