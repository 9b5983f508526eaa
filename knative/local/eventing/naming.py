"""Names and labels of the objects that eventing-rabbitmq creates.

Other code reads names from the objects and never computes them: names over 63 characters are cut and hashed (Knative's
kmeta.ChildName).
"""

import hashlib
from typing import Any, Final

BROKER_LABEL: Final = "eventing.knative.dev/broker"
TRIGGER_LABEL: Final = "eventing.knative.dev/trigger"
TRIGGER_BINDING_KEY: Final = "x-knative-trigger"
DEAD_LETTER_BINDING_KEY: Final = "x-knative-dlq"
BROKER_CLASS: Final = "eventing.knative.dev/broker.class"
RABBITMQ_BROKER_CLASS: Final = "RabbitMQBroker"
PARALLELISM: Final = "rabbitmq.eventing.knative.dev/parallelism"

MAX_PARALLELISM: Final = 1000
MAX_NAME_LENGTH: Final = 63


def child_name(parent: str, suffix: str) -> str:
    """kmeta.ChildName: parent and suffix if they fit into 63 characters, else as much of the parent as fits and an MD5."""
    if len(parent) + len(suffix) <= MAX_NAME_LENGTH:
        return parent + suffix
    room = MAX_NAME_LENGTH - 32
    if len(suffix) < room:
        return parent[: room - len(suffix)] + _md5(parent) + suffix
    name = parent[:room] + _md5(parent + suffix)
    return (name + suffix[: MAX_NAME_LENGTH - len(name)]).rstrip("-.")


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def _identity(object: dict[str, Any]) -> tuple[str, str, str]:
    metadata = object["metadata"]
    return metadata["namespace"], metadata["name"], metadata["uid"]


def broker_exchange(broker: dict[str, Any]) -> str:
    namespace, name, uid = _identity(broker)
    return child_name(f"b.{namespace}.{name}.", uid)


def broker_dead_letter_exchange(broker: dict[str, Any]) -> str:
    namespace, name, uid = _identity(broker)
    return child_name(f"b.{namespace}.{name}.dlx.", uid)


def broker_dead_letter_queue(broker: dict[str, Any]) -> str:
    namespace, name, uid = _identity(broker)
    return child_name(f"b.{namespace}.{name}.dlq.", uid)


def trigger_object(trigger: dict[str, Any]) -> str:
    """The name of a Trigger's Queue and Binding objects; the queue in RabbitMQ has another one."""
    namespace, name, uid = _identity(trigger)
    return child_name(f"t.{namespace}.{name}.", uid)


def trigger_queue(trigger: dict[str, Any], broker: dict[str, Any]) -> str:
    namespace, name, _ = _identity(trigger)
    return f"{namespace}.{name}.{broker['metadata']['uid']}"


def trigger_dead_letter_exchange(trigger: dict[str, Any]) -> str:
    namespace, name, uid = _identity(trigger)
    return child_name(f"t.{namespace}.{name}.dlx.", uid)


def trigger_dead_letter_queue(trigger: dict[str, Any]) -> str:
    namespace, name, uid = _identity(trigger)
    return child_name(f"t.{namespace}.{name}.dlq.", uid)
