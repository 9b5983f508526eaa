"""Publish stored secrets: apply them as Secrets and ConfigMaps, and wait until every process that runs reads them.

A pod's volumes are files of this machine, so what its processes read is compared with what was applied. (On a cluster this takes up to two minutes:
https://kubernetes.io/docs/concepts/configuration/secret/#mounted-secrets-are-updated-automatically.)
"""

import base64
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from functions.deploy.adapters.variables import SERVICES_POSTGRES_URL, SERVICES_REDIS_URL
from functions.runtime.config import variables
from functions.runtime.security.tokens import RELOAD_SECONDS
from knative.machine import keys
from knative.machine.cluster import OPERATOR, Cluster
from knative.machine.home import Home
from knative.machine.knative_credentials import write_credentials
from knative.machine.problems import Problem

MANAGER = "capsule-rotate"
"""Field manager of parts of Secrets: the other settings stay as the last `up` applied them."""
VOLUMES = ("credentials", "jwks", "sealing", "sealing-public", "signing")
TIMEOUT_SECONDS = 60.0
PAUSE_SECONDS = 0.5


def publish(home: Home, cluster: Cluster, objects: list[keys.Object], parts: list[keys.Object] | None = None) -> None:
    """Apply whole objects and `parts` of objects, and wait until every process reads what they hold. Idempotent.

    Raises: Problem when a pod keeps former files.
    """
    write_credentials(home)
    cluster.apply(objects, OPERATOR)
    cluster.apply(parts or [], MANAGER)
    wait_until_mounted(home, [*objects, *(parts or [])])
    time.sleep(2 * RELOAD_SECONDS)  # keys of access tokens are read again once in RELOAD_SECONDS


def wait_until_mounted(home: Home, objects: Iterable[keys.Object]) -> None:
    """Wait until no volume of a pod of the platform differs from these objects, seen twice: a pod may be starting. Raises: Problem."""
    present = _contents(objects)
    deadline = time.monotonic() + TIMEOUT_SECONDS
    passes = 0
    while passes < 2:
        outdated = sorted(str(path) for path in mounted_files(home) if _is_outdated(path, present))
        passes = 0 if outdated else passes + 1
        if outdated and time.monotonic() > deadline:
            raise Problem(
                f"After {TIMEOUT_SECONDS:.0f} s processes still read former secrets: {', '.join(outdated[:3])}. The former ones stay valid.",
                "See ./taskw logs knative, then repeat the task.",
            )
        time.sleep(PAUSE_SECONDS)


def mounted_files(home: Home) -> Iterator[Path]:
    """The files with keys and credentials in the volumes of all pods of the platform."""
    pods = home.path / "knative" / "pods" / keys.NAMESPACE
    for volume in VOLUMES:
        for path in pods.glob(f"*/volumes/{volume}/*"):
            if not path.name.startswith(".."):
                yield path


def _contents(objects: Iterable[keys.Object]) -> dict[str, set[bytes]]:
    """The values of all objects by the name of the file, as the volumes of the manifests name them."""
    found: dict[str, set[bytes]] = {}
    for item in objects:
        name = item["metadata"]["name"]
        for key, value in item.get("data", {}).items():
            file = _file(name, key)
            found.setdefault(file, set()).add(base64.b64decode(value) if item["kind"] == "Secret" else value.encode())
    return found


def _file(name: str, key: str) -> str:
    context = name.rpartition("-")[0]
    if name.endswith("-amqp") and key == "url":
        return variables.AMQP_URL.name
    if name.endswith("-database"):
        settings = {"url": variables.DATABASE_URL, "reader": variables.READER_URL, "replica": variables.REPLICA_URL}
        return settings[key].of(context).name
    if name == keys.SERVICES:
        return {"postgres": SERVICES_POSTGRES_URL.name, "redis": SERVICES_REDIS_URL.name}[key]
    return key


def _is_outdated(path: Path, present: dict[str, set[bytes]]) -> bool:
    try:
        return path.name in present and path.read_bytes() not in present[path.name]
    except (FileNotFoundError, NotADirectoryError):
        return False  # the pod has ended, or its files are being replaced: the next pass looks again
