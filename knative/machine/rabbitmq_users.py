"""Creates RabbitMQ users on one machine through the management API: the users of the generated manifests and that of the one-machine Knative.

Users with the right permissions are left alone. Users that are no longer declared are deleted. A user whose permissions change is disconnected,
because RabbitMQ caches permissions per channel; clients reconnect by themselves.
"""

import base64
import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import quote

import yaml

from functions.describe.rabbitmq_user import NOTHING, RabbitMQUser, TopicPermission
from knative.machine.home import PROJECT, Home
from knative.machine.logins import Login, User
from knative.machine.problems import Problem

PERMISSIONS = PROJECT / "knative" / "base" / "rabbitmq.yaml"
"""The generated manifests that a cluster applies too."""

KNATIVE = "knative"
"""The user of the one-machine Knative."""

TAG = "capsule"
"""The tag of users that are created here, to find those that are no longer declared. It grants nothing."""


class Management(Protocol):
    """A client of the management API."""

    def management(self, method: str, path: str, body: object = None) -> Any: ...


@dataclass(frozen=True)
class Account:
    """A user and its password."""

    user: RabbitMQUser
    password: str


def user(home: Home, name: str) -> User:
    """A RabbitMQ user with its two logins."""
    return User(home, name, f"{name}-alternate", f"rabbitmq-{name}")


def declared(file: Path = PERMISSIONS) -> list[RabbitMQUser]:
    """Users that the generated manifests declare. Raises: Problem when the file is missing."""
    if not file.is_file():
        raise Problem(f"{file} is missing. It declares RabbitMQ's users.", "Generate it: ./taskw generate")
    manifests = [each for each in yaml.load_all(file.read_text(), getattr(yaml, "CSafeLoader", yaml.SafeLoader)) if each]
    topics: dict[str, list[TopicPermission]] = {}
    for manifest in manifests:
        if manifest["kind"] == "TopicPermission":
            topics.setdefault(manifest["spec"]["userReference"]["name"], []).append(TopicPermission(**manifest["spec"]["permissions"]))
    tags = {manifest["metadata"]["name"]: tuple(manifest["spec"].get("tags", ())) for manifest in manifests if manifest["kind"] == "User"}
    return [
        RabbitMQUser(name, **manifest["spec"]["permissions"], topics=tuple(topics.get(name, ())), tags=tags.get(name, ()))
        for manifest in manifests
        if manifest["kind"] == "Permission" and (name := manifest["spec"]["userReference"]["name"])
    ]


def knative_user(declared: Sequence[RabbitMQUser]) -> RabbitMQUser:
    """The user of the one-machine Knative, which takes the roles of eventing-rabbitmq and the topology operator.

    It declares exchanges and queues of Brokers and Triggers and those of Exchange, Queue and Binding objects, publishes to Brokers and consumes the
    queues of Triggers. It may bind Capsule's own exchanges, but not write to them or redeclare them.
    """
    own = "|".join(user.configure.removeprefix("^").removesuffix("$") for user in declared if user.configure != NOTHING)
    others = f"^(?!({own})$)(?!amq\\.).+$"
    return RabbitMQUser(KNATIVE, configure=others, write=others, read=r"^(?!capsule\.replies\.).+$")


def accounts(home: Home) -> list[Account]:
    """The current login of all users of this machine, with its permissions."""
    users = declared()
    return [_account(each, user(home, each.name).current) for each in (*users, knative_user(users))]


def former_logins(home: Home) -> list[str]:
    """Names of the logins of all users that are not current. Few of them exist."""
    users = declared()
    return [user(home, each.name).other for each in (*users, knative_user(users))]


def stage_logins(home: Home) -> list[Account]:
    """Give the other login of each user a new password. `apply` makes RabbitMQ accept it."""
    users = declared()
    return [_account(each, user(home, each.name).stage()) for each in (*users, knative_user(users))]


def switch_logins(home: Home) -> None:
    """Make the other login of each user the current one."""
    users = declared()
    for each in (*users, knative_user(users)):
        user(home, each.name).switch()


def close_former_logins(server: Management, home: Home) -> None:
    """Refuse the former passwords. Connections that are open stay: the login itself is kept, without a password. Idempotent."""
    names = former_logins(home)
    for each in server.management("GET", "/api/users"):
        if each["name"] in names and each["password_hash"]:
            server.management("PUT", f"/api/users/{quote(each['name'], safe='')}", {"password_hash": "", "tags": TAG})


def _account(declared: RabbitMQUser, login: Login) -> Account:
    return Account(replace(declared, name=login.name), login.password)


def apply(server: Management, accounts: Sequence[Account], vhost: str = "/", former: Collection[str] = ()) -> list[str]:
    """Create, change and delete users until they match `accounts` in that virtual host. Idempotent. Returns the names of the changed users.

    `former`: logins that are left alone (`close_former_logins`).
    """
    existing = {user["name"]: user for user in server.management("GET", "/api/users")}
    permissions = {each["user"]: each for each in server.management("GET", f"/api/vhosts/{quote(vhost, safe='')}/permissions")}
    topics: dict[str, list[dict[str, str]]] = {}
    for each in server.management("GET", f"/api/vhosts/{quote(vhost, safe='')}/topic-permissions"):
        topics.setdefault(each["user"], []).append(each)
    names = {account.user.name for account in accounts}
    removed = sorted(name for name, user in existing.items() if TAG in user["tags"] and name not in names and name not in former)
    for name in removed:
        server.management("DELETE", f"/api/users/{quote(name, safe='')}")
    has_password_changed = {each.user.name for each in accounts if _apply_password(server, each, existing.get(each.user.name))}
    changed = [
        account.user.name
        for account in accounts
        if _apply_permissions(server, account.user, vhost, permissions.get(account.user.name), topics.get(account.user.name, []))
    ]
    for name in (*removed, *changed):  # not for a new password: connections that are open stay, as a rotation needs
        server.management("DELETE", f"/api/connections/username/{quote(name, safe='')}")
    return [*removed, *(each.user.name for each in accounts if each.user.name in {*has_password_changed, *changed})]


def _apply_password(server: Management, account: Account, existing: Any) -> bool:
    tags = [TAG, *account.user.tags]
    if existing is not None and sorted(existing["tags"]) == sorted(tags) and has_password(existing["password_hash"], account.password):
        return False
    server.management("PUT", f"/api/users/{quote(account.user.name, safe='')}", {"password": account.password, "tags": ",".join(tags)})
    return True


def _apply_permissions(server: Management, user: RabbitMQUser, vhost: str, permission: Any, topics: list[dict[str, str]]) -> bool:
    name, vhost_path = quote(user.name, safe=""), quote(vhost, safe="")
    is_changed = False
    declared_topics = [{"exchange": topic.exchange, "write": topic.write, "read": topic.read} for topic in user.topics]
    current_topics = [{key: topic[key] for key in ("exchange", "write", "read")} for topic in topics]
    if sorted(current_topics, key=str) != sorted(declared_topics, key=str):  # first: an exchange without topic permission allows every routing key
        for topic in declared_topics:
            server.management("PUT", f"/api/topic-permissions/{vhost_path}/{name}", topic)
        for exchange in {topic["exchange"] for topic in current_topics} - {topic["exchange"] for topic in declared_topics}:
            server.management("DELETE", f"/api/topic-permissions/{vhost_path}/{name}/{quote(exchange, safe='')}")
        is_changed = True
    allowed = {"configure": user.configure, "write": user.write, "read": user.read}
    if permission is None or {key: permission[key] for key in allowed} != allowed:
        server.management("PUT", f"/api/permissions/{vhost_path}/{name}", allowed)
        is_changed = True
    return is_changed


def has_password(password_hash: str, password: str) -> bool:
    """Whether the hash is that of the password: base64 of a 4-byte salt and SHA-256(salt + password), https://www.rabbitmq.com/docs/passwords."""
    salted = base64.b64decode(password_hash)
    return salted[4:] == hashlib.sha256(salted[:4] + password.encode()).digest()
