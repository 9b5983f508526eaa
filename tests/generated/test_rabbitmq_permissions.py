"""Permissions of each RabbitMQ user, checked as RabbitMQ does: a regular expression searched in the name of a resource.

The expectations have other sources than the permissions: manifests (the Triggers of a context), AsyncAPI (the events it
sends) and knative/local (the names of a Broker's exchanges and a Trigger's queue).
"""

import re
from collections.abc import Mapping, Sequence

import pytest

from functions.describe import asyncapi, rabbitmq
from functions.describe.catalog import Catalog
from functions.describe.knative import context_manifests, group_manifests
from functions.describe.rabbitmq_permissions import EXCHANGES, QUEUES, TO_FUNCTIONS, exactly, users
from functions.describe.rabbitmq_user import RabbitMQUser
from functions.runtime.config.registry import Registry, contexts, wiring_of
from functions.runtime.messaging.exchanges import EVENTS
from knative.local.eventing import naming
from knative.machine.home import AMQP_USERS
from knative.machine.rabbitmq_users import declared, knative_user

CATALOG = Catalog.of(Registry.load().declarations)
USERS: Mapping[str, RabbitMQUser] = {user.name: user for user in users(CATALOG)}
UID = "0b9f1c52-3a4e-4d0f-8f6b-5a1d2c3e4f50"
TOPIC_EXCHANGES = (EVENTS, *TO_FUNCTIONS)
BROKER = {"metadata": {"namespace": "capsule", "name": "capsule", "uid": UID}}
REPLY_QUEUE = f"capsule.replies.{UID}"
DEFAULT = "amq.default"
"""RabbitMQ's name of the default exchange in permission checks."""


def queue_of(trigger: str) -> str:
    return naming.trigger_queue({"metadata": {"namespace": "capsule", "name": trigger, "uid": UID}}, BROKER)


def trigger_queues(context: str) -> set[str]:
    """Return the queues of a context's Triggers: one per function, and the grouped one."""
    manifests = [*context_manifests(CATALOG, context, wiring_of), *group_manifests(CATALOG, context, wiring_of)]
    return {queue_of(each["metadata"]["name"]) for each in manifests if each["kind"] == "Trigger"}


def events_of(context: str) -> set[str]:
    operations = asyncapi.document(CATALOG)["operations"].values()
    sent = [each for each in operations if each["action"] == "send" and each["tags"] == [{"name": context}]]
    return {message["$ref"].rpartition("/")[2] for each in sent for message in each["messages"]}


BROKER_EXCHANGES = (naming.broker_exchange(BROKER), naming.broker_dead_letter_exchange(BROKER))
QUEUES_OF = {context: trigger_queues(context) for context in contexts()}
NAMES = {
    *EXCHANGES,
    *QUEUES,
    *BROKER_EXCHANGES,
    REPLY_QUEUE,
    DEFAULT,
    "",
    "amq.topic",
    "orders",
    *(name for names in QUEUES_OF.values() for name in names),
}
"""Every exchange and queue of an installation, and some of others."""


def allowed(pattern: str, names: set[str] | Sequence[str]) -> set[str]:
    return {name for name in names if re.search(pattern, name)} - {""}  # no resource has an empty name: see DEFAULT


def keys_of(user: RabbitMQUser, exchange: str) -> str:
    (found,) = [topic.write for topic in user.topics if topic.exchange == exchange]
    return found


def test_there_is_a_user_for_each_context_the_collector_the_gateway_the_router_and_the_topology_job() -> None:
    assert tuple(USERS) == AMQP_USERS


def test_the_collector_publishes_its_three_events_and_nothing_else() -> None:
    user = USERS["collector"]
    assert allowed(user.configure, NAMES) == allowed(user.read, NAMES) == set()
    assert allowed(user.write, NAMES) == {"capsule.events"}
    (topic,) = user.topics
    types = {event.type for event in CATALOG.events}
    assert allowed(topic.write, types) == {"logs.collected", "requests.measured", "resources.measured"}
    assert allowed(topic.read, types) == set()


@pytest.mark.parametrize("context", contexts())
def test_a_context_publishes_events_replies_and_to_its_functions_and_reads_its_queues(context: str) -> None:
    user = USERS[context]
    assert allowed(user.configure, NAMES) == set()
    assert allowed(user.write, NAMES) == {"capsule.events", "capsule.replies", *TO_FUNCTIONS}
    assert allowed(user.read, NAMES) == QUEUES_OF[context]


@pytest.mark.parametrize("context", contexts())
def test_routing_keys_of_a_context_are_its_own_events_and_functions(context: str) -> None:
    user, types = USERS[context], {event.type for event in CATALOG.events}
    assert events_of(context)
    assert allowed(keys_of(user, "capsule.events"), types) == events_of(context)
    names = {declaration.name for declaration in CATALOG.declarations} | {f"{each}.*" for each in contexts()}
    for exchange in TO_FUNCTIONS:
        assert allowed(keys_of(user, exchange), names) == {declaration.name for declaration in CATALOG.of_context(context)}
    assert all(not allowed(topic.read, ["#", "*", *types, *names]) for topic in user.topics)


def test_the_gateway_publishes_commands_and_has_reply_queues() -> None:
    edge = USERS["edge"]
    assert allowed(edge.configure, NAMES) == {REPLY_QUEUE}
    assert allowed(edge.write, NAMES) == {"capsule.commands", REPLY_QUEUE}
    assert allowed(edge.read, NAMES) == {"capsule.replies", "capsule.events", REPLY_QUEUE}


def test_the_gateway_follows_the_ends_of_sessions_and_what_purges_cached_responses_and_publishes_nothing() -> None:
    (topic,), types = USERS["edge"].topics, {event.type for event in CATALOG.events}
    assert topic.exchange == "capsule.events"
    assert allowed(topic.read, types) == {
        *("session.ended", "audit.recorded", "team.changed", "team.deleted", "team-membership.changed"),
        *("user.deleted", "user.suspended", "user.unsuspended", "administrator.granted"),
        *("email.verified", "email.changed", "password.changed", "account-deletion.requested", "account.restored"),
    }
    assert allowed(topic.write, types) == set()


def test_the_dead_letter_router_publishes_to_any_function_and_reads_nothing() -> None:
    runtime = USERS["runtime"]
    assert allowed(runtime.configure, NAMES) == allowed(runtime.read, NAMES) == set()
    assert allowed(runtime.write, NAMES) == {*TO_FUNCTIONS, "capsule.unroutable"}
    keys = ["auth.register", "billing.*", "com.example.other"]
    assert all(allowed(keys_of(runtime, exchange), keys) == set(keys) for exchange in TO_FUNCTIONS)


def test_the_topology_job_declares_and_binds_capsules_exchanges_and_queues() -> None:
    topology, queues = USERS["topology"], {name for names in QUEUES_OF.values() for name in names}
    assert allowed(topology.configure, NAMES) == {*EXCHANGES, *QUEUES}
    assert allowed(topology.write, NAMES) == {"capsule.commands", *QUEUES, *BROKER_EXCHANGES, *queues}, "destinations; dead letters of the delays"
    assert allowed(topology.read, NAMES) == {*EXCHANGES, *QUEUES, BROKER_EXCHANGES[0]} - {"capsule.replies"}, "sources"
    assert {topic.exchange for topic in topology.topics} == set(TOPIC_EXCHANGES)
    for topic in topology.topics:
        readable = {"#", "auth.register"} if topic.exchange == EVENTS else {"#"}  # events are bound by type, also by those of foreign Triggers
        assert allowed(topic.read, ["#", "auth.register"]) == readable and not allowed(topic.write, ["auth.register"])


def test_only_the_gateway_and_the_topology_job_write_to_capsule_commands() -> None:
    assert {name for name, user in USERS.items() if allowed(user.write, ["capsule.commands"])} == {"edge", "topology"}


def test_no_user_writes_to_the_default_exchange() -> None:
    knative = knative_user(list(USERS.values()))
    assert not [user.name for user in (*USERS.values(), knative) for pattern in (user.configure, user.write) if allowed(pattern, [DEFAULT])]


def test_no_context_reads_queues_of_another() -> None:
    for context in contexts():
        others = set[str]().union(*(names for other, names in QUEUES_OF.items() if other != context))
        assert not allowed(USERS[context].read, others)


def test_every_user_of_a_topic_exchange_has_a_topic_permission() -> None:
    """Without a topic permission RabbitMQ allows every routing key."""
    for user in USERS.values():
        restricted = {topic.exchange for topic in user.topics}
        assert allowed(user.write, TOPIC_EXCHANGES) | allowed(user.read, TOPIC_EXCHANGES) <= restricted, user.name


@pytest.mark.parametrize(
    "name",
    [
        "capsule.eventsx", "xcapsule.events", "capsuleXevents", "capsule.delay.1", "capsule.delay.1sx", "capsule.delay.2s", "capsule.redelivery.auth",
        "capsule.auth-register", f"capsule.auth-register.{UID}.more", f"more.capsule.auth-register.{UID}", "capsule.auth-register.any-text",
        f"capsule.auth-register-too.{UID}", f"capsule.authXregister.{UID}", f"capsule-too.auth-register.{UID}", "capsule.replies.guessed",
        f"capsule.replies.{UID}.more", f"b.capsule.other.{UID}", f"b.capsule.capsule.{UID}.more",
    ],
)  # fmt: skip
def test_a_similar_name_matches_no_permission(name: str) -> None:
    found = [user.name for user in USERS.values() for pattern in (user.configure, user.write, user.read) if re.search(pattern, name)]
    assert found == []


def test_a_pattern_matches_names_literally_and_completely() -> None:
    pattern = exactly(["a.b", "auth.*", "c|d"])
    assert allowed(pattern, ["a.b", "auth.*", "c|d", "aXb", "auth.", "auth..", "c", "d", "a.bc", "xa.b"]) == {"a.b", "auth.*", "c|d"}
    assert allowed(exactly([]), ["a", "."]) == set()


def test_knative_local_creates_what_brokers_triggers_and_integrators_need_and_nothing_of_capsule() -> None:
    knative = knative_user(list(USERS.values()))
    trigger = {"metadata": {"namespace": "somewhere-else", "name": "a-trigger-with-a-long-name-that-is-shortened", "uid": UID}}
    eventing = {
        *BROKER_EXCHANGES, naming.broker_dead_letter_queue(BROKER), naming.trigger_dead_letter_exchange(trigger),
        naming.trigger_dead_letter_queue(trigger), naming.trigger_queue(trigger, BROKER), "orders",
    }  # fmt: skip
    of_capsule = {*EXCHANGES, *QUEUES, REPLY_QUEUE}
    for pattern in (knative.configure, knative.write):
        assert allowed(pattern, eventing | of_capsule) == eventing
    assert allowed(knative.read, eventing | of_capsule) == (eventing | of_capsule) - {REPLY_QUEUE}


def test_one_machine_creates_the_same_users_as_a_cluster() -> None:
    """It reads them from the generated manifests, which `test_drift` keeps up to date."""
    assert declared() == list(USERS.values())


def test_the_manifests_have_users_secrets_and_permissions() -> None:
    manifests = rabbitmq.manifests(list(USERS.values()))
    of_auth = [each for each in manifests if each["metadata"]["name"].split(".")[0] == "auth"]
    assert [each["kind"] for each in of_auth] == ["User", *["TopicPermission"] * len(USERS["auth"].topics), "Permission"]
    assert of_auth[0]["spec"]["importCredentialsSecret"] == {"name": "auth-amqp"}
    assert "tags" not in of_auth[0]["spec"], "it must not use the management API"
    assert len({(each["kind"], each["metadata"]["name"]) for each in manifests}) == len(manifests)
