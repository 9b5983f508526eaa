"""Whether the topology Job has anything to do. It declares a thousand bindings, one round trip each, and RabbitMQ has them since the first time.

What is recorded after a Job that has succeeded: a digest of what it goes by (the Broker, its Triggers, the code), and one of what it has made in
RabbitMQ. `up` runs the Job again when one of them is another now. So a RabbitMQ that was reset, or in which somebody has deleted a binding,
gets its topology back. An external RabbitMQ cannot be compared without its management API: the Job always runs.
"""

import hashlib
import json
import urllib.error
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from functions.runtime.messaging.exchanges import DEAD_LETTERS
from knative.local.files import write_private
from knative.machine.home import Home
from knative.machine.knative_process import code_digest
from knative.machine.rabbitmq import RabbitMQ
from knative.machine.rabbitmq_users import Management

if TYPE_CHECKING:
    from knative.machine.cluster import Object

OWN = ("capsule.", DEAD_LETTERS)
"""What the names of the exchanges and queues begin with that the Job declares."""
READ = ("Broker", "Trigger")
"""Kinds of the objects that the Job goes by. The other ones that it reads are named after their uids."""


def is_current(home: Home, live: Mapping[str, "Object"], job: "Object | None") -> bool:
    """Whether the Job has succeeded, and nothing has changed since then. `live`: all Brokers and Triggers of its namespace, among others."""
    from knative.machine.cluster import not_ready  # its imports take long, and `down` does not need them

    if not _is_comparable(home) or job is None or not_ready(job) is not None:
        return False
    try:
        recorded = json.loads(_file(home).read_text())
        return bool(recorded == _digests(home, live))
    except (FileNotFoundError, ValueError, urllib.error.URLError, ConnectionError, TimeoutError):
        return False


def record(home: Home, live: Mapping[str, "Object"]) -> None:
    """Record what a Job that has just succeeded went by and has made. Raises: urllib.error.URLError, OSError."""
    if _is_comparable(home):
        write_private(_file(home), json.dumps(_digests(home, live)).encode())


def made_by_job(definitions: Mapping[str, Any]) -> list[str]:
    """The exchanges, queues and bindings of RabbitMQ's definitions of a virtual host that are the Job's, one text each."""
    own = [
        *(("exchange", each) for each in definitions["exchanges"] if each["name"].startswith(OWN)),
        *(("queue", each) for each in definitions["queues"] if each["name"].startswith(OWN)),
        *(("binding", each) for each in definitions["bindings"] if each["source"].startswith(OWN)),
    ]
    return sorted(json.dumps(each, sort_keys=True) for each in own)


def _digests(home: Home, live: Mapping[str, "Object"]) -> dict[str, str]:
    return {"code": code_digest(), "objects": _objects_digest(live), "rabbitmq": _rabbitmq_digest(RabbitMQ(home))}


def _objects_digest(live: Mapping[str, "Object"]) -> str:
    objects = [
        (each["kind"], each["metadata"]["name"], each["metadata"]["uid"], each["metadata"].get("annotations"), each["spec"])
        for each in live.values()
        if each["kind"] in READ
    ]
    return hashlib.sha256(orjson.dumps(sorted(objects, key=lambda each: each[:2]), option=orjson.OPT_SORT_KEYS)).hexdigest()


def _rabbitmq_digest(server: Management) -> str:
    definitions = server.management("GET", "/api/definitions/%2F")
    return hashlib.sha256("\n".join(made_by_job(definitions)).encode()).hexdigest()


def _is_comparable(home: Home) -> bool:
    return not home.external_amqp_url and not home.external_user_amqp_url("topology")


def _file(home: Home) -> Path:
    return home.run / "topology.json"
