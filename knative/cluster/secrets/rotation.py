"""Rotate keys and passwords of a cluster. The sets and their rules are those of one machine (`knative.machine.rotation`).

Both kinds of key sets hold the next key already, which every process has, so one write makes it the current one. The Secret's annotation has the
time of the rotation: a second one too early would refuse tokens that are still valid.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from functions.runtime.security import encryption, tokens
from knative.cluster.connection import ClusterApi
from knative.cluster.overlay import Object, Overlay
from knative.cluster.secrets.catalog import amqp_url
from knative.cluster.secrets.planned import is_external, values_of
from knative.machine.home import AMQP_USERS, CONTEXTS
from knative.machine.installation_objects import amqp_secret, reference, sealing_objects, signing_objects
from knative.machine.problems import NotApplicable, Problem
from knative.machine.rotation.command import refuse_early
from knative.machine.rotation.records import Record
from knative.machine.secrets import new_password

ROTATED_AT = "capsule.dev/rotated-at"
"""Annotation of a Secret: RFC 3339, UTC."""
MANAGER = "capsule-operator"
MOUNT_SECONDS = 120
"""How long the kubelet takes at most to bring a changed Secret to every pod."""
USER_KIND = ("rabbitmq.com/v1beta1", "User")


@dataclass(frozen=True)
class Rotation:
    """`objects`: made by `run`, to be applied together. `detail`: for the person at the terminal."""

    objects: list[Object]
    detail: str


Run = Callable[[ClusterApi, Overlay, datetime, bool], Rotation]


def rotate(cluster: ClusterApi, overlay: Overlay, name: str, now: datetime, *, is_forced: bool = False) -> tuple[str, list[Object]]:
    """Rotate one of ROTATIONS. Returns a summary and what was written. Raises: Problem, NotApplicable."""
    if name not in ROTATIONS:
        raise Problem(f'"{name}" cannot be rotated here.', OTHERS.get(name, f"One of: {', '.join(ROTATIONS)}"))
    rotation = ROTATIONS[name](cluster, overlay, now, is_forced)
    objects = [*rotation.objects, *overlay.copies_of(rotation.objects)]
    cluster.apply(objects, MANAGER)
    return rotation.detail, objects


def _rotate_signing(cluster: ClusterApi, _: Overlay, now: datetime, is_forced: bool) -> Rotation:
    stored = _stored(cluster, "auth-signing")
    private = json.loads(values_of(stored)["jwks.json"])
    if is_forced and not any(key.get(tokens.FRESH) for key in private["keys"]):
        return Rotation(_stamped(signing_objects(tokens.with_fresh_keys(private)), None), "fresh keys are published; repeat in 2 minutes to use them")
    if not is_forced:
        _refuse_early(stored, now)
    rotated = tokens.rotated_signing_jwks(private, is_forced=is_forced)
    kid = tokens.current_signing_key(rotated)["kid"]
    return Rotation(_stamped(signing_objects(rotated), now), f"key {kid[:12]} signs{'; all former ones were removed' if is_forced else ''}")


def _rotate_sealing(cluster: ClusterApi, _: Overlay, now: datetime, is_forced: bool) -> Rotation:
    """The next key becomes current. Every process must have it: the kubelet brings a Secret to all pods within MOUNT_SECONDS."""
    at = _rotated_at(_stored(cluster, f"{CONTEXTS[0]}-sealing"))
    if at is not None and (now - at).total_seconds() < MOUNT_SECONDS:
        raise NotApplicable("The sealing keys were rotated less than two minutes ago: not every process has the next ones yet.", "Wait, then repeat.")
    sets = {context: json.loads(values_of(_stored(cluster, f"{context}-sealing"))["keys.json"]) for context in CONTEXTS}
    if is_forced:
        sets = {context: encryption.with_next_key(private, is_fresh=True) for context, private in sets.items()}
    rotated = {context: encryption.rotated_private_keys(private, now) for context, private in sets.items()}
    return Rotation(_stamped(sealing_objects(rotated), now), f"{len(rotated)} keys; former ones stay readable")


def _rotate_broker(cluster: ClusterApi, overlay: Overlay, now: datetime, _: bool) -> Rotation:
    """New passwords. The topology operator gives them to RabbitMQ; processes read them when they connect the next time."""
    if not cluster.has(*USER_KIND):
        raise NotApplicable("The cluster has no RabbitMQ topology operator.", "Change passwords at your RabbitMQ, then pass the URLs with --replace.")
    objects = []
    for user in AMQP_USERS:
        username = values_of(_stored(cluster, f"{user}-amqp"))["username"]
        objects.append(amqp_secret(user, amqp_url(overlay, username, new_password())))
    return Rotation(_stamped(objects, now), f"{len(objects)} users; open connections stay, new ones use the new password within 2 minutes")


SIGNING, SEALING, BROKER = "signing", "sealing", "broker"
ROTATIONS: dict[str, Run] = {SIGNING: _rotate_signing, SEALING: _rotate_sealing, BROKER: _rotate_broker}
OTHERS = {
    "database": "Change the passwords at your PostgreSQL, then: ./taskw cluster secrets --apply --replace all CAPSULE_AUTH_DATABASE_URL=…",
    "stripe-webhook": "Roll it at Stripe, then: ./taskw cluster secrets --apply --replace all CAPSULE_STRIPE_WEBHOOK_SECRET=NEW,FORMER",
    "tls": "cert-manager renews certificates by itself: kubectl get certificates -A",
}


def _stored(cluster: ClusterApi, name: str) -> Object:
    """A Secret of the namespace. Raises: Problem when it does not exist or another system writes it."""
    found = cluster.get(reference(name))
    if found is None:
        raise Problem(f"The Secret {name} does not exist.", "Make it first: ./taskw cluster secrets --apply")
    if is_external(found):
        raise NotApplicable(f"Another system writes the Secret {name}.", "Rotate it in your secret store.")
    return {**found, "kind": "Secret"}


def _refuse_early(stored: Object, now: datetime) -> None:
    """Raises: NotApplicable while tokens of the key that would be removed may be valid."""
    if (at := _rotated_at(stored)) is not None:
        refuse_early(Record(SIGNING, at.isoformat(), "an operator", at.isoformat()), now)


def _rotated_at(stored: Object) -> datetime | None:
    text = (stored["metadata"].get("annotations") or {}).get(ROTATED_AT)
    return datetime.fromisoformat(text) if text else None


def _stamped(objects: list[Object], now: datetime | None) -> list[Object]:
    if now is None:
        return objects
    stamp = {ROTATED_AT: now.isoformat(timespec="milliseconds")}
    return [{**item, "metadata": {**item["metadata"], "annotations": stamp}} for item in objects]
