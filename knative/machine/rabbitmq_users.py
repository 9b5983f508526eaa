"""RabbitMQ's users on one machine, over its management API: those of the declarations and knative/local's own, with exactly their permissions.

What is there already and right is left alone; what is no longer declared is taken away, and a user whose permissions have changed is disconnected,
since RabbitMQ remembers in a channel what it once allowed there. Clients connect again by themselves.
"""

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import quote

import yaml

from functions.describe.rabbitmq_user import NOTHING, RabbitMQUser, TopicPermission
from knative.machine import secrets
from knative.machine.home import PROJECT, Home
from knative.machine.problems import Problem

PERMISSIONS = PROJECT / "knative" / "base" / "rabbitmq.yaml"
"""What a cluster gets, too."""

KNATIVE = "knative"
"""knative/local's own user."""

TAG = "capsule"
"""Marks the users that are made here, so that one that is no longer declared is found. RabbitMQ grants nothing for it."""


class Management(Protocol):
    def management(self, method: str, path: str, body: object = None) -> Any: ...


@dataclass(frozen=True)
class Account:
    user: RabbitMQUser
    password: str


def password(home: Home, user: str) -> str:
    """Made once; letters and digits only."""
    return secrets.password(home, f"rabbitmq-{user}")


def declared(file: Path = PERMISSIONS) -> list[RabbitMQUser]:
    """The users of the generated manifests. Raises Problem if they are not there."""
    if not file.is_file():
        raise Problem(f"{file} is missing: RabbitMQ's users are made from it", "./taskw generate")
    manifests = [each for each in yaml.load_all(file.read_text(), getattr(yaml, "CSafeLoader", yaml.SafeLoader)) if each]
    topics: dict[str, list[TopicPermission]] = {}
    for manifest in manifests:
        if manifest["kind"] == "TopicPermission":
            topics.setdefault(manifest["spec"]["userReference"]["name"], []).append(TopicPermission(**manifest["spec"]["permissions"]))
    return [
        RabbitMQUser(name, **manifest["spec"]["permissions"], topics=tuple(topics.get(name, ())))
        for manifest in manifests
        if manifest["kind"] == "Permission" and (name := manifest["spec"]["userReference"]["name"])
    ]


def knative_user(declared: Sequence[RabbitMQUser]) -> RabbitMQUser:
    """knative/local is eventing-rabbitmq and the topology operator in one: it makes the exchanges and queues of Brokers and Triggers and what
    integrators declare as Exchange, Queue and Binding objects, publishes to Brokers, consumes Triggers' queues. Capsule's own exchanges it may bind
    others to, no more."""
    ours = "|".join(user.configure.removeprefix("^").removesuffix("$") for user in declared if user.configure != NOTHING)
    others = f"^(?!({ours})$)(?!amq\\.).+$"
    return RabbitMQUser(KNATIVE, configure=others, write=others, read=r"^(?!capsule\.replies\.).+$")


def accounts(home: Home) -> list[Account]:
    users = declared()
    return [Account(user, password(home, user.name)) for user in (*users, knative_user(users))]


def apply(server: Management, accounts: Sequence[Account], vhost: str = "/") -> list[str]:
    """Makes users and permissions what they should be in that virtual host; idempotent. Returns the names of the users that it changed."""
    there = {user["name"]: user for user in server.management("GET", "/api/users")}
    permissions = {each["user"]: each for each in server.management("GET", f"/api/vhosts/{quote(vhost, safe='')}/permissions")}
    topics: dict[str, list[dict[str, str]]] = {}
    for each in server.management("GET", f"/api/vhosts/{quote(vhost, safe='')}/topic-permissions"):
        topics.setdefault(each["user"], []).append(each)
    names = {account.user.name for account in accounts}
    removed = sorted(name for name, user in there.items() if TAG in user["tags"] and name not in names)
    for name in removed:
        server.management("DELETE", f"/api/users/{quote(name, safe='')}")
    changed = [
        account.user.name
        for account in accounts
        if _apply(server, account, vhost, there.get(account.user.name), permissions.get(account.user.name), topics.get(account.user.name, []))
    ]
    for name in (*removed, *changed):
        server.management("DELETE", f"/api/connections/username/{quote(name, safe='')}")
    return [*removed, *changed]


def _apply(server: Management, account: Account, vhost: str, there: Any, permission: Any, topics: list[dict[str, str]]) -> bool:
    user, name, place = account.user, quote(account.user.name, safe=""), quote(vhost, safe="")
    changed = False
    if there is None or there["tags"] != [TAG] or not has_password(there["password_hash"], account.password):
        server.management("PUT", f"/api/users/{name}", {"password": account.password, "tags": TAG})
        changed = True
    wanted = [{"exchange": topic.exchange, "write": topic.write, "read": topic.read} for topic in user.topics]
    found = [{key: topic[key] for key in ("exchange", "write", "read")} for topic in topics]
    if sorted(found, key=str) != sorted(wanted, key=str):  # before the permission: an exchange without one would allow every routing key
        for topic in wanted:
            server.management("PUT", f"/api/topic-permissions/{place}/{name}", topic)
        for exchange in {topic["exchange"] for topic in found} - {topic["exchange"] for topic in wanted}:
            server.management("DELETE", f"/api/topic-permissions/{place}/{name}/{quote(exchange, safe='')}")
        changed = True
    allowed = {"configure": user.configure, "write": user.write, "read": user.read}
    if permission is None or {key: permission[key] for key in allowed} != allowed:
        server.management("PUT", f"/api/permissions/{place}/{name}", allowed)
        changed = True
    return changed


def has_password(hash: str, password: str) -> bool:
    """Whether it is that password's: base64 of a salt of four bytes and SHA-256 of salt and password (https://www.rabbitmq.com/docs/passwords)."""
    salted = base64.b64decode(hash)
    return salted[4:] == hashlib.sha256(salted[:4] + password.encode()).digest()
