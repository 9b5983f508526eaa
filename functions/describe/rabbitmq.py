"""Generate `knative/base/rabbitmq.yaml`: users and permissions as objects of RabbitMQ's messaging topology operator.

The operator creates a user from the Secret `<user>-amqp` (keys `username`, `password`). Functions read its key `url`.
"""

from collections.abc import Sequence

from functions.describe.rabbitmq_user import RabbitMQUser, TopicPermission
from functions.describe.services import NAMESPACE, Manifest, amqp_secret

API = "rabbitmq.com/v1beta1"
CLUSTER = {"name": "rabbitmq", "namespace": "rabbitmq"}
VHOST = "/"


def manifests(users: Sequence[RabbitMQUser]) -> list[Manifest]:
    objects: list[Manifest] = []
    for user in users:
        objects += [_user(user), *(_topic_permission(user, topic) for topic in user.topics), _permission(user)]
    return objects


def _object(kind: str, name: str, spec: Manifest) -> Manifest:
    return {
        "apiVersion": API,
        "kind": kind,
        "metadata": {"name": name, "namespace": NAMESPACE, "labels": {"app.kubernetes.io/part-of": "capsule"}},
        "spec": {**spec, "rabbitmqClusterReference": dict(CLUSTER)},
    }


def _user(user: RabbitMQUser) -> Manifest:
    tags = {"tags": list(user.tags)} if user.tags else {}
    return _object("User", user.name, {**tags, "importCredentialsSecret": {"name": amqp_secret(user.name)}})


def _permission(user: RabbitMQUser) -> Manifest:
    permissions = {"configure": user.configure, "write": user.write, "read": user.read}
    return _object("Permission", user.name, {"userReference": {"name": user.name}, "vhost": VHOST, "permissions": permissions})


def _topic_permission(user: RabbitMQUser, topic: TopicPermission) -> Manifest:
    permissions = {"exchange": topic.exchange, "write": topic.write, "read": topic.read}
    return _object(
        "TopicPermission", f"{user.name}.{topic.exchange}", {"userReference": {"name": user.name}, "vhost": VHOST, "permissions": permissions}
    )
