"""Names of eventing-rabbitmq's objects (expected values follow Knative's kmeta.ChildName)."""

import hashlib

from knative.local.eventing import naming

UID = "0f2f0000-0000-4000-8000-000000000000"


def broker(name: str, namespace: str = "capsule") -> dict[str, object]:
    return {"metadata": {"namespace": namespace, "name": name, "uid": UID}}


def test_short_names_are_unchanged() -> None:
    assert naming.broker_exchange(broker("capsule")) == f"b.capsule.capsule.{UID}"
    assert naming.broker_dead_letter_exchange(broker("capsule")) == f"b.capsule.capsule.dlx.{UID}"
    assert naming.broker_dead_letter_queue(broker("capsule")) == f"b.capsule.capsule.dlq.{UID}"


def test_long_names_are_cut_and_hashed() -> None:
    whole = f"b.capsule.a-rather-long-name-of-a-broker.{UID}"
    expected = whole[:31] + hashlib.md5(whole.encode(), usedforsecurity=False).hexdigest()
    assert naming.broker_exchange(broker("a-rather-long-name-of-a-broker")) == expected
    assert len(expected) == 63


def test_a_slightly_too_long_name_keeps_the_start_of_its_suffix() -> None:
    parent = "b.capsule.four-more-letters."  # 28 characters: one too many
    assert len(parent) == 28
    digest = hashlib.md5((parent + UID).encode(), usedforsecurity=False).hexdigest()
    assert naming.broker_exchange(broker("four-more-letters")) == parent + digest + UID[:3]


def test_queue_names_in_rabbitmq_are_not_cut() -> None:
    trigger = broker("a-rather-long-name-of-a-trigger-that-goes-on")
    assert naming.trigger_queue(trigger, broker("capsule")) == f"capsule.a-rather-long-name-of-a-trigger-that-goes-on.{UID}"
