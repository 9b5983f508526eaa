"""Derive one RabbitMQ user for each context, the collector, the gateway, the dead-letter router and the topology Job, with least permissions.

RabbitMQ's rules (https://www.rabbitmq.com/docs/access-control):

    publish         write on the exchange; on a topic exchange, the user's topic permission also matches the routing key
    consume, get    read on the queue
    declare, delete configure on it; with a dead-letter exchange also read on the queue and write on that exchange
    bind            write on the destination, read on the source; on a topic source, the topic permission to read also matches the binding key

    user        configure              write                                            read
    <context>   nothing                its events, replies, its own functions           the queues of its own Triggers
                                       (redelivery, delays)
    collector   nothing                its three events                                 nothing
    edge        its reply queues       capsule.commands, its reply queues               capsule.replies, its reply queues,
                                                                                        events that it follows
    runtime     nothing                redelivery, delays, capsule.unroutable           nothing
    topology    its exchanges, queues  destinations of bindings                         sources of bindings

No user may write to the default exchange (`amq.default`), which reaches every queue. RabbitMQ has no permission for two
operations. A passive declaration reveals the number of messages in a queue to anyone who knows its name. A context can
send a reply to any queue bound to `capsule.replies` whose name it knows; names cannot be guessed (UUIDv7, 74 random bits).

A context with the port `Queues` reads numbers of messages and consumers from the management API: its user has the tag `management`.

A context reads the queues of its own Triggers because functions on one machine may consume them directly. The queue of a
Trigger is `<namespace>.<trigger>.<UID of the Broker>` and is never shortened, so only the UID is a pattern.
"""

import re
from collections.abc import Iterable, Sequence

from events.auth import SessionEnded
from functions.describe.catalog import CALLED, Catalog
from functions.describe.knative import COLLECTED
from functions.describe.rabbitmq_user import NOTHING, RabbitMQUser, TopicPermission
from functions.describe.services import BROKER, NAMESPACE
from functions.edge.gateway.cache.purges import followed_events
from functions.kernel import Declaration, Kind
from functions.runtime.messaging import delays
from functions.runtime.messaging.exchanges import COMMANDS, DEAD_LETTERS, EVENTS, REDELIVERY, REPLIES
from functions.runtime.reliability.dead_letter_router import UNROUTABLE

ANY_KEY = "^.*$"
UUID = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"

EXCHANGES = (COMMANDS, EVENTS, REPLIES, DEAD_LETTERS, REDELIVERY, UNROUTABLE, *delays.EXCHANGES)
"""Capsule's exchanges; the topology Job declares them."""
QUEUES = (UNROUTABLE, *delays.EXCHANGES)
"""Capsule's queues; the topology Job declares them. A delay's queue has the name of its exchange."""
TO_FUNCTIONS = (REDELIVERY, *delays.EXCHANGES)
"""Topic exchanges whose routing key is the name of the function that gets the message."""

COLLECTOR, EDGE, RUNTIME, TOPOLOGY = "collector", "edge", "runtime", "topology"


def exactly(names: Iterable[str], *patterns: str) -> str:
    """Return the anchored regular expression that matches these names and patterns, and nothing else."""
    choices = [*(_escape(name) for name in dict.fromkeys(names)), *patterns]
    return f"^({'|'.join(choices)})$" if choices else NOTHING


def users(catalog: Catalog) -> Sequence[RabbitMQUser]:
    """Return all users: those of contexts by name, then the others."""
    contexts = [context_user(catalog, context) for context in catalog.contexts]
    return [*contexts, collector_user(), edge_user(catalog), runtime_user(), topology_user(catalog)]


def context_user(catalog: Catalog, context: str) -> RabbitMQUser:
    declarations = catalog.of_context(context)
    events = sorted({event.type for declaration in declarations for event in declaration.emits})
    has_replies = any(declaration.kind in CALLED for declaration in declarations)
    functions = exactly([], _functions(context, declarations))
    topics = [TopicPermission(EVENTS, write=exactly(events))] if events else []
    return RabbitMQUser(
        name=context,
        write=exactly([*([EVENTS] if events else []), *([REPLIES] if has_replies else []), *TO_FUNCTIONS]),
        read=exactly([], _trigger_queues(triggers(catalog, context))),
        topics=(*topics, *(TopicPermission(exchange, write=functions) for exchange in TO_FUNCTIONS)),
        tags=("management",) if any("Queues" in _ports(declaration) for declaration in declarations) else (),
    )


def _ports(declaration: Declaration) -> set[str]:
    return {getattr(port, "__name__", "") for port in declaration.dependencies.values()}


def collector_user() -> RabbitMQUser:
    """The collector of a cluster publishes what it has measured, and nothing else."""
    return RabbitMQUser(name=COLLECTOR, write=exactly([EVENTS]), topics=(TopicPermission(EVENTS, write=exactly(sorted(COLLECTED))),))


def edge_user(catalog: Catalog) -> RabbitMQUser:
    """The gateway publishes commands. Its own queue is for replies, the ends of sessions, and events that purge cached responses."""
    followed = [SessionEnded.type, *followed_events(catalog.declarations)]
    replies = f"{_escape(REPLIES)}\\.{UUID}"
    return RabbitMQUser(
        name=EDGE,
        configure=exactly([], replies),
        write=exactly([COMMANDS], replies),
        read=exactly([REPLIES, EVENTS], replies),
        topics=(TopicPermission(EVENTS, read=exactly(followed)),),
    )


def runtime_user() -> RabbitMQUser:
    """The dead-letter router returns undelivered messages to their functions, also to those of Triggers outside Capsule."""
    return RabbitMQUser(
        name=RUNTIME,
        write=exactly([*TO_FUNCTIONS, UNROUTABLE]),
        topics=tuple(TopicPermission(exchange, write=ANY_KEY) for exchange in TO_FUNCTIONS),
    )


def topology_user(catalog: Catalog) -> RabbitMQUser:
    """The Job declares Capsule's exchanges and queues and binds them to the Broker's exchanges and the Triggers' queues.

    Events are bound by type, also by those of foreign Triggers. It publishes and
    consumes nothing. Its permissions to bind would allow it, for `capsule.commands` and Capsule's queues.
    """
    main, dead_letters = _broker_exchange(""), _broker_exchange("dlx.")
    queues = _trigger_queues([name for context in catalog.contexts for name in triggers(catalog, context)])
    return RabbitMQUser(
        name=TOPOLOGY,
        configure=exactly([*EXCHANGES, *QUEUES]),
        write=exactly([COMMANDS, *QUEUES], main, dead_letters, queues),
        read=exactly([COMMANDS, EVENTS, DEAD_LETTERS, REDELIVERY, *QUEUES], main),
        topics=(TopicPermission(EVENTS, read=ANY_KEY), *(TopicPermission(exchange, read="^#$") for exchange in TO_FUNCTIONS)),
    )


def triggers(catalog: Catalog, context: str) -> Sequence[str]:
    """Return the names of a context's Triggers: one per function, and the one of the grouped context."""
    return [context, *(each.resource_name for each in catalog.of_context(context) if each.kind is not Kind.SCHEDULE)]


def _functions(context: str, declarations: Sequence[Declaration]) -> str:
    names = (declaration.name.removeprefix(f"{context}.") for declaration in declarations)
    return f"{_escape(context)}\\.({'|'.join(map(_escape, names))})"


def _trigger_queues(names: Sequence[str]) -> str:
    return f"{_escape(NAMESPACE)}\\.({'|'.join(map(_escape, names))})\\.{UUID}"


def _broker_exchange(kind: str) -> str:
    return f"{_escape(f'b.{NAMESPACE}.{BROKER}.{kind}')}{UUID}"


def _escape(name: str) -> str:
    return re.escape(name).replace("\\-", "-")  # a dash outside of a character class needs no escape
