"""One RabbitMQ user for each context, the gateway, the dead-letter router and the topology Job, with the permissions that its declarations need.

RabbitMQ's rules (https://www.rabbitmq.com/docs/access-control), which an operation must pass before anything happens:

    publish         write on the exchange; on a topic exchange, the user's topic permission also matches the routing key
    consume, get    read on the queue
    declare, delete configure on it; with a dead-letter exchange also read on the queue and write on that exchange
    bind            write on the destination, read on the source; on a topic source, the topic permission to read also matches the binding key

    user        configure              write                                            read
    <context>   nothing                its events, replies, its own functions           the queues of its own Triggers
                                       (redelivery, delays)
    edge        its reply queues       capsule.commands, its reply queues               capsule.replies, its reply queues
    runtime     nothing                redelivery, delays, capsule.unroutable           nothing
    topology    our exchanges, queues  destinations of bindings                         sources of bindings

Nobody may write to the default exchange (`amq.default`): it reaches every queue. For two things RabbitMQ has no permission. A passive declaration
tells how many messages a queue holds to anybody who knows its name. A reply can be sent to any queue behind `capsule.replies` by a context that knows
its name, which cannot be guessed (UUIDv7, 74 random bits).

A context reads the queues of its own Triggers because warm functions on one machine consume them themselves (knative/local/eventing/consumer.py). The
queue of a Trigger is `<namespace>.<trigger>.<UID of the Broker>` and is never shortened, so its name is exact but for the UID.
"""

import re
from collections.abc import Iterable, Sequence

from functions.describe.catalog import CALLED, Catalog
from functions.describe.rabbitmq_user import NOTHING, RabbitMQUser, TopicPermission
from functions.describe.services import BROKER, NAMESPACE
from functions.kernel import Declaration, Kind
from functions.runtime.messaging import delays
from functions.runtime.messaging.bus import COMMANDS, DEAD_LETTERS, EVENTS, REDELIVERY, REPLIES
from functions.runtime.reliability.dead_letter_router import UNROUTABLE

ANY_KEY = "^.*$"
UUID = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"

EXCHANGES = (COMMANDS, EVENTS, REPLIES, DEAD_LETTERS, REDELIVERY, UNROUTABLE, *delays.EXCHANGES)
"""All that are ours; the topology Job declares them."""
QUEUES = (UNROUTABLE, *delays.EXCHANGES)
"""Likewise. A delay's queue has the name of its exchange."""
TO_FUNCTIONS = (REDELIVERY, *delays.EXCHANGES)
"""Topic exchanges whose routing key is the function that gets the message."""
TOPIC_EXCHANGES = (EVENTS, *TO_FUNCTIONS)

EDGE, RUNTIME, TOPOLOGY = "edge", "runtime", "topology"


def exactly(names: Iterable[str], *patterns: str) -> str:
    """The regular expression that matches these names and what these patterns match, whole, and nothing else."""
    choices = [*(_escaped(name) for name in dict.fromkeys(names)), *patterns]
    return f"^({'|'.join(choices)})$" if choices else NOTHING


def users(catalog: Catalog) -> Sequence[RabbitMQUser]:
    """All of them; contexts first, by name."""
    return [*(context_user(catalog, context) for context in catalog.contexts), edge_user(), runtime_user(), topology_user(catalog)]


def context_user(catalog: Catalog, context: str) -> RabbitMQUser:
    declarations = catalog.of_context(context)
    events = sorted({event.type for declaration in declarations for event in declaration.emits})
    answers = any(declaration.kind in CALLED for declaration in declarations)
    functions = exactly([], _functions(context, declarations))
    topics = [TopicPermission(EVENTS, write=exactly(events))] if events else []
    return RabbitMQUser(
        name=context,
        write=exactly([*([EVENTS] if events else []), *([REPLIES] if answers else []), *TO_FUNCTIONS]),
        read=exactly([], _trigger_queues(triggers(catalog, context))),
        topics=(*topics, *(TopicPermission(exchange, write=functions) for exchange in TO_FUNCTIONS)),
    )


def edge_user() -> RabbitMQUser:
    """The gateway asks, and declares a queue of its own for the replies."""
    replies = f"{_escaped(REPLIES)}\\.{UUID}"
    return RabbitMQUser(
        name=EDGE, configure=exactly([], replies), write=exactly([COMMANDS], replies), read=exactly([REPLIES], replies)
    )  # fmt: skip


def runtime_user() -> RabbitMQUser:
    """The dead-letter router sends what never reached its function back to it, whoever's it is: also to Triggers that are not ours."""
    return RabbitMQUser(
        name=RUNTIME,
        write=exactly([*TO_FUNCTIONS, UNROUTABLE]),
        topics=tuple(TopicPermission(exchange, write=ANY_KEY) for exchange in TO_FUNCTIONS),
    )


def topology_user(catalog: Catalog) -> RabbitMQUser:
    """The Job declares what is ours and binds it to the Broker's exchanges and the queues of our Triggers. It publishes and consumes nothing, but its
    permissions to bind would let it: into `capsule.commands` and out of our own queues."""
    main, dead_letters = _broker_exchange(""), _broker_exchange("dlx.")
    queues = _trigger_queues([name for context in catalog.contexts for name in triggers(catalog, context)])
    return RabbitMQUser(
        name=TOPOLOGY,
        configure=exactly([*EXCHANGES, *QUEUES]),
        write=exactly([COMMANDS, *QUEUES], main, dead_letters, queues),
        read=exactly([COMMANDS, EVENTS, DEAD_LETTERS, REDELIVERY, *QUEUES], main),
        topics=tuple(TopicPermission(exchange, read="^#$") for exchange in TOPIC_EXCHANGES),
    )


def triggers(catalog: Catalog, context: str) -> Sequence[str]:
    """Names of a context's Triggers: one a function, or one for all of them where they are grouped."""
    return [context, *(each.resource_name for each in catalog.of_context(context) if each.kind is not Kind.SCHEDULE)]


def _functions(context: str, declarations: Sequence[Declaration]) -> str:
    names = (declaration.name.removeprefix(f"{context}.") for declaration in declarations)
    return f"{_escaped(context)}\\.({'|'.join(map(_escaped, names))})"


def _trigger_queues(names: Sequence[str]) -> str:
    return f"{_escaped(NAMESPACE)}\\.({'|'.join(map(_escaped, names))})\\.{UUID}"


def _broker_exchange(kind: str) -> str:
    return f"{_escaped(f'b.{NAMESPACE}.{BROKER}.{kind}')}{UUID}"


def _escaped(name: str) -> str:
    return re.escape(name).replace("\\-", "-")  # outside of a class of characters a dash means itself
